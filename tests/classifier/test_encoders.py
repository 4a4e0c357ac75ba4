"""Encoders of several families, tiny and random: loaded, trained, saved, exported alike."""

import warnings

import numpy as np
import pytest
import torch
import transformers
from helpers import tiny_classifier

from wsal.classifier.encoder import (
    encoder_path,
    load_classifier,
    load_tokenizer,
    new_classifier,
    new_tokenizer,
    save_tokenizer,
)
from wsal.classifier.head import features_of, fit_last_layer, last_layer
from wsal.classifier.inference import predict
from wsal.classifier.objectives import LabelObjective, TextObjective
from wsal.classifier.optimizer import depth_of
from wsal.classifier.training import train
from wsal.classifier.training_plan import by_count
from wsal.classifier.training_run import TrainingRun
from wsal.errors import ConfigError
from wsal.labels import LabelSet
from wsal.rounds.pretraining import fit_head
from wsal.settings import EncoderSettings, HardwareSettings
from wsal.training_settings import AdaptSettings, OptimizerSettings

pytestmark = pytest.mark.slow

TEXTS = [f"{word} {'item ' * k}{k}" for word in ("kettle", "laptop", "novel") for k in range(1, 13)]
GOLD = np.repeat(np.arange(3), 12)
LABELS = LabelSet(("a", "b", "c"))
SMALL = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64,
    "initializer_range": 0.1,
}  # fmt: skip
FAMILIES = {
    "Bert": {},
    "ModernBert": {"global_attn_every_n_layers": 2, "local_attention": 8},
    "DebertaV2": {
        "relative_attention": True, "position_biased_input": False, "pos_att_type": ["p2c", "c2p"],
    },
    "XLMRoberta": {"max_position_embeddings": 130, "pad_token_id": 0},
    "Electra": {"embedding_size": 32},
    "GPT2": {"n_positions": 130, "pad_token_id": None},
}  # fmt: skip


@pytest.fixture(scope="module", params=FAMILIES)
def path(request, tmp_path_factory):
    """A folder with an untrained encoder of the family, without a head, and a tokenizer."""
    folder = tmp_path_factory.mktemp(request.param)
    tokenizer = tiny_classifier(TEXTS).tokenizer
    if request.param == "GPT2":  # which pads nothing, and hides nothing
        tokenizer.pad_token = tokenizer.mask_token = None
        tokenizer.eos_token = tokenizer.sep_token
    special = {
        "pad_token_id": 0,
        "bos_token_id": 2,
        "eos_token_id": 3,
        "cls_token_id": 2,
        "sep_token_id": 3,
    }
    settings = SMALL | special | FAMILIES[request.param] | {"vocab_size": len(tokenizer)}
    torch.manual_seed(0)
    config = getattr(transformers, f"{request.param}Config")(**settings)
    transformers.AutoModel.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def fresh(path, **hardware):
    settings = EncoderSettings(str(path), max_length=32, precision="fp32")
    where = HardwareSettings(**{"device": "cpu", **hardware})
    return new_classifier(settings, where, LABELS, new_tokenizer(settings, TEXTS), 0)


def trained(classifier, scratch, objective=None, epochs=40, lr=3e-3):
    objective = objective or LabelObjective(
        classifier, classifier.tokens(TEXTS), np.eye(3, dtype=np.float32)[GOLD], np.ones(36)
    )
    rng = np.random.default_rng(0)
    plan = by_count(np.concatenate([rng.permutation(36) for _ in range(epochs)]), 12)
    return train(
        classifier, objective, plan, TrainingRun(OptimizerSettings(lr=lr), scratch, 0, "t")
    )


def test_learns_and_comes_back_from_disk(path, tmp_path):
    classifier = fresh(path)
    history = trained(classifier, tmp_path / "scratch", epochs=20)
    assert history["loss"][-1][1] < 0.7 * history["loss"][0][1]
    probs, _ = predict(classifier, TEXTS, "test")
    assert (probs.argmax(1) == GOLD).mean() > 0.8
    classifier.save(tmp_path / "saved")
    again = load_classifier(tmp_path / "saved", classifier.encoder, classifier.hardware)
    np.testing.assert_allclose(predict(again, TEXTS, "test")[0], probs, atol=1e-6)
    plain = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "saved")
    tokens = classifier.tokens(TEXTS[:1])
    with torch.no_grad():
        logits = plain.eval()(**classifier.pad([tokens[0]])).logits
    np.testing.assert_allclose(logits.softmax(1).numpy(), probs[:1], atol=1e-5)


