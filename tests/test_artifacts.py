"""An artifact is whole or absent; its digest says whether the same work was done."""

import json

import pytest

from wsal.artifacts import Artifact, create, recover
from wsal.digests import MANIFEST, file_digest
from wsal.errors import ConfigError, MissingArtifactError
from wsal.json_files import read_json_object


def made(path, text="x", config=None, inputs=None):
    with create(path, config or {"a": 1}, inputs or {}) as (work, facts):
        (work / "file.txt").write_text(text)
        facts["n"] = len(text)
    return Artifact.open(path)


def test_nothing_is_seen_before_it_is_whole(tmp_path):
    place = tmp_path / "pool"
    with pytest.raises(RuntimeError), create(place, {}, {}) as (work, _):
        (work / "half").write_text("x")
        raise RuntimeError
    with pytest.raises(MissingArtifactError, match="absent or unfinished"):
        Artifact.open(place)
    first = made(place, "good")
    with pytest.raises(RuntimeError), create(place, {"b": 2}, {}) as (work, _):
        raise RuntimeError
    assert (place / "file.txt").read_text() == "good"
    assert Artifact.open(place).digest == first.digest


def test_digest_depends_on_configuration_inputs_and_content_alone(tmp_path):
    same = made(tmp_path / "a"), made(tmp_path / "b")
    assert same[0].digest == same[1].digest
    others = [
        made(tmp_path / "c", text="y"),
        made(tmp_path / "d", config={"a": 2}),
        made(tmp_path / "e", inputs={"pool": "0"}),
    ]
    assert len({same[0].digest, *(one.digest for one in others)}) == 4
    assert same[0].made_from({"a": 1}, {})
    assert not same[0].made_from({"a": 1}, {"pool": "0"})
    assert same[0].facts == {"n": 1}


def test_unfinished_work_is_kept_for_the_same_origin_only(tmp_path):
    place = tmp_path / "pretrained"
    for expected, config in ((False, {"lr": 1}), (True, {"lr": 1}), (False, {"lr": 2})):
        with pytest.raises(RuntimeError), create(place, config, {}) as (work, _):
            assert (work / "checkpoints/1").exists() == expected
            (work / "checkpoints/1").mkdir(parents=True, exist_ok=True)
            raise RuntimeError
    with create(place, {"lr": 2}, {}):
        pass
    assert not (place / "checkpoints").exists()


def test_a_kill_between_sealing_and_renaming_loses_nothing(tmp_path):
    done = made(tmp_path / "pool")
    done.path.rename(tmp_path / "pool.unfinished")
    recover(tmp_path / "pool")
    assert Artifact.open(tmp_path / "pool").digest == done.digest
    assert (tmp_path / "pool" / MANIFEST).exists()


def test_a_manifest_has_the_hash_of_every_file(tmp_path):
    done = made(tmp_path / "pool")
    manifest = json.loads((done.path / MANIFEST).read_text())
    assert manifest["files"] == {"file.txt": file_digest(done.path / "file.txt")}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "not JSON"),
        (b'{"a": 1', "not JSON"),
        (b'{"a": "\xff"}', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[1]", "holds a list, expected an object"),
        (b"null", "holds a NoneType, expected an object"),
    ],
)
def test_a_damaged_json_file_is_refused_with_advice(tmp_path, content, problem):
    file = tmp_path / "x.json"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=rf"x\.json is damaged: .*{problem}.*; delete it"):
        read_json_object(file, "delete it")
    with pytest.raises(MissingArtifactError, match="not found"):
        read_json_object(tmp_path / "y.json", "delete it")
    file.write_text('{"a": "é"}')
    assert read_json_object(file, "delete it") == {"a": "é"}
