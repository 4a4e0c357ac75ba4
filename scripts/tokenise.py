"""Cut every text into word pieces, once for all stages.

python scripts/tokenise.py encoder=minilm encoder.max_length=64
"""

import sys

sys.path.pop(0)  # this folder: its select.py would stand before Python's own
from wsal.cli import launch

if __name__ == "__main__":
    launch("tokenise")
