"""What a benchmark asks of the card, if there is one."""

import numpy as np
import torch

from wsal.classifier.hardware import peak_flops
from wsal.classifier.throughput import operations


def on_gpu():
    """Whether torch sees a card."""
    return torch.cuda.is_available()


def machine():
    """The card's name; that there is none."""
    return torch.cuda.get_device_name() if on_gpu() else "not measured on a GPU"


def share_of_peak(classifier, tokens, seconds):
    """Of the card's bf16 peak, what one epoch used for pieces of text; None without a card."""
    peak = peak_flops(classifier.hardware)
    if peak is None:
        return None
    per_token, per_pair = operations(classifier.model)
    lengths = tokens.lengths.astype(np.float64)
    return float(per_token * lengths.sum() + per_pair * (lengths**2).sum()) / seconds / peak
