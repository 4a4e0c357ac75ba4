"""FastFit as a peer. It needs older libraries than wsal, and so an environment of its own."""

import json
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from label_peers import FEW_COUNTS, scored
from minilm import MINILM
from product_texts import ROOT

from wsal.classifier.encoder import encoder_path
from wsal.seeding import rng

PYTHON = ROOT / ".venv-fastfit" / "bin" / "python"
CHILD = Path(__file__).with_name("label_fastfit_child.py")


def fastfit(known, seed, done):
    """B: FastFit on random labels, with the settings of its documentation; it knows class names."""
    if not PYTHON.exists():
        print(f"fastfit: skipped, there is no {PYTHON} (make peers)")
        return
    order = rng(seed, "random labels").permutation(len(known.pool))
    for n in (count for count in FEW_COUNTS if count not in done):
        job = {
            "encoder": str(encoder_path(MINILM)),
            "texts": [known.pool[row] for row in order[:n]],
            "labels": known.pool_gold[order[:n]].tolist(),
            "classes": list(known.labels.names),
            "test": known.test,
            "seed": seed,
        }
        with tempfile.TemporaryDirectory() as folder:
            asked, answered = Path(folder) / "job.json", Path(folder) / "probs.npy"
            asked.write_text(json.dumps(job))
            command = [PYTHON, CHILD, asked, answered]
            subprocess.run(command, check=True, env=os.environ | {"HF_HUB_OFFLINE": "1"})
            yield n, scored(known, np.load(answered))