@pytest.mark.parametrize("attention", ["eager", "sdpa", "short"])
def test_attention_of_every_kind_gives_the_same(path, attention):
    expected = predict(fresh(path, attention="eager"), TEXTS, "test")
    outputs = predict(fresh(path, attention=attention), TEXTS, "test")
    for output, reference in zip(outputs, expected, strict=True):
        np.testing.assert_allclose(output, reference, atol=1e-5)


def test_padding_does_not_change_a_prediction(path):
    classifier = fresh(path)
    together, _ = predict(classifier, TEXTS, "test")
    alone = np.concatenate([predict(classifier, [text], "test")[0] for text in TEXTS[::5]])
    np.testing.assert_allclose(together[::5], alone, atol=1e-5)


def test_the_files_of_a_tokenizer_do_not_tell_how_it_was_loaded(path, tmp_path):
    for offline in (True, False):
        tokenizer = transformers.AutoTokenizer.from_pretrained(path, local_files_only=offline)
        save_tokenizer(tokenizer, tmp_path / str(offline))
    files = [(tmp_path / str(o) / "tokenizer_config.json").read_text() for o in (True, False)]
    assert files[0] == files[1]
    assert "local" not in files[0]


LONGEST = {"Bert": 512, "Electra": 512, "XLMRoberta": 129, "GPT2": 130}


def test_texts_longer_than_a_model_can_read_are_refused_before_it_runs(path):
    most = LONGEST.get(path.name[:-1])  # the folder is called FAMILY0
    settings = EncoderSettings(str(path), max_length=(most or 512), precision="fp32")
    classifier = new_classifier(settings, HardwareSettings("cpu"), LABELS, load_tokenizer(path), 0)
    longest = " ".join(["item"] * 1_000)
    assert np.isfinite(predict(classifier, [longest], "test")[0]).all()
    if most:
        too_long = EncoderSettings(str(path), max_length=most + 1, precision="fp32")
        with pytest.raises(ConfigError, match=f"reads {most} word pieces at most"):
            new_classifier(too_long, HardwareSettings("cpu"), LABELS, load_tokenizer(path), 0)
        classifier.save(path / "saved")
        with pytest.raises(ConfigError, match=f"encoder.max_length={most} or less"):
            load_classifier(path / "saved", too_long, HardwareSettings("cpu"))


def test_layers_are_told_apart(path):
    names = [name for name, _ in fresh(path).model.named_parameters()]
    depths = {depth_of(name, 2) for name in names}
    assert depths == {0, 1, 2, 3}
    assert all(depth_of(name, 2) == 3 for name in names if name.startswith(("classifier", "head")))
    tables = ("word_embeddings", "tok_embeddings", ".wte.")
    words = [name for name in names if any(table in name for table in tables)]
    assert words
    assert all(depth_of(name, 2) == 0 for name in words)


def test_recomputed_activations_give_the_same(path, tmp_path):
    losses = [
        trained(fresh(path, checkpointing=again), tmp_path / str(again), epochs=2)["loss"]
        for again in (False, True)
    ]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)


@pytest.mark.parametrize("kind", ["mlm", "contrastive"])
def test_learns_from_texts_alone(path, tmp_path, kind):
    classifier = fresh(path)
    if kind == "mlm" and classifier.tokenizer.mask_token_id is None:
        with pytest.raises(
            ConfigError, match=r"adapt\.objective=mlm needs .* has none; use adapt="
        ):
            TextObjective(classifier, classifier.tokens(TEXTS), AdaptSettings(objective=kind))
        return
    before = [w.detach().clone() for w in last_layer(classifier.model).parameters()]
    objective = TextObjective(classifier, classifier.tokens(TEXTS), AdaptSettings(objective=kind))
    history = trained(classifier, tmp_path, objective, epochs=15)
    assert history["loss"][-1][1] < 0.9 * history["loss"][0][1]
    after = last_layer(classifier.model).parameters()
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_the_head_alone_learns_in_no_time(path, tmp_path):
    classifier = fresh(path)
    trained(classifier, tmp_path, epochs=10)
    inner = [w.detach().clone() for w in classifier.model.base_model.parameters()]
    before = predict(classifier, TEXTS, "test")[0][np.arange(36), GOLD]
    objective = LabelObjective(
        classifier, classifier.tokens(TEXTS), np.eye(3, dtype=np.float32)[GOLD], np.ones(36)
    )
    history = fit_last_layer(objective, np.ones(36), "test")
    after = predict(classifier, TEXTS, "test")[0][np.arange(36), GOLD]
    assert history["loss"][1][1] < history["loss"][0][1]
    assert np.log(after).mean() > np.log(before).mean()
    now = classifier.model.base_model.parameters()
    assert all(torch.equal(a, b) for a, b in zip(inner, now, strict=True))


