"""The loop select, annotate, finetune.

python scripts/active.py active.rounds=3
"""

import sys

sys.path.pop(0)  # this folder: its select.py would stand before Python's own
from wsal.cli import launch

if __name__ == "__main__":
    launch("active")
