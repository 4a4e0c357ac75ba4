"""Write the model as files that anything can serve.

python scripts/export.py export.onnx=false
"""

import sys

sys.path.pop(0)  # this folder: its select.py would stand before Python's own
from wsal.cli import launch

if __name__ == "__main__":
    launch("export")
