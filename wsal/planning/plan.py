"""From what was measured on a sample to hours, cost and disk for all rows on a cluster."""

from dataclasses import dataclass

from wsal.planning.clusters import Cluster
from wsal.planning.draws import Draws, Figure, between, constant, figure
from wsal.planning.measuring import Measured, Stage
from wsal.seeding import rng

HOUR = 3600.0
GPU_SPEED = (30.0, 300.0)  # of a GPU, assumed in units of one core's
MEASURED, GIVEN, ASSUMED = "measured", "given", "assumed"
LEAST_CERTAIN = (ASSUMED, GIVEN, MEASURED)  # the first that occurs counts


@dataclass(frozen=True)
class Prices:
    """In any currency; None: not given, and then no cost is computed."""

    core_hour: float | None = None
    gpu_hour: float | None = None


@dataclass(frozen=True)
class GPUSpeed:
    """What the user says about a GPU; at most one of the two is given."""

    per_core: float | None = None
    """Its speed in units of one core of this machine."""
    rate: float | None = None
    """Texts per second that the model handled on such a GPU."""


@dataclass(frozen=True)
class Line:
    """What a stage takes, or all of them together."""

    stage: str
    n: Figure | None
    """Rows, or distinct texts."""
    rate: Figure | None
    """Rows or texts per second of one worker: a core, or a GPU."""
    basis: str
    """Where the rate comes from: `measured` here, `given`, or `assumed`."""
    core_hours: Figure
    gpu_hours: Figure
    hours: Figure
    """Hours of the whole cluster."""
    cost: Figure | None
    gigabytes: Figure
    """On disk, of the results."""


@dataclass(frozen=True)
class Plan:
    """The lines of the table, and the last one with the sums."""

    stages: tuple[Line, ...]
    total: Line


def planned(measured: Measured, cluster: Cluster, prices: Prices, gpu: GPUSpeed) -> Plan:
    """Hours are computed as if the work were spread evenly over workers of the measured speed."""
    needs = [_Need.of(stage, measured, cluster, gpu) for stage in measured.stages]
    lines = [need.line(cluster, prices) for need in needs]
    bases = [need.basis for need in needs]
    total = _Need(
        "total", None, None, next(basis for basis in LEAST_CERTAIN if basis in bases),
        sum((need.core_hours for need in needs), constant(0)),
        sum((need.gpu_hours for need in needs), constant(0)),
        sum((need.gigabytes for need in needs), constant(0)),
    )  # fmt: skip
    return Plan(tuple(lines), total.line(cluster, prices))


@dataclass(frozen=True)
class _Need:
    stage: str
    n: Draws | None
    rate: Draws | None
    basis: str
    core_hours: Draws
    gpu_hours: Draws
    gigabytes: Draws

    @classmethod
    def of(cls, stage: Stage, measured: Measured, cluster: Cluster, gpu: GPUSpeed) -> "_Need":
        n = measured.n_rows if stage.per_row else measured.n_texts
        seconds, basis = stage.seconds, MEASURED
        on_gpu = stage.uses_model and cluster.gpus > 0
        if on_gpu and gpu.rate:
            seconds, basis = constant(1 / gpu.rate), GIVEN
        elif on_gpu and gpu.per_core:
            seconds, basis = stage.seconds / gpu.per_core, ASSUMED
        elif on_gpu and not measured.gpu:
            seconds, basis = stage.seconds / between(*GPU_SPEED, rng(0, "gpu speed")), ASSUMED
        hours = n * seconds / HOUR
        return cls(
            stage=stage.name,
            n=n,
            rate=1 / seconds,
            basis=basis,
            core_hours=constant(0) if on_gpu else hours,
            gpu_hours=hours if on_gpu else constant(0),
            gigabytes=stage.n_bytes / 1e9,
        )

    def line(self, cluster: Cluster, prices: Prices) -> Line:
        """The same with hours of the cluster and cost, as figures."""
        hours = self.core_hours / cluster.cores + self.gpu_hours / max(1, cluster.gpus)
        cost: Draws | None = constant(0)
        for needed, price in (
            (self.core_hours, prices.core_hour),
            (self.gpu_hours, prices.gpu_hour),
        ):
            if needed[0]:
                cost = None if cost is None or price is None else cost + needed * price
        return Line(
            stage=self.stage,
            n=None if self.n is None else figure(self.n),
            rate=None if self.rate is None else figure(self.rate),
            basis=self.basis,
            core_hours=figure(self.core_hours),
            gpu_hours=figure(self.gpu_hours),
            hours=figure(hours),
            cost=None if cost is None else figure(cost),
            gigabytes=figure(self.gigabytes),
        )
