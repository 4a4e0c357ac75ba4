"""Train the classifier on weak labels.

python scripts/pretrain.py encoder=minilm pretrain.lr=3e-5
"""

import sys

sys.path.pop(0)  # this folder: its select.py would stand before Python's own
from wsal.cli import launch

if __name__ == "__main__":
    launch("pretrain")
