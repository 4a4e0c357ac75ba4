"""Work on shards: sealed once, whatever is killed, and the same with every launcher."""

import errno
import os
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest

from wsal.artifacts import CHECKPOINTS
from wsal.errors import DataError, ModelError
from wsal.launch.sealing import UNFINISHED, is_sealed, seal, sealed_folder
from wsal.launch.shards import SIZES as SIZES_FILE
from wsal.launch.shards import sealed_shards, work_on_shards
from wsal.settings import LauncherSettings

SIZES = [3, 2, 4]
TWO = LauncherSettings(processes=2)


@dataclass(frozen=True)
class Squares:
    """Writes the square of the shard's number; fails or dies where it is told to."""

    log: Path
    fails: int = -1
    dies: int = -1

    def start(self):
        def work(shard):
            if shard.number == self.fails:
                raise DataError("shard is wrong")
            if shard.number == self.dies:
                os.kill(os.getpid(), signal.SIGKILL)
            with self.log.open("a") as log:
                log.write(f"{shard.number}\n")
            (shard.folder / "squares.txt").write_text(str(shard.number**2))
            shard.advance(1)
            return {"square": shard.number**2}

        return work


def outputs(out):
    return {file.name: file.read_text() for file in sorted(out.glob("*.txt"))}


@pytest.mark.parametrize("launcher", [LauncherSettings(), TWO])
def test_each_shard_is_worked_on_once_and_gets_its_number(tmp_path, launcher):
    log, out = tmp_path / "log", tmp_path / "out"
    done = work_on_shards(Squares(log), SIZES, out, "square", launcher)
    assert done == [{"square": 0}, {"square": 1}, {"square": 4}]
    assert outputs(out) == {f"squares-{n:05}.txt": str(n**2) for n in range(3)}
    for file in out.glob("*.txt"):  # as for an artifact that was not finished
        file.unlink()
    assert work_on_shards(Squares(log), SIZES, out, "square", launcher) == done
    assert sorted(log.read_text().split()) == ["0", "1", "2"]


def test_a_single_shard_keeps_its_names(tmp_path):
    work_on_shards(Squares(tmp_path / "log"), [5], tmp_path, "square", TWO)
    assert outputs(tmp_path) == {"squares.txt": "0"}


@pytest.mark.parametrize("launcher", [LauncherSettings(), TWO])
def test_what_was_sealed_before_an_error_is_kept(tmp_path, launcher):
    log = tmp_path / "log"
    with pytest.raises(DataError, match="shard is wrong"):
        work_on_shards(Squares(log, fails=2), SIZES, tmp_path / "out", "square", launcher)
    [line] = sealed_shards(tmp_path / "out")
    assert launcher == TWO or line == "square: 2 of 3 shards"  # the other process was stopped
    work_on_shards(Squares(log), SIZES, tmp_path / "out", "square", launcher)
    assert sorted(log.read_text().split()).count("0") == 1
    assert len(outputs(tmp_path / "out")) == 3


def test_a_killed_process_is_reported_and_the_work_of_others_is_kept(tmp_path):
    log = tmp_path / "log"
    with pytest.raises(ModelError, match=r"exit code -9.*run the same command again"):
        work_on_shards(Squares(log, dies=1), SIZES, tmp_path / "out", "square", TWO)
    assert len(work_on_shards(Squares(log), SIZES, tmp_path / "out", "square", TWO)) == 3


@pytest.mark.parametrize("launcher", [LauncherSettings(), TWO])
def test_a_full_disk_is_told_as_such_whatever_noticed_it(tmp_path, launcher):
    with pytest.raises(OSError, match="No space left"):
        work_on_shards(FullDisk(), SIZES, tmp_path, "square", launcher)


class FullDisk:
    """Work that finds no space."""

    def start(self):
        def work(shard):
            raise OSError(errno.ENOSPC, "No space left on device")

        return work


def test_what_killed_processes_left_is_removed(tmp_path):
    left = tmp_path / CHECKPOINTS / "square" / f"00001.x{UNFINISHED}"
    left.mkdir(parents=True)
    (left / "squares.txt").write_text("half")
    work_on_shards(Squares(tmp_path / "log"), SIZES, tmp_path, "square", LauncherSettings())
    names = {path.name for path in left.parent.iterdir()}
    assert names == {"00000", "00001", "00002", SIZES_FILE}


def test_a_damaged_shard_is_made_again(tmp_path, caplog):
    work, out = Squares(tmp_path / "log"), tmp_path / "out"
    work_on_shards(work, SIZES, out, "square", LauncherSettings())
    for file in out.glob("*.txt"):
        file.unlink()
    (sealed_folder(out / CHECKPOINTS / "square", 1) / "squares.txt").write_text("half")
    work_on_shards(work, SIZES, out, "square", LauncherSettings())
    assert outputs(out)["squares-00001.txt"] == "1"
    assert "shard 1" in caplog.text


def test_of_two_processes_on_the_same_shard_one_seals_it(tmp_path):
    work, ignore = Squares(tmp_path / "log").start(), lambda number, n_rows: None
    seal(work, 2, tmp_path / "sealed", ignore)
    seal(work, 2, tmp_path / "sealed", ignore)
    assert is_sealed(tmp_path / "sealed", 2)
    assert [path.name for path in (tmp_path / "sealed").iterdir()] == ["00002"]