def test_the_last_layer_makes_of_features_what_the_model_makes_of_each_text(path):
    classifier = fresh(path, threads=2)
    tokens = classifier.tokens(TEXTS)
    targets = np.eye(3, dtype=np.float32)[GOLD]
    objective = LabelObjective(classifier, tokens, targets, np.ones(36))
    layer = last_layer(classifier.model)
    features = features_of(objective, layer, "test")
    assert features.shape == (36, layer.in_features)
    with torch.no_grad():
        logits = [classifier.model(**classifier.pad([ids])).logits[0] for ids in tokens]
        torch.testing.assert_close(layer(features), torch.stack(logits), atol=1e-5, rtol=1e-5)


def test_a_tokenizer_without_a_padding_token_pads_with_its_last_one_or_is_refused(tmp_path):
    tokenizer = tiny_classifier(TEXTS).tokenizer
    tokenizer.pad_token = None
    tokenizer.save_pretrained(tmp_path / "neither")
    with pytest.raises(ConfigError, match="neither a padding token nor an end-of-text token"):
        load_tokenizer(str(tmp_path / "neither"))
    tokenizer.eos_token = "[SEP]"
    tokenizer.save_pretrained(tmp_path / "end")
    loaded = load_tokenizer(str(tmp_path / "end"))
    assert loaded.pad_token_id == loaded.eos_token_id == tokenizer.sep_token_id


def test_a_head_fitted_first_spares_the_steps_that_wake_it(path, tmp_path):
    start = {}
    for fitted in (False, True):
        classifier = fresh(path)
        targets = np.eye(3, dtype=np.float32)[GOLD]
        objective = LabelObjective(classifier, classifier.tokens(TEXTS), targets, np.ones(36))
        if fitted:
            fit_head(objective, 0)
        trained(classifier, tmp_path / str(fitted), objective, epochs=1, lr=1e-5)
        probs, _ = predict(classifier, TEXTS, "test")
        start[fitted] = -np.log(probs[np.arange(36), GOLD]).mean()
    assert start[True] < 0.98 * start[False]


def test_lora_in_every_family(path, tmp_path):
    settings = EncoderSettings(str(path), max_length=32, precision="fp32", lora_rank=4)
    tokenizer = new_tokenizer(settings, TEXTS)
    classifier = new_classifier(settings, HardwareSettings("cpu"), LABELS, tokenizer, 0)
    names = {name for name, _ in classifier.model.named_parameters()}
    history = trained(classifier, tmp_path, lr=5e-3)
    assert history["loss"][-1][1] < 0.8 * history["loss"][0][1]
    assert {name for name, _ in classifier.model.named_parameters()} == names


def test_bf16_training_learns(tmp_path):
    settings = EncoderSettings("tiny", max_length=32, precision="bf16")
    tokenizer = new_tokenizer(settings, TEXTS)
    classifier = new_classifier(settings, HardwareSettings("cpu"), LABELS, tokenizer, 0)
    trained(classifier, tmp_path)
    probs, _ = predict(classifier, TEXTS, "test")
    assert (probs.argmax(1) == GOLD).mean() > 0.8
    assert {w.dtype for w in classifier.model.parameters()} == {torch.float32}


@pytest.mark.filterwarnings("ignore")
def test_compiled_gives_the_same_loss(tmp_path):
    losses = []
    for compiled in (False, True):
        classifier = tiny_classifier(TEXTS, compile=compiled, attention="sdpa")
        for module in classifier.model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            losses.append(trained(classifier, tmp_path / str(compiled), epochs=1)["loss"][0][1])
    assert losses[0] == pytest.approx(losses[1], abs=1e-4)


def test_causal_and_biased_models_keep_their_own_attention():
    from wsal.classifier.attention import is_bidirectional

    small = {"n_embd": 32, "n_layer": 1, "n_head": 2, "vocab_size": 50}
    causal = transformers.AutoModelForSequenceClassification.from_config(
        transformers.GPT2Config(**small)
    )
    assert not is_bidirectional(causal)
    assert is_bidirectional(tiny_classifier(TEXTS).model)


def test_contrasted_texts_are_never_cut_apart(tmp_path):
    classifier = tiny_classifier(TEXTS, max_tokens=40)
    settings = AdaptSettings(objective="contrastive")
    objective = TextObjective(classifier, classifier.tokens(TEXTS), settings)
    with pytest.raises(ConfigError, match=r"smaller adapt\.batch_size"):
        trained(classifier, tmp_path, objective)


def test_a_package_that_is_not_there():
    with pytest.raises(Exception, match="is not installed"):
        encoder_path("package:no_such_package/model")
