"""Work on shards on a Ray cluster: as on this machine, whatever is lost."""

import importlib
import os
import pickle
import signal
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from helpers import THOROUGH, write_shards
from test_work_on_shards import SIZES, Squares, outputs

from wsal.digests import file_digest
from wsal.errors import ConfigError, DataError, ModelError, PreemptedError, UnknownNameError
from wsal.launch.on_ray import RETRIES, _count
from wsal.launch.shards import work_on_shards
from wsal.settings import LauncherSettings, RaySettings

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # warnings of Ray
LOCAL = LauncherSettings()


@pytest.fixture(scope="module")
def on_ray():
    """A cluster of a node with two cores."""
    import ray
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patched:
        here = str(Path(__file__).parent)  # of the classes below, on the nodes
        patched.setenv("PYTHONPATH", os.pathsep.join([here, *sys.path]))
        patched.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patched.setenv("RAY_worker_niceness", "0")
        node = {"num_cpus": 2, "memory": 10**9, "object_store_memory": 10**8}
        cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
        yield LauncherSettings("ray", ray=RaySettings(cluster.address, memory=0.2))
        ray.shutdown()
        cluster.shutdown()


@dataclass(frozen=True)
class DiesOnce(Squares):
    """Kills its process the first time that it works on shard 1; notes its variables."""

    def start(self):
        squares = super().start()

        def work(shard):
            killed = self.log.with_name("killed")
            if shard.number == 1 and not killed.exists():
                killed.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return squares(shard) | {"threads": os.environ["POLARS_MAX_THREADS"]}

        return work


def test_a_job_goes_on_after_a_kill_and_with_another_launcher(tmp_path, on_ray, capfd):
    log, out = tmp_path / "log", tmp_path / "out"
    with pytest.raises(DataError, match=r"^shard is wrong$"):
        work_on_shards(Squares(log, fails=2), SIZES, out, "square", on_ray)
    done = work_on_shards(DiesOnce(log), SIZES, tmp_path / "whole", "square", on_ray)
    assert [facts["square"] for facts in done] == [0, 1, 4]
    assert {facts["threads"] for facts in done} == {"1"}
    assert outputs(tmp_path / "whole") == {f"squares-{n:05}.txt": str(n**2) for n in range(3)}
    log.unlink()
    sealed = {path.parent.name for path in out.rglob("seal.json")}
    assert len(work_on_shards(Squares(log), SIZES, out, "square", LOCAL)) == len(SIZES)
    assert sorted(log.read_text().split()) == [str(n) for n in range(3) if f"{n:05}" not in sealed]
    assert outputs(out) == outputs(tmp_path / "whole")
    assert capfd.readouterr() == ("", "")  # of Ray


def test_tokens_have_the_same_digests_on_this_machine_and_on_a_cluster(tmp_path, on_ray):
    import polars as pl

    from wsal.classifier.encoder import new_tokenizer
    from wsal.settings import EncoderSettings
    from wsal.stages.tokenise import TokeniseWork

    texts = [f"tea kettle {n} litre" for n in range(20)]
    write_shards(pl.DataFrame({"text": texts}), tmp_path / "pool.parquet", [7, 14])
    new_tokenizer(EncoderSettings("tiny"), texts).save_pretrained(tmp_path / "tokenizer")
    work = TokeniseWork(tmp_path / "pool.parquet", tmp_path / "tokenizer", 16)
    digests = []
    for launcher in (LOCAL, replace(on_ray, ray=replace(on_ray.ray, actors=1))):
        out = tmp_path / launcher.name
        work_on_shards(work, [7, 7, 6], out, "tokenise pool", launcher)
        digests.append({file.name: file_digest(file) for file in out.glob("pool-*")})
    assert len(digests[0]) == 9
    assert digests[0] == digests[1]


@dataclass(frozen=True)
class OnGPU(Squares):
    uses_gpu = True


@pytest.mark.parametrize(
    ("work", "changed", "message"),
    [
        (Squares, {"memory": 5.0}, r"1 cores, 0 GPUs and 5 GB.*\n  .*: 2 cores, 0 GPUs and 1 GB"),
        (OnGPU, {"gpus": 1.0}, "1 cores, 1 GPUs and 0.2 GB"),
    ],
)
def test_a_cluster_without_room_is_an_error(tmp_path, on_ray, work, changed, message):
    launcher = replace(on_ray, ray=replace(on_ray.ray, **changed))
    with pytest.raises(ConfigError, match=message):
        work_on_shards(work(tmp_path / "log"), SIZES, tmp_path / "out", "square", launcher)


def test_a_node_without_the_trusted_module_is_an_error(tmp_path, on_ray, monkeypatch):
    (tmp_path / "only_here.py").write_text("class Work:\n    def start(self): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    work = importlib.import_module("only_here").Work()
    with pytest.raises(ConfigError, match=r"node .*: No module named 'only_here'"):
        work_on_shards(work, SIZES, tmp_path / "out", "square", on_ray)


@pytest.mark.skipif(not THOROUGH, reason="half a minute: make test-thorough")
def test_a_shard_that_always_kills_its_process_ends_the_work(tmp_path):
    for _ in range(RETRIES + 1):
        _count(tmp_path, 3)
    _count(tmp_path, 4)
    with pytest.raises(ModelError, match="shard 3 was begun 6 times"):
        _count(tmp_path, 3)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nonsense"])
def test_an_address_without_a_cluster_is_an_error(address, monkeypatch):
    import ray

    from wsal.launch.ray_cluster import join

    monkeypatch.setattr(ray, "is_initialized", lambda: False)  # whatever other tests have joined
    with pytest.raises(ConfigError, match=rf"ray.address is {address}, but .*ray start --head"):
        join(address)


@pytest.mark.parametrize(
    "error", [UnknownNameError("label", "spma", ["spam"]), PreemptedError(1, 2)]
)
def test_errors_come_from_other_processes_as_they_were(error):
    error.problems = ("kept",)
    restored = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert (type(restored), str(restored), restored.problems) == (
        type(error),
        str(error),
        ("kept",),
    )
