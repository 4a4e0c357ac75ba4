"""Mistakes that Hydra reports in its own words."""

import pytest


@pytest.mark.slow
def test_an_experiment_without_its_first_line_is_named(wsal, tmp_path):
    folder = tmp_path / "mine" / "experiment"
    folder.mkdir(parents=True)
    (folder / "shop.yaml").write_text("defaults:\n  - override /data: csv\nname: shop\n")
    done = wsal("prepare", "--config-dir", "mine", "experiment=shop", check=False)
    assert "its first line has to be `# @package _global_`" in done.stderr
