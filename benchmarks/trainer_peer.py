"""transformers' Trainer on the texts, weights and settings that wsal is given."""

import tempfile

import numpy as np
import torch
from transformers import Trainer, TrainingArguments

WAYS = {
    "Trainer, padding to 128": {"pad": 128},
    "Trainer, dynamic padding": {},
    "Trainer, group_by_length and bf16": {
        "train_sampling_strategy": "group_by_length", "bf16": True,
    },
}  # fmt: skip
"""From its defaults to tuned by hand; fused AdamW is its default by now."""


class Texts(torch.utils.data.Dataset):
    """Word pieces and a class for each text; tokenised beforehand, as for wsal."""

    def __init__(self, tokens, gold):
        self.tokens, self.gold = tokens, gold

    def __len__(self):
        return len(self.tokens)

    def __getitem__(self, row):
        return {"input_ids": self.tokens[row].tolist(), "labels": int(self.gold[row])}

    def __getitems__(self, rows):
        return [self[row] for row in rows]


def collate_to(tokenizer, length):
    """Pad to the longest text of the batch, or to `length`."""
    how = {"padding": "max_length", "max_length": length} if length else {}

    def collate(items):
        texts = [{"input_ids": item["input_ids"]} for item in items]
        labels = torch.tensor([item["labels"] for item in items])
        return dict(tokenizer.pad(texts, return_tensors="pt", **how)) | {"labels": labels}

    return collate


def trained(classifier, tokens, gold, settings, epochs, way, seed):
    """The model after `epochs` over the texts; with sdpa, its default."""
    way = dict(WAYS[way])
    pad = way.pop("pad", None)
    on_gpu = torch.cuda.is_available()
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder, per_device_train_batch_size=settings.batch_size, num_train_epochs=epochs,
            learning_rate=settings.lr, weight_decay=settings.weight_decay,
            warmup_steps=settings.warmup, max_grad_norm=settings.max_grad_norm, seed=seed,
            save_strategy="no", report_to="none", logging_steps=50, disable_tqdm=True,
            use_cpu=not on_gpu, remove_unused_columns=False, **way,
        )  # fmt: skip
        trainer = Trainer(
            classifier.model, arguments, train_dataset=Texts(tokens, gold),
            data_collator=collate_to(classifier.tokenizer, pad),
        )  # fmt: skip
        trainer.train()
    return np.array(trainer.state.log_history[-1]["train_loss"])
