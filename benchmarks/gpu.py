"""The GPU, if there is one: its name, and how much of its peak is used."""

import numpy as np
import torch

from wsal.classifier.hardware import peak_flops
from wsal.classifier.throughput import operations


def on_gpu():
    """Whether torch sees a GPU."""
    return torch.cuda.is_available()


def machine():
    """The GPU's name, or a sentence that says there is none."""
    return torch.cuda.get_device_name() if on_gpu() else "not measured on a GPU"


def share_of_peak(classifier, tokens, seconds):
    """The share of the GPU's bf16 peak that one epoch over the tokens used; None without a GPU."""
    peak = peak_flops(classifier.hardware)
    if peak is None:
        return None
    per_token, per_pair = operations(classifier.model)
    lengths = tokens.lengths.astype(np.float64)
    return float(per_token * lengths.sum() + per_pair * (lengths**2).sum()) / seconds / peak
