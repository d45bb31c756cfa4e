"""Building the bank: twice the same bytes, nothing done twice, nothing lost, nothing strange kept."""

import dataclasses

import pandas as pd
import pytest
import yaml

from mmcore.data.worlds import WORLDS
from mmcore.errors import InputError
from mmcore.selection.bank import building, read_bank
from mmcore.selection.bank.table import ATOMS, default_folder
from mmcore.selection.bank.worlds import BankSettings, asked_trials, bank_worlds, tried_methods
from mmcore.selection.trials import run_trial

TINY = BankSettings(
    revision=1,
    seed=0,
    rows={"train": 100, "valid": 40, "test": 60},
    random_worlds={"first": 301, "classes": [None, 3]},
    seeds=[0],
    estimate={"n_boot": 0, "n_null": 0, "max_clusters": 3},
    settings={"build": {"width": 4}, "fit": {"epochs": 2}, "quantify": {"max_clusters": 3}},
    worlds=["pure_synergy"],
    methods=["unimodal:first", "early_fusion", "late_fusion"],
)
TABLES = ("worlds.csv", "trials.csv")


def filled(tmp_path, settings=TINY, folder="bank", place="finished", **options):
    return building.fill_bank(settings, tmp_path / folder, tmp_path / place, **options)


def texts(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_slice_built_twice_from_nothing_is_the_same_bytes(tmp_path):
    first = filled(tmp_path)
    assert (first.kept, first.computed, first.written) == (0, 3, ("worlds", "trials", "costs"))
    filled(tmp_path, folder="again", place="elsewhere")
    for name in TABLES:
        assert (tmp_path / "bank" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    bank = read_bank(tmp_path / "bank")
    assert len(bank.trials) == 3 and set(bank.trials["status"]) == {"trained"}
    # an exclusive or with noise 0.05 by construction: 1 - h(0.05) bits, right in 95 of 100
    world = bank.worlds.loc["pure_synergy"]
    assert world[[f"true_{atom}" for atom in ATOMS]].tolist() == pytest.approx([0.0, 0.0, 0.0, 0.713603], abs=1e-6)
    assert world["bayes_accuracy"] == pytest.approx(0.95)


def test_a_complete_bank_is_left_as_it_is(tmp_path, monkeypatch):
    filled(tmp_path)
    before = texts(tmp_path / "bank")
    monkeypatch.setattr(building, "trial_table", None)
    monkeypatch.setattr(building, "describe_world", None)
    again = filled(tmp_path, place="none there")
    assert (again.kept, again.computed, again.dropped, again.written) == (3, 0, 0, ())
    assert texts(tmp_path / "bank") == before


def test_an_interrupted_build_loses_nothing_and_leaves_the_tables(tmp_path):
    whole = tmp_path / "bank"
    filled(tmp_path)

    def kill(done, total, what):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        filled(tmp_path, folder="killed", place="aside", progress=kill)
    assert not (tmp_path / "killed").exists() and len(list((tmp_path / "aside").iterdir())) == 2
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "aside").iterdir()}
    filled(tmp_path, folder="killed", place="aside")
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert all((tmp_path / "killed" / name).read_bytes() == (whole / name).read_bytes() for name in TABLES)


@pytest.mark.parametrize("lost", ["worlds", "trials", "costs"])
def test_a_table_that_was_deleted_is_built_again(tmp_path, lost):
    filled(tmp_path)
    before = texts(tmp_path / "bank")
    (tmp_path / "bank" / f"{lost}.csv").unlink()
    found = filled(tmp_path, place="none there")
    assert found.computed == (0 if lost == "worlds" else 3) and lost in found.written
    assert {name: (tmp_path / "bank" / name).read_bytes() for name in TABLES} == {n: before[n] for n in TABLES}
    # how long a fit takes differs; that every fit was timed does not
    costs = read_bank(tmp_path / "bank").costs
    assert len(costs) == 3 and (costs["cpu_seconds"] > 0.0).all()


def test_a_trial_without_its_cost_is_trained_again(tmp_path):
    filled(tmp_path)
    path = tmp_path / "bank" / "costs.csv"
    rows = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(rows[:-1]), encoding="utf-8")
    found = filled(tmp_path, place="none there")
    assert (found.kept, found.computed, found.written) == (2, 1, ("costs",))


@pytest.mark.parametrize(("text", "words"), [("{", "Delete it"), ("{}", "other columns")])
def test_a_damaged_description_of_a_world_is_told(tmp_path, text, words):
    filled(tmp_path)
    (tmp_path / "bank" / "worlds.csv").unlink()
    (path,) = (tmp_path / "finished").glob("world-*.json")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=words):
        filled(tmp_path)


