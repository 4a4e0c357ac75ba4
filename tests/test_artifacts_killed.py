"""SIGKILL at every step of sealing: an artifact, or the work towards it, is never lost."""

import json
import os
import signal
import sys
from pathlib import Path

import fork_server
import pytest

from wsal.artifacts import Artifact, create, recover
from wsal.digests import MANIFEST
from wsal.errors import MissingArtifactError

SEAL = """
import os, signal, sys
from pathlib import Path
from wsal.artifacts import create

def die_before(event, arguments):
    # what Python tells auditors before it opens, renames or removes a file
    global left
    if watching and event in {"open", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree"}:
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

place, left, watching = Path(sys.argv[1]), int(sys.argv[2]), False
sys.addaudithook(die_before)
with create(place, {"lr": 2}, {}) as (work, facts):
    (work / "checkpoints/000000200").mkdir(parents=True)
    (work / "checkpoints/000000200/tensors").write_text("hours of training")
    (work / "tokenizer").mkdir()
    (work / "tokenizer/words").write_text("a b")
    (work / "model").write_text("new")
    watching = True
"""
FILES = {"model": "new", "tokenizer/words": "a b"}


def old_artifact(place):
    with create(place, {"lr": 1}, {}) as (work, _):
        (work / "model").write_text("old")


def sealed_but_for(place, steps):
    """Seal in a process that dies before its step of this number; whether it died."""
    command = [sys.executable, "-c", SEAL, str(place), str(steps)]
    done = fork_server.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0


def contents(folder):
    files = (p for p in folder.rglob("*") if p.is_file() and p.name != MANIFEST)
    return {str(p.relative_to(folder)): p.read_text() for p in files}


@pytest.mark.slow
@pytest.mark.parametrize("replaces", [False, True])
def test_killed_at_any_step_of_sealing_it_goes_on_from_the_checkpoint_or_is_done(
    tmp_path, replaces
):
    outcomes = []
    for steps in range(100):
        place = tmp_path / str(steps) / "pretrained"
        if replaces:
            old_artifact(place)
        if not sealed_but_for(place, steps):
            break
        recover(place)
        if (place / MANIFEST).exists() and Artifact.open(place).manifest["config"] == {"lr": 2}:
            outcomes.append("done")
        else:
            outcomes.append("resumed")
            assert (place / MANIFEST).exists() == replaces
            with create(place, {"lr": 2}, {}) as (work, _):
                assert contents(work)["checkpoints/000000200/tensors"] == "hours of training"
                (work / "tokenizer").mkdir()
                for name, text in FILES.items():
                    (work / name).write_text(text)
        assert contents(place) == FILES
        assert Artifact.open(place).manifest["files"].keys() == FILES.keys()
        assert [p.name for p in place.parent.iterdir()] == ["pretrained"]
    else:
        pytest.fail("sealing has more steps than were tried")
    assert outcomes == sorted(outcomes, reverse=True)
    assert {"resumed", "done"} == set(outcomes)
    assert len(outcomes) > 8


@pytest.mark.parametrize("left", ["begun_from", "checkpoints", "both", "nothing"])
@pytest.mark.parametrize("old", ["in its place", "moved away", "half removed", "absent"])
def test_every_state_that_a_kill_can_leave_after_the_manifest_is_recovered(tmp_path, left, old):
    place, work = tmp_path / "pool", tmp_path / "pool.unfinished"
    with create(place, {"lr": 2}, {}) as (folder, _):
        (folder / "model").write_text("new")
    place.rename(work)
    if left in ("begun_from", "both"):
        (work / "begun_from").write_text("x")
    if left in ("checkpoints", "both"):
        (work / "checkpoints/1").mkdir(parents=True)
    if old != "absent":
        other = tmp_path / "elsewhere" / "pool"
        old_artifact(other)
        other.rename(place if old == "in its place" else tmp_path / "pool.replaced")
    if old == "half removed":
        (tmp_path / "pool.replaced" / "model").unlink()
    recover(place)
    assert contents(place) == {"model": "new"}
    assert {p.name for p in tmp_path.iterdir()} <= {"pool", "elsewhere"}


def test_what_a_kill_left_of_the_replaced_artifact_is_removed(tmp_path):
    place = tmp_path / "pool"
    old_artifact(place)
    (tmp_path / "pool.replaced").mkdir()
    recover(place)
    assert [p.name for p in tmp_path.iterdir()] == ["pool"]
    assert contents(place) == {"model": "old"}


def test_the_manifest_is_on_the_disk_before_its_artifact_is_shown(tmp_path, monkeypatch):
    synced, sync = [], os.fsync

    def noted(handle):
        synced.append(Path(f"/proc/self/fd/{handle}").readlink().name)
        sync(handle)

    monkeypatch.setattr(os, "fsync", noted)
    old_artifact(tmp_path / "pool")
    assert synced == ["model", f"{MANIFEST}.tmp", "pool.unfinished", tmp_path.name]


@pytest.mark.parametrize("text", ["{", "", "[1]", "{}", "null", "\udcff"])
def test_a_damaged_manifest_is_named_with_what_to_do(tmp_path, text):
    old_artifact(tmp_path / "pool")
    (tmp_path / "pool" / MANIFEST).write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(MissingArtifactError, match=r"manifest\.json is damaged: .*delete the fold"):
        _ = Artifact.open(tmp_path / "pool").manifest


def test_a_damaged_manifest_stops_the_command_without_a_traceback(wsal, tmp_path):
    wsal("prepare", "experiment=smoke")
    file = tmp_path / "runs/smoke/pool" / MANIFEST
    whole = json.loads(file.read_text())
    file.write_text(file.read_text()[:40])
    done = wsal("prepare", "experiment=smoke", check=False)
    assert done.returncode == 1
    assert f"error: {file.relative_to(tmp_path)} is damaged" in done.stderr
    assert "Traceback" not in done.stderr
    shown = wsal("status", "smoke")
    assert "damaged" in shown.stdout
    assert "Traceback" not in shown.stderr
    for part in file.parent.iterdir():
        part.unlink()
    file.parent.rmdir()
    wsal("prepare", "experiment=smoke")
    assert json.loads(file.read_text())["digest"] == whole["digest"]
