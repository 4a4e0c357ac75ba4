"""Train on gold labels, with replay of weak ones.

python scripts/finetune.py finetune.steps=150
"""

import sys

sys.path.pop(0)  # this folder: its select.py would stand before Python's own
from wsal.cli import launch

if __name__ == "__main__":
    launch("finetune")
