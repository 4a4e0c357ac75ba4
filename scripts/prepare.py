"""Bring any source into the one shape that every later stage reads.

python scripts/prepare.py data=csv data.path=FILE data.layout.text=[title]
"""

import sys

sys.path.pop(0)  # this folder: its select.py would stand before Python's own
from wsal.cli import launch

if __name__ == "__main__":
    launch("prepare")
