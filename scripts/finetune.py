"""Train the classifier on gold labels, with replay of weak ones.

python scripts/finetune.py finetune.steps=150
torchrun --standalone --nproc_per_node 4 scripts/finetune.py
"""

from wsal.cli import main

if __name__ == "__main__":
    main("finetune")
