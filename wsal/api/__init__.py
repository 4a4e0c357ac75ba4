"""wsal for notebooks and scripts, without Hydra or a run folder. `import wsal` provides it."""
