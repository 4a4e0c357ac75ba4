"""Settle the votes into one weak label a text.

python scripts/aggregate.py label_model=majority
"""

import sys

sys.path.pop(0)  # this folder: its select.py would stand before Python's own
from wsal.cli import launch

if __name__ == "__main__":
    launch("aggregate")
