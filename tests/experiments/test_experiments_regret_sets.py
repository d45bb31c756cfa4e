"""The sets of the regret study: splits that share nothing, labels that are what their version says, no leak."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments.record import parameters
from experiments.regret_sets import components, filled, pair_of, regret_sets
from experiments.zoo_real_sets import RealSet
from mmcore.data import from_arrays
from mmcore.errors import InputError
from mmcore.evaluation.protocol import Partition

ROOT = Path(__file__).parents[2] / ".." / "shared" / "data"
needs_data = pytest.mark.skipif(not ROOT.is_dir(), reason="the folder of real data is not there")


def test_components_come_from_the_rows_that_they_are_fitted_on() -> None:
    generator = np.random.default_rng(0)
    values = generator.normal(size=(60, 5))
    train = np.arange(60) < 40
    changed = values.copy()
    changed[~train] += 100.0
    one, other = components(values, train, most=3), components(changed, train, most=3)
    assert np.array_equal(one[train], other[train]) and one.shape == (60, 3)
    assert np.allclose(one[train].mean(axis=0), 0.0)
    assert np.allclose(np.cov(one[train].T) - np.diag(one[train].var(axis=0, ddof=1)), 0.0)  # uncorrelated


def test_so_many_components_as_reach_the_share() -> None:
    values = np.diag([10.0, 1.0, 1.0]) @ np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    values = np.concatenate([values, -values])  # mean zero, variances 100 : 1 : 1
    assert components(values, np.ones(6, bool), most=3, share=0.9).shape == (6, 1)
    assert components(values, np.ones(6, bool), most=2, share=0.999).shape == (6, 2)


def test_missing_numbers_become_the_mean_of_training_rows() -> None:
    values = np.array([[1.0, 5.0], [3.0, 5.0], [np.nan, 5.0], [100.0, 5.0]])
    found = filled(values, np.array([True, True, True, False]))
    assert found.tolist() == [[1, 5, 0], [3, 5, 0], [2, 5, 1], [100, 5, 0]]


def test_a_pair_keeps_labels_presence_groups_and_parts() -> None:
    values = np.arange(8.0)[:, None]
    ds = from_arrays(
        {"a": values, "b": values + 10, "c": values}, labels=list("xyxyxyxy"), name="n", groups=list("ppqqrrss"),
        presence={"b": np.arange(8) != 3, "c": np.arange(8) != 3},
    )  # fmt: skip
    part = Partition(0, np.array([0, 1, 3]), np.array([4, 5]), np.array([6, 7]))
    found = pair_of(RealSet(ds, [part]), ["b", "c"], part, name="b_c")
    assert found.modalities == ("b", "c")
    # row 2 is in no part, row 3 has neither
    assert np.asarray(found["b"])[:, 0].tolist() == [10.0, 11.0, 14.0, 15.0, 16.0, 17.0]
    assert found.rows("train").tolist() == [0, 1] and found.rows("test").tolist() == [4, 5]
    assert found.labels().tolist() == [0, 1, 0, 1, 0, 1]
    assert found.groups is not None and found.groups.tolist() == list("pprrss")


def test_sources_are_checked_and_name_what_is_not_independent() -> None:
    settings = parameters("regret_measured")
    sets = regret_sets(Path("nowhere"), settings)
    assert {entry.source for name, entry in sets.items() if name.startswith("robot")} == {"robot_failures"}
    assert all(sets[name].source == name for name in settings["worlds"]["names"])
    assert {name for name, entry in sets.items() if entry.estimate_rows == "valid"} == {
        "mosi:text_minilm_video@0", "mosi:text_minilm_video@1",
    }  # fmt: skip
    with pytest.raises(InputError, match="source"):
        regret_sets(Path("nowhere"), {**settings, "real": {"unknown": {"sizes": {}}}})


def test_a_world_has_the_parts_that_were_asked_for() -> None:
    settings = parameters("regret_measured")
    settings["worlds"] = {"names": ["random1"], "sizes": {"train": 30, "valid": 20, "test": 10}}
    ds = regret_sets(Path("nowhere"), settings)["random1"].read()
    assert [len(ds.rows(part)) for part in ("train", "valid", "test")] == [30, 20, 10]


@needs_data
@pytest.mark.slow
def test_no_group_is_in_two_parts_and_no_part_is_empty() -> None:
    for name, entry in regret_sets(ROOT, parameters("regret_measured")).items():
        ds = entry.read()
        assert len(ds.modalities) == 2, name
        parts = [ds.rows(part) for part in ("train", "valid", "test")]
        assert all(len(rows) for rows in parts) and len(parts[0]) <= 5_000, name
        if ds.groups is not None:
            held = [set(ds.groups[rows]) for rows in parts]
            assert not (held[0] & held[1] or held[0] & held[2] or held[1] & held[2]), name


@needs_data
@pytest.mark.slow
def test_digits_are_labelled_as_their_version_says() -> None:
    settings = parameters("regret_measured")
    settings["real"] = {"avmnist": {**settings["real"]["avmnist"], "sizes": {"train": 400, "valid": 50, "test": 50}}}
    sets = regret_sets(ROOT, settings)
    spoken = {}
    for version in ("redundant", "unique", "xor", "sum"):
        ds = sets[f"avmnist:{version}"].read()
        assert ds.groups is not None
        # a group is 'part-path/DIGIT_speaker_index.wav'
        digit = np.array([int(Path(group.partition("-")[2]).name.split("_")[0]) for group in ds.groups])
        spoken[version] = np.mean(digit == ds.labels())
    assert spoken["redundant"] == 1.0
    assert spoken["unique"] == pytest.approx(0.1, abs=0.06) and spoken["sum"] == pytest.approx(0.1, abs=0.06)


@needs_data
@pytest.mark.slow
def test_films_are_not_described_by_what_defines_their_label() -> None:
    table = pd.read_parquet(ROOT / "movies_wikidata" / "movies.parquet").set_index("imdbID")
    table = table[~table.index.duplicated()]
    sets = regret_sets(ROOT, parameters("regret_measured"))
    widths = {}
    for pair in ("people_content", "content_market", "critic_market"):
        ds = sets[f"movies_wikidata:{pair}"].read()
        widths |= {modality: ds[modality].shape[1] for modality in ds.modalities}
        assert len(set(ds.samples["sample_id"])) == len(ds)
        shares = table.loc[ds.samples["sample_id"], ["rt_meter", "rt_rating"]].fillna(0.0).to_numpy(dtype=float)
        assert np.array_equal(shares[:, 0] >= 60, ds.labels() == 1)  # what the label is
        for modality in ds.modalities:
            for column in np.asarray(ds[modality], dtype=float).T:
                for forbidden in shares.T:
                    assert not np.allclose(column, forbidden)
                    assert abs(np.corrcoef(column + 1e-9 * np.arange(len(column)), forbidden)[0, 1]) < 0.95
    assert widths["critic"] == 1 and widths["people"] == 32
