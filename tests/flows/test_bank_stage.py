"""The stage `bank`: nothing is computed where nothing is missing, and select waits for its tables."""

import json
import subprocess
import sys

import pytest
import yaml
from imports import ROOT

from mmcore.errors import InputError
from mmcore.selection.bank.table import default_folder, read_bank
from mmcore.selection.bank.worlds import asked_trials, bank_worlds
from tasks.bank import DIGESTS, SETTINGS, TABLES, digests_of, read_settings

STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]


def stage_deps(name):
    return STAGES[name].get("do", STAGES[name])["deps"]


def test_the_stage_keeps_its_committed_tables_and_select_reads_them():
    (out,) = STAGES["bank"]["outs"]
    # no cache: the tables are text under git; persist: what is there is not computed again
    assert out == {TABLES.as_posix(): {"cache": False, "persist": True}}
    assert SETTINGS.as_posix() in STAGES["bank"]["deps"]
    # by their digests: a stage upstream of every dataset would be busy whenever two datasets are at work at once
    assert DIGESTS.as_posix() in STAGES["select"]["do"]["deps"]
    assert not any(TABLES.as_posix() in dep for name in STAGES for dep in stage_deps(name))
    assert default_folder() == ROOT / TABLES


def test_the_committed_tables_are_what_is_asked_for():
    settings, bank = read_settings(ROOT), read_bank(ROOT / TABLES)
    asked = [trial for world in bank_worlds(settings) for trial in asked_trials(world, settings)]
    assert bank.trials["key"].tolist() == [trial.key for trial in asked]
    assert bank.worlds["key"].tolist() == [world.key(settings) for world in bank_worlds(settings)]
    assert json.loads((ROOT / DIGESTS).read_text(encoding="utf-8")) == digests_of(ROOT / TABLES)


def test_without_anything_missing_nothing_is_trained_or_written(tmp_path):
    # a fit would need torch, which is not imported; the tables stand in the checkout that is tested
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in (ROOT / TABLES).iterdir()}
    code = (
        "import sys; from pathlib import Path; from flows.bank import bank; found = bank(Path(sys.argv[1]));"
        "print(found.computed, found.dropped, found.written, 'torch' in sys.modules)"
    )
    run = [sys.executable, "-c", code, str(ROOT)]
    found = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "0 0 () False"
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in (ROOT / TABLES).iterdir()} == before


@pytest.mark.parametrize(
    ("text", "argument"),
    [
        (None, "bank"),
        ("- a list", "bank"),
        ("{", "bank"),
        ("colour: red", "bank"),
        ("revision: 1", "bank"),
        ("{revision: 1, seed: 1, rows: {}, random_worlds: {}, seeds: [], estimate: {}, settings: {}}", "bank.seeds"),
        (
            "{revision: 1, seed: 1, rows: {}, random_worlds: {}, seeds: [0], estimate: {}, settings: {}, once: [mltu]}",
            "bank.once",
        ),
    ],
)
def test_wrong_settings_are_told(tmp_path, text, argument):
    if text is not None:
        (tmp_path / SETTINGS).write_text(text)
    with pytest.raises(InputError) as told:
        read_settings(tmp_path)
    assert told.value.argument == argument
