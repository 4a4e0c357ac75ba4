"""Write the fine-tuned model as files that anything can serve."""

import json
from pathlib import Path

from wsal import tables
from wsal.artifacts import Artifact, Facts, write_json
from wsal.classifier.encoder import load_classifier
from wsal.export.card import model_card
from wsal.export.parity import check_parity
from wsal.export.to_onnx import to_onnx
from wsal.labels import LabelSet
from wsal.settings import EncoderSettings, ExportSettings, HardwareSettings


def export(
    out: Path,
    *,
    pool: Artifact,
    votes: Artifact,
    classifier: Artifact,
    encoder: EncoderSettings,
    export: ExportSettings,
) -> Facts:
    """The newest classifier -> a Hugging Face folder, model.onnx, parity.json, a model card.

    `config.json` says under `wsal` which fields make up the text, so that `wsal predict` reads
    a table as the pool was read.
    """
    labels = LabelSet(tuple(pool.facts["labels"]))
    model = load_classifier(classifier.path, encoder, HardwareSettings(attention="eager"))
    reading = {k: pool.facts[k] for k in ("text_fields", "separator")}
    model.model.config.wsal = reading | {"max_length": encoder.max_length}
    model.save(out)
    parity = None
    if export.onnx:
        to_onnx(model, out / "model.onnx")
        split = "test" if pool.facts["n_test"] else "pool"
        texts = tables.read(pool.path / f"{split}.parquet")["text"].head(export.n_parity_texts)
        parity = check_parity(model, out / "model.onnx", texts.to_list(), export.tolerance)
        write_json(out / "parity.json", parity)
    metrics = json.loads((classifier.path / "metrics.json").read_text())
    measured_on = next((s for s in ("test", "dev") if s in metrics), None)
    measured = metrics[measured_on] if measured_on else None
    write_json(out / "metrics.json", measured or {})
    write_json(out / "labels.json", list(labels.names))
    n_gold = classifier.facts.get("n_gold", 0)
    folder = str(out.with_name("exported"))
    about = {
        "n_classes": len(labels), "n_gold": n_gold, "folder": folder, "metrics": measured,
        "split": measured_on, "parity": parity, "max_length": encoder.max_length,
        "fields": ", ".join(f"`{f}`" for f in reading["text_fields"]),
        "separator": reading["separator"],
        "n_pool": pool.facts["n_pool"], "n_duplicates": pool.facts["n_duplicates"],
        "n_rules": votes.facts["n_rules"], "coverage": votes.facts["coverage"],
    }  # fmt: skip
    (out / "README.md").write_text(model_card(about))
    difference = f"{parity['largest_difference']:.1e}" if parity else "not measured: no ONNX"
    return {"folder": folder, "n_gold": n_gold, "largest_difference": difference}
