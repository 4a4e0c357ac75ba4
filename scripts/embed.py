"""Embed the pool with the weak-pretrained classifier, and set a part of it aside to measure on.

python scripts/embed.py name=catalog evaluation.frame=2000
"""

import sys

sys.path.pop(0)  # this folder: its select.py would stand before Python's own
from wsal.cli import launch

if __name__ == "__main__":
    launch("embed")
