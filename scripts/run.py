"""Run every stage, from rules to an exported model.

python scripts/run.py experiment=smoke
torchrun --standalone --nproc_per_node 4 scripts/run.py data=csv data.path=FILE
"""

from wsal.cli import main

if __name__ == "__main__":
    main("run")
