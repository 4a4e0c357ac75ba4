"""What is exported gives what the classifier gives, and is left out or refused if it does not."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from helpers import tiny_classifier, with_head
from transformers import (
    AlbertConfig,
    BertConfig,
    DebertaV2Config,
    DistilBertConfig,
    ElectraConfig,
    ModernBertConfig,
    MPNetConfig,
    RobertaConfig,
)
from transformers import AutoModelForSequenceClassification as Auto

from wsal.classifier.encoder import load_classifier
from wsal.classifier.inference import predict
from wsal.classifier.lora import merged, with_lora
from wsal.errors import ConfigError, ParityError
from wsal.export.base import HARD_INPUTS, ExportContext
from wsal.export.calibration import (
    apply_temperature,
    fit_temperature,
    fit_thresholds,
    fold_temperature,
)
from wsal.export.onnx import Onnx, onnx_run, write_onnx
from wsal.export.onnx_rounded import OnnxFp16, OnnxInt8
from wsal.export.openvino import OpenVino
from wsal.export.torch_export import TorchExport
from wsal.export.triton import Triton
from wsal.labels import LabelSet
from wsal.rounds.exporting import require_same_tokens
from wsal.targets import find

TEXTS = ["red kettle 2 l", "gaming laptop 15 inch", "a novel", "kettle lid | Brand"] * 5
SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
FAMILIES = {
    "bert": (BertConfig, {**SIZES, "intermediate_size": 64}),
    "distilbert": (DistilBertConfig, {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64}),
    "roberta": (RobertaConfig, {**SIZES, "intermediate_size": 64, "pad_token_id": 0}),
    "electra": (ElectraConfig, {**SIZES, "intermediate_size": 64, "embedding_size": 16}),
    "albert": (AlbertConfig, {**SIZES, "intermediate_size": 64, "embedding_size": 16}),
    "mpnet": (MPNetConfig, {**SIZES, "intermediate_size": 64, "pad_token_id": 0}),
    "deberta-v2": (DebertaV2Config, {**SIZES, "intermediate_size": 64}),
    "modernbert": (ModernBertConfig, {**SIZES, "intermediate_size": 64, "pad_token_id": 0}),
}


@pytest.fixture
def context(tiny, tmp_path):
    """Of a tiny classifier that is sure of itself."""
    return make_context(with_head(tiny(TEXTS), 30), tmp_path)


@pytest.fixture(scope="session")
def onnx_folder(built_once):
    """A folder with such a classifier and its fp32 file: writing that takes seconds."""

    def fill(folder):
        classifier = with_head(tiny_classifier(TEXTS), 30)
        classifier.save(folder)
        write_onnx(classifier, folder / "model.onnx")

    return built_once("onnx_of_tiny", fill)


@pytest.fixture
def with_fp32(tiny, onnx_folder, tmp_path):
    """Its context when the fp32 file is written already."""
    new = tiny(TEXTS)
    classifier = load_classifier(onnx_folder, new.encoder, new.hardware)
    classifier.model.eval()
    context = make_context(classifier, tmp_path)
    shutil.copy(onnx_folder / "model.onnx", context.scratch)
    return context


def make_context(classifier, folder, gold=None, texts=TEXTS):
    (folder / "out").mkdir()
    (folder / "scratch").mkdir()
    classifier.save(folder / "out")
    return ExportContext(classifier, folder / "out", folder / "scratch", texts, gold, texts)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_onnx_gives_the_logits_of_torch_for_each_family(tiny, tmp_path, family):
    classifier = tiny(TEXTS)
    make, sizes = FAMILIES[family]
    torch.manual_seed(0)
    config = make(
        vocab_size=len(classifier.tokenizer), num_labels=3, max_position_embeddings=40, **sizes
    )
    model = Auto.from_config(config, attn_implementation="eager").eval()
    parity = Onnx().export(make_context(with_head(replace(classifier, model=model), 30), tmp_path))
    assert parity["n_texts"] == len(TEXTS) + len(HARD_INPUTS)
    assert (parity["agreement"], parity["n_other_labels"]) == (1, 0)
    assert parity["largest_difference"] < 1e-3
    assert parity["axes"]["input_ids"] == ["batch", "length"]
    assert parity["axes"]["logits"] == ["batch", 3]
    assert parity["opset"] >= 18


@pytest.mark.slow
def test_lora_is_merged_and_exported(tiny, tmp_path):
    classifier = with_head(tiny(TEXTS), 30)
    before, _ = predict(classifier, TEXTS, "before")
    model = with_lora(classifier.model, 2, 0)
    for name, values in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(values)
    classifier = replace(classifier, model=merged(model))
    after, _ = predict(classifier, TEXTS, "after")
    assert np.abs(before - after).max() > 0.01
    assert Onnx().export(make_context(classifier, tmp_path))["largest_difference"] < 1e-3


@pytest.mark.slow
def test_a_model_that_differs_is_refused(with_fp32):
    context = with_fp32
    Onnx().export(context)
    model = onnx.load(context.out / "onnx/model.onnx")
    (head,) = (t for t in model.graph.initializer if t.name == "model.classifier.weight")
    values = onnx.numpy_helper.to_array(head) * np.float32(1.1)
    head.CopyFrom(onnx.numpy_helper.from_array(values, head.name))
    onnx.save(model, context.scratch / "other.onnx")
    with pytest.raises(ParityError, match=r"other.onnx differs from torch by up to"):
        context.require_parity(onnx_run(context.scratch / "other.onnx"), 1e-3, Path("other.onnx"))


def test_agreement_is_a_share_of_the_texts(context):
    """The first text is alone in the first batch, and then in two others: it counts once."""
    context.classifier.model.eval()
    batches = iter(range(len(context.batches)))

    def run(ids, mask):
        logits = context._run_torch(ids, mask)
        here = context.batches[next(batches)] == 0
        return np.where(here[:, None], -logits, logits)

    parity, n = context.compare(run), len(TEXTS) + len(HARD_INPUTS)
    assert (parity["n_texts"], parity["n_other_labels"]) == (n, 1)
    assert parity["agreement"] == pytest.approx(1 - 1 / n)


def test_nothing_but_numbers_passes_for_near(context):
    with pytest.raises(ParityError, match="inf in a logit"):
        context.require_parity(lambda ids, _: np.full((len(ids), 3), np.nan), 1e-3, Path("x"))


@pytest.mark.slow
@pytest.mark.parametrize(("exporter", "times"), [(OnnxInt8(0.5, 1), 2.5), (OnnxFp16(), 1.8)])
def test_rounded_files_are_smaller_and_near(with_fp32, exporter, times):
    context = with_fp32
    parity = exporter.export(context)
    assert parity["holds"]
    assert 0 < parity["largest_difference"] < 30
    rounded, whole = (
        p.stat().st_size for p in (context.out / parity["file"], context.scratch / "model.onnx")
    )
    assert rounded * times < whole


@pytest.mark.slow
def test_int8_tries_every_way_before_it_gives_up(with_fp32):
    context = with_fp32
    parity = OnnxInt8(agreement=1.1).export(context)  # nothing reaches that
    ways = ["dynamic", "per channel", "static, calibrated", "without the worst layers"]
    assert [attempt["way"] for attempt in parity["tried"]] == ways
    assert all("error" not in attempt for attempt in parity["tried"]), parity
    assert "per channel: agrees with torch on" in parity["left_out"]
    assert not (context.out / "onnx").exists()


@pytest.mark.slow
def test_torch_export_openvino_and_triton(with_fp32):
    context = with_fp32
    assert TorchExport().export(context)["largest_difference"] < 1e-3
    assert (context.out / "torch/model.pt2").exists()
    assert OpenVino().export(context)["largest_difference"] < 1e-3
    assert (context.out / "openvino/openvino_model.bin").exists()
    assert Triton(name="shop").export(context)["n_other_labels"] == 0
    config = (context.out / "triton/shop/config.pbtxt").read_text()
    assert config.count("{") == config.count("}")
    assert 'name: "shop"' in config
    assert "dims: [ 3 ]" in config
    assert (context.out / "triton/shop/1/model.onnx").exists()
    assert (context.out / "triton/shop/labels.txt").read_text() == "class 0\nclass 1\nclass 2\n"


@pytest.mark.slow
def test_the_script_needs_nothing_of_wsal(with_fp32):
    context = with_fp32
    from wsal.export.card import SCRIPT

    Onnx().export(context)
    (context.out / SCRIPT.name).write_text(SCRIPT.read_text())
    (context.out / "labels.json").write_text('["class 0", "class 1", "class 2"]')
    config = json.loads((context.out / "config.json").read_text())
    config["wsal"] = {"max_length": 32, "pad_id": context.classifier.tokenizer.pad_token_id}
    (context.out / "config.json").write_text(json.dumps(config))
    block = "import sys; sys.modules.update(dict.fromkeys(['torch', 'transformers', 'wsal']));"
    run = f"{block} import runpy; runpy.run_path('predict_onnx.py', run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", run], cwd=context.out, input="\n".join(TEXTS),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    probs, _ = predict(context.classifier, TEXTS, "test")
    assert [row[0] for row in rows] == [f"class {c}" for c in probs.argmax(axis=1)]
    np.testing.assert_allclose([float(r[1]) for r in rows], probs.max(axis=1), atol=6e-4)
    assert [row[2] for row in rows] == TEXTS


def test_other_word_pieces_are_refused(context):
    require_same_tokens(context)
    path = context.out / "tokenizer.json"
    tokenizer = json.loads(path.read_text())
    vocabulary = tokenizer["model"]["vocab"]
    vocabulary["kettle"], vocabulary["novel"] = vocabulary["novel"], vocabulary["kettle"]
    path.write_text(json.dumps(tokenizer))
    with pytest.raises(ParityError, match=r"tokenizer\.json alone splits 'red kettle"):
        require_same_tokens(context)


def test_a_folded_temperature_is_found_again_and_calibrates(tiny):
    draws = np.random.default_rng(0)
    logits = draws.normal(size=(4000, 3)) * 2
    true = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    gold = np.array([draws.choice(3, p=row) for row in true])
    sure = apply_temperature(true.astype(np.float32), 1 / 2.5)
    fitted = fit_temperature(sure, gold, np.ones(4000))
    assert fitted == pytest.approx(2.5, rel=0.1)
    np.testing.assert_allclose(apply_temperature(sure, fitted).argmax(1), sure.argmax(1))
    # a wrong label on a sure text does not make all the others unsure
    gold[sure.max(axis=1).argmax()] = (sure[sure.max(axis=1).argmax()].argmax() + 1) % 3
    assert fit_temperature(sure, gold, np.ones(4000)) == pytest.approx(fitted, rel=0.05)
    classifier = with_head(tiny(TEXTS), 30)
    before, _ = predict(classifier, TEXTS, "before")
    fold_temperature(classifier.model, 2.5)
    after, _ = predict(classifier, TEXTS, "after")
    np.testing.assert_allclose(after, apply_temperature(before, 2.5), atol=1e-5)


def test_thresholds_have_the_wanted_precision_and_are_the_least():
    draws, labels = np.random.default_rng(1), LabelSet(("a", "b", "c", "rare"))
    sure = draws.uniform(0.3, 1, 3000)
    predicted = draws.integers(0, 3, 3000)
    predicted[:5] = 3
    probs = np.zeros((3000, 4), dtype=np.float32)
    probs[np.arange(3000), predicted] = sure
    gold = np.where(draws.random(3000) < sure, predicted, (predicted + 1) % 3)
    gold[predicted == 2] = 0  # never right
    weights = draws.integers(1, 4, 3000).astype(float)
    thresholds = fit_thresholds(probs, gold, weights, labels, 0.9)
    assert thresholds["c"]["threshold"] is None
    overall = thresholds["rare"]["threshold"]
    for name, number in (("a", 0), ("b", 1)):
        least = thresholds[name]["threshold"]
        own = predicted == number

        def precision(t, own=own):
            kept = own & (probs.max(axis=1) >= t)
            return (weights * (predicted == gold))[kept].sum() / weights[kept].sum()

        assert precision(least) >= 0.9
        assert thresholds[name]["precision"] == pytest.approx(precision(least))
        lower = [t for t in np.unique(probs.max(axis=1)[own]) if t < least]
        assert all(precision(t) < 0.9 for t in lower)
        assert overall != least


def test_openvino_says_what_to_install(context, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(ConfigError, match=r"wsal\[openvino\]"):
        OpenVino().export(context)


@pytest.mark.parametrize("exporter", [Onnx, OnnxInt8, OnnxFp16, OpenVino, TorchExport, Triton])
def test_former_names_of_formats_still_work(exporter):
    assert find(f"wsal.export.exporters.{exporter.__name__}", "formats", ["wsal"]) is exporter
