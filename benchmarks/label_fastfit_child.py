"""Train FastFit and predict; run with the Python of `.venv-fastfit`, which has no wsal.

python benchmarks/label_fastfit_child.py JSON NPY

JSON has `encoder` (a folder), `texts`, `labels`, `classes`, `test` and `seed`; NPY gets the
probabilities of the test texts, `(texts, classes)`.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from datasets import Dataset, DatasetDict
from fastfit import FastFitTrainer
from fastfit import train as fastfit_train

AT_ONCE = 64


def predictions(job):
    """The probabilities of the test texts."""
    names = [f"{number:03d}" for number in range(len(job["classes"]))]
    data = DatasetDict()
    data["train"] = Dataset.from_dict(
        {"text": job["texts"], "label": [names[label] for label in job["labels"]]}
    )
    # Only so that FastFit knows all classes and their names; nothing is measured on it.
    data["test"] = data["validation"] = Dataset.from_dict({"text": job["classes"], "label": names})
    fastfit_train.load_metric = lambda *_, **__: None  # it would be downloaded
    repeats = 4 if torch.cuda.is_available() else 1  # 4, as documented, needs 8 GB
    with tempfile.TemporaryDirectory() as folder:
        mapper = Path(folder) / "names.json"
        mapper.write_text(json.dumps(dict(zip(names, job["classes"], strict=True))))
        trainer = FastFitTrainer(
            model_name_or_path=job["encoder"], dataset=data, seed=job["seed"],
            label_column_name="label", text_column_name="text", output_dir=f"{folder}/out",
            num_train_epochs=40, per_device_train_batch_size=32, max_text_length=128,
            dataloader_drop_last=False, num_repeats=repeats, optim="adafactor", clf_loss_factor=0.1,
            doc_mapper=str(mapper), doc_mapper_type="file", save_strategy="no", report_to="none",
            fp16=torch.cuda.is_available(),
        )  # fmt: skip
        model = trainer.train().eval()
    tokenizer, found = trainer.tokenizer, []
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    for first in range(0, len(job["test"]), AT_ONCE):
        batch = tokenizer(
            job["test"][first : first + AT_ONCE], padding=True, truncation=True, max_length=128,
            return_tensors="pt",
        ).to(model.device)  # fmt: skip
        scores = model.inference_forward(batch["input_ids"], batch["attention_mask"])
        found.append(torch.softmax(scores.float(), dim=-1).cpu().numpy())
    return np.concatenate(found)


if __name__ == "__main__":
    np.save(sys.argv[2], predictions(json.loads(Path(sys.argv[1]).read_text())))