def test_a_table_of_other_columns_is_told_before_anything_is_trained(tmp_path, monkeypatch):
    filled(tmp_path)
    path = tmp_path / "bank" / "trials.csv"
    path.write_text("<<<<<<< mine\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(building, "trial_table", None)
    with pytest.raises(InputError) as told:
        filled(tmp_path)
    assert told.value.argument in ("bank", "trials.columns")


def test_only_what_is_missing_is_computed_and_what_is_not_asked_for_is_dropped(tmp_path):
    filled(tmp_path)
    before = pd.read_csv(tmp_path / "bank" / "trials.csv", dtype=str)
    other = dataclasses.replace(TINY, methods=["late_fusion", "sum"])
    found = filled(tmp_path, other)
    assert (found.kept, found.computed, found.dropped) == (1, 1, 2)
    after = pd.read_csv(tmp_path / "bank" / "trials.csv", dtype=str)
    assert after["method"].tolist() == ["late_fusion", "sum"]
    assert after.iloc[0].equals(before[before["method"] == "late_fusion"].iloc[0])
    assert len(read_bank(tmp_path / "bank").costs) == 2


@pytest.mark.parametrize(
    "change",
    [{"revision": 2}, {"seed": 1}, {"rows": {"train": 100, "valid": 40, "test": 61}},
     {"settings": {**TINY.settings, "fit": {"epochs": 3}}}, {"seeds": [1]}],
)  # fmt: skip
def test_whatever_a_result_depends_on_changes_its_key(change):
    (world,) = bank_worlds(TINY)
    other = dataclasses.replace(TINY, **change)
    keys = {trial.key for trial in asked_trials(world, TINY)}
    assert len(keys) == 3 and keys.isdisjoint(trial.key for trial in asked_trials(world, other))


def test_worlds_that_judge_the_selection_are_not_in_the_bank():
    worlds = bank_worlds(dataclasses.replace(TINY, worlds=None))
    names = {world.name for world in worlds}
    judged = {f"random{k}" for k in range(1, 6)} | {f"generative_random{k}" for k in range(1, 6)}
    assert judged <= set(WORLDS) and not judged & names
    assert names == set(WORLDS) - judged | {"random_world_301", "random_world_302"}
    pairs = bank_worlds(dataclasses.replace(TINY, worlds=None, left_out_tags=["three"]))
    assert names - {world.name for world in pairs} == {"three_parity", "three_pairs", "three_layouts"}
    shown = [WORLDS[name].world for name in judged]
    assert not any(dataclasses.replace(one.world, name=other.name) == other for one in worlds for other in shown)


def test_models_of_sequences_are_tried_where_there_are_some():
    settings = dataclasses.replace(TINY, worlds=["pure_synergy", "image_sequence", "three_parity"], methods=None)
    vector, mixed, three = (tried_methods(world, settings) for world in bank_worlds(settings))
    assert "mult" in mixed and "mult" not in vector
    assert {"late_fusion", "tensor_fusion", "cca", "mfas"} <= set(vector)
    assert [name for name in three if name.startswith("unimodal")] == [f"unimodal:{p}" for p in
                                                                      ("first", "second", "third")]  # fmt: skip


def test_some_methods_only_on_some_layouts():
    only = {"sequence": ["late_fusion", "mult"], "image": ["late_fusion"]}
    settings = dataclasses.replace(
        TINY, worlds=["pure_synergy", "image_sequence", "sequence_synergy"], methods=None, only=only, left_out=["sum"]
    )
    vector, both, sequence = (tried_methods(world, settings) for world in bank_worlds(settings))
    assert (both, sequence) == (("late_fusion",), ("late_fusion", "mult"))
    assert "product" in vector and "sum" not in vector


def test_an_unknown_world_or_setting_is_told():
    with pytest.raises(InputError, match="pure_synergy"):
        bank_worlds(dataclasses.replace(TINY, worlds=["pure_sinergy"]))
    with pytest.raises(InputError, match="revision"):
        BankSettings.read({"revisoin": 1})


@pytest.mark.slow
@pytest.mark.parametrize(("name", "method"), [("pure_synergy", "early_fusion"), ("generative_unique2", "late_fusion")])
def test_a_row_of_the_committed_bank_is_found_again(name, method):
    """Another machine may round differently: there the accuracies agree to the noise of 2,500 test rows."""
    folder = default_folder()
    settings = BankSettings.read(yaml.safe_load((folder.parents[1] / "bank.yaml").read_text(encoding="utf-8")))
    world = next(world for world in bank_worlds(settings) if world.name == name)
    ds = world.draw(settings)
    row = run_trial(ds, method, seed=settings.seeds[0], settings=settings.settings)
    trials = read_bank(folder).trials
    kept = trials[(trials["world"] == name) & (trials["method"] == method) & (trials["seed"] == row["seed"])].iloc[0]
    for column in ("accuracy_valid", "accuracy_test", "drop_first", "drop_second"):
        assert row[column] == pytest.approx(kept[column], abs=0.02)
    for atom in ATOMS:
        assert row[f"model_{atom}"] == pytest.approx(kept[f"model_{atom}"], abs=0.03)
