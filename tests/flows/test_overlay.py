"""`interplay run --overlay NAME` writes a file of `overlays/` into `params.yaml`, whole or not at all."""

from __future__ import annotations

import shutil

import pytest
from projects import ROOT

from flows.run import write_settings
from flows.zoo import method_rows
from mmcore.errors import InputError
from mmcore.training.methods import method_names
from tasks.parameters import ParametersError, load_parameters


@pytest.fixture
def project(tmp_path):
    shutil.copy(ROOT / "params.yaml", tmp_path)
    shutil.copytree(ROOT / "overlays", tmp_path / "overlays")
    return tmp_path


def test_the_full_overlay_trains_everything_and_keeps_the_comments(project):
    write_settings(project, ["train.epochs=3"], "full")
    parameters = load_parameters(project)
    assert parameters.train.models == ["all"] and parameters.train.tune_trials > 0
    assert parameters.train.retrain_subsets == "late_fusion" and parameters.evaluate.noise_models == "all"
    assert parameters.explain.interactions == "all"
    assert parameters.train.epochs == 3
    assert "# of validation, that chooses the epoch" in (project / "params.yaml").read_text(encoding="utf-8")


def test_an_unknown_overlay_or_key_changes_nothing(project):
    before = (project / "params.yaml").read_bytes()
    with pytest.raises(InputError, match="full"):
        write_settings(project, [], "ful")
    (project / "overlays" / "typo.yaml").write_text("train:\n  epoch: 3\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"train\.epochs"):
        write_settings(project, [], "typo")
    (project / "overlays" / "wrong.yaml").write_text("train:\n  epochs: -3\n", encoding="utf-8")
    with pytest.raises(ParametersError, match="epochs"):
        write_settings(project, [], "wrong")
    assert (project / "params.yaml").read_bytes() == before


def test_every_method_is_listed_with_its_cost(project):
    rows = {row[0]: row for row in method_rows(project, None)}
    assert set(rows) == set(method_names())
    assert all(row[1] != "-" and int(row[2].replace(",", "")) > 0 for row in rows.values()), rows
