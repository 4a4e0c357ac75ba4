"""The cluster that a plan is for, as `wsal estimate --on` names it."""

import os
import re
from dataclasses import dataclass

from wsal.errors import ConfigError

CORES_OF_GPU = 8  # assumed where only GPUs are named
EXPECTED = "local, local:16 (cores), ray:64xCPU, ray:8xGPU or ray:8xGPU+64xCPU"
RAY = re.compile(r"ray:(?:(?P<gpus>[1-9]\d*)xGPU)?\+?(?:(?P<cores>[1-9]\d*)xCPU)?")


@dataclass(frozen=True)
class Cluster:
    """How many processor cores and GPUs work at the same time."""

    name: str
    cores: int
    gpus: int = 0
    assumed: bool = False
    """Whether the number of cores is assumed, as it was not given."""


def cluster_of(name: str) -> Cluster:
    """The cluster of this name.

    Raises:
        ConfigError: it is not the name of a cluster.

    >>> cluster_of("ray:8xGPU")
    Cluster(name='ray:8xGPU', cores=64, gpus=8, assumed=True)
    """
    if name == "local":
        return Cluster(name, os.cpu_count() or 1)
    if match := re.fullmatch(r"local:([1-9]\d*)", name):
        return Cluster(name, int(match[1]))
    match = RAY.fullmatch(name)
    if match is None or not (match["gpus"] or match["cores"]):
        raise ConfigError(f"--on is {name!r}; expected {EXPECTED}")
    gpus = int(match["gpus"] or 0)
    return Cluster(name, int(match["cores"] or gpus * CORES_OF_GPU), gpus, not match["cores"])
