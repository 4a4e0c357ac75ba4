"""Weigh the rules anew by the gold labels of the rounds, and calibrate.

python scripts/reweigh.py label_model=precision
"""

import sys

sys.path.pop(0)  # this folder: its select.py would stand before Python's own
from wsal.cli import launch

if __name__ == "__main__":
    launch("reweigh")
