"""Where torch runs and how: probes that change nothing, settings that are put back."""

import threading
from types import SimpleNamespace

import pytest
import torch

from wsal.classifier import hardware
from wsal.errors import ConfigError
from wsal.settings import EncoderSettings, HardwareSettings, LauncherSettings, RaySettings

CPU = HardwareSettings("cpu")


def test_what_was_set_is_set_again(monkeypatch):
    monkeypatch.setattr(hardware, "_onednn_helps", lambda: True)
    matmul, threads = torch.backends.mkldnn.matmul, torch.get_num_threads()
    before = matmul.fp32_precision
    with pytest.raises(KeyError), hardware.fast_products(HardwareSettings("cpu", threads=3)):
        assert (matmul.fp32_precision, torch.get_num_threads()) == (hardware.ONEDNN, 3)
        raise KeyError
    assert (matmul.fp32_precision, torch.get_num_threads()) == (before, threads)


def a_backend():
    return SimpleNamespace(matmul=SimpleNamespace(fp32_precision="ieee"))


def test_threads_that_come_and_go_in_any_order_leave_the_setting_as_it_was():
    backend, second_in, first_out = a_backend(), threading.Event(), threading.Event()
    inside = []

    def first():
        with hardware._fp32_precision(backend, "bf16"):
            starts.set()
            second_in.wait(10)
        first_out.set()

    def second():
        starts.wait(10)
        with hardware._fp32_precision(backend, "bf16"):
            second_in.set()
            first_out.wait(10)
            inside.append(backend.matmul.fp32_precision)  # the first has gone, and this one goes on

    starts = threading.Event()
    both = [threading.Thread(target=work) for work in (first, second)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert inside == ["bf16"]
    assert backend.matmul.fp32_precision == "ieee"


def test_backends_are_held_apart():
    one, other = a_backend(), a_backend()
    with hardware._fp32_precision(one, "bf16"), hardware._fp32_precision(other, "tf32"):
        assert (one.matmul.fp32_precision, other.matmul.fp32_precision) == ("bf16", "tf32")
    assert (one.matmul.fp32_precision, other.matmul.fp32_precision) == ("ieee", "ieee")


@pytest.mark.parametrize(("gain", "wrong", "pays"), [(1.1, 0, False), (2, 0, True), (2, 1, False)])
def test_onednn_only_where_it_is_faster_and_as_exact(monkeypatch, gain, wrong, pays):
    matmul = torch.backends.mkldnn.matmul

    def rounded(values, weights):
        exact = (values.double() @ weights.double().T).float()  # on every processor the same
        return exact + (wrong if matmul.fp32_precision == hardware.ONEDNN else 0)

    monkeypatch.setattr(hardware, "linear", rounded)
    monkeypatch.setattr(hardware, "_speedup", lambda *_: gain)
    assert hardware._probe_onednn.__wrapped__() == pays


def test_precision_that_is_asked_for_is_used():
    for precision in ("bf16", "fp32"):
        encoder = EncoderSettings("tiny", precision=precision)
        assert hardware.uses_bf16(encoder, CPU) == (precision == "bf16")
        with hardware.autocast(encoder, CPU):
            kind = torch.nn.functional.linear(torch.ones(1, 2), torch.ones(1, 2)).dtype
        assert kind == {"bf16": torch.bfloat16, "fp32": torch.float32}[precision]


def test_a_probe_gives_one_answer():
    assert len({hardware.uses_bf16(EncoderSettings("tiny"), CPU) for _ in range(3)}) == 1


@pytest.mark.parametrize(("helps", "kind"), [(True, "onednn"), (False, "default")])
def test_what_probes_find_is_settled_for_all_processes(monkeypatch, helps, kind):
    monkeypatch.setattr(hardware, "_onednn_helps", lambda: helps)
    monkeypatch.setattr(hardware, "_bf16_helps", lambda: helps)
    encoder, settled = hardware.settled(EncoderSettings("tiny"), CPU, LauncherSettings())
    assert (encoder.precision, settled.products) == ("bf16" if helps else "fp32", kind)
    monkeypatch.setattr(hardware, "_onednn_helps", lambda: not helps)
    before = torch.backends.mkldnn.matmul.fp32_precision
    with hardware.fast_products(settled):
        inside = torch.backends.mkldnn.matmul.fp32_precision
    assert (inside == hardware.ONEDNN) == helps or before == hardware.ONEDNN
    asked = EncoderSettings("tiny", precision="fp32"), HardwareSettings("cpu", products="default")
    assert hardware.settled(*asked, LauncherSettings()) == asked
    on_gpus = LauncherSettings("ray", ray=RaySettings(gpus=1))
    assert hardware.settled(encoder, CPU, on_gpus) == (encoder, CPU)
    without = LauncherSettings("ray")  # whatever this machine has, actors see no GPU
    assert hardware.settled(encoder, HardwareSettings(), without)[1].device == "cpu"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there():
    assert hardware.device_of(HardwareSettings()).type == "cpu"
    assert hardware.peak_flops(HardwareSettings()) is None
    with pytest.raises(ConfigError, match="torch sees no GPU; use device=auto"):
        hardware.device_of(HardwareSettings("cuda"))
