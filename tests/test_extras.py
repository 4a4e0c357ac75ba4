"""Without the library of an extra, an error names the extra before any work is done."""

import argparse
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from wsal.active.label_issues import find_issues
from wsal.classifier.lora import with_lora
from wsal.classifier.tracking import tracker_log
from wsal.commands import serve
from wsal.commands.run import _require_extras
from wsal.errors import ConfigError
from wsal.export.openvino import OpenVino
from wsal.launch.on_ray import on_ray
from wsal.serving.backends import open_engine
from wsal.settings import EncoderSettings, LauncherSettings, TrackerSettings


def track(kind):
    with tracker_log(TrackerSettings(kind), "pretrain"):
        raise AssertionError("not reached")


def parts(review=0, tracker="none", lora_rank=0, launcher="local", **formats):
    return {
        "active": SimpleNamespace(review=review),
        "export": SimpleNamespace(formats=formats),
        "tracker": TrackerSettings(tracker),
        "launcher": LauncherSettings(launcher),
        "encoder": EncoderSettings("tiny", lora_rank=lora_rank),
    }


@pytest.mark.parametrize(
    ("module", "extra", "call"),
    [
        ("cleanlab", "review", lambda: find_issues(np.eye(4), np.arange(4), None)),
        ("cleanlab", "review", lambda: _require_extras(parts(review=5))),
        ("prometheus_client", "serve", lambda: serve.run(argparse.Namespace())),
        ("peft", "lora", lambda: _require_extras(parts(lora_rank=8))),
        ("mlflow", "mlflow", lambda: _require_extras(parts(tracker="mlflow"))),
        ("ray", "ray", lambda: on_ray(None, [0], None, LauncherSettings("ray"), print)),
        ("peft", "lora", lambda: with_lora(None, 8, 0)),
        ("openvino", "openvino", lambda: open_engine(SimpleNamespace(folder=None), "openvino")),
        ("openvino", "openvino", lambda: OpenVino().export(None)),
        ("openvino", "openvino", lambda: _require_extras(parts(openvino=OpenVino()))),
        ("tensorboard", "tensorboard", lambda: track("tensorboard")),
        ("wandb", "wandb", lambda: track("wandb")),
        ("mlflow", "mlflow", lambda: track("mlflow")),
        ("trackio", "trackio", lambda: track("trackio")),
    ],
)
def test_without_its_library_the_extra_is_named(monkeypatch, module, extra, call):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(
        ConfigError, match=rf'needs {module}; install it: pip install "wsal\[{extra}\]"'
    ):
        call()


def test_what_is_not_asked_for_need_not_be_installed(monkeypatch):
    for module in ("cleanlab", "openvino", "peft"):
        monkeypatch.setitem(sys.modules, module, None)
    _require_extras(parts())
    assert with_lora("model", 0, 0) == "model"
