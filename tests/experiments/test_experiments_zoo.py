"""The planted worlds hold what their formulas say, the expectations follow the tags, and the gates can fail."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from experiments.record import Check, parameters
from experiments.zoo_baselines import BASELINES, baseline_logits, features
from experiments.zoo_expectations import AS_ANY_INTERACTION, UNJUDGED, expect
from experiments.zoo_planted import contestants, judged, measured, trained
from experiments.zoo_real import judged as judged_real
from experiments.zoo_real import standings
from experiments.zoo_real_sets import READERS, read_set
from experiments.zoo_worlds import FORMS, WORLDS, additive_ceiling, bayes_accuracy, shown_bits, world
from mmcore.data import from_arrays
from mmcore.data.worlds.planted import binary_entropy, codebook
from mmcore.errors import InputError
from mmcore.evaluation.protocol import Partition
from mmcore.information import pid
from mmcore.training.methods import method_names

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
ATOM = {"redundancy": "redundancy", "unique1": "unique1", "unique2": "unique2", "synergy": "synergy"}
SETTINGS = {
    "noise": 0.1, "tolerance": 0.02, "sampling": 0.015, "loss_sampling": 0.01, "retry_below": 0.02, "seeds": [0],
}  # fmt: skip


def passed(checks: list[Check]) -> list[bool]:
    return [check.passed for check in checks]


@pytest.mark.parametrize("name", WORLDS)
def test_a_world_holds_one_atom_and_its_size_is_the_formulas(name: str):
    noise = 0.1
    table = np.zeros((2, 2, 2))
    for u, w in itertools.product((0, 1), repeat=2):
        first, second, label = (int(bit[0]) for bit in shown_bits(name, np.array([u]), np.array([w])))
        table[first, second, label] += 0.25 * (1.0 - noise)
        table[first, second, 1 - label] += 0.25 * noise
    atoms = pid.decompose(table).atoms
    expected = dict.fromkeys(atoms, 0.0) | {ATOM[name]: 1.0 - binary_entropy(noise)}
    assert atoms == pytest.approx(expected, abs=1e-7)
    assert table.max(axis=2).sum() == pytest.approx(bayes_accuracy(noise))


@pytest.mark.parametrize(("name", "form"), list(itertools.product(WORLDS, FORMS)))
def test_reading_the_bits_off_the_values_gives_the_bayes_accuracy(name: str, form: str):
    n, noise = 8000, 0.1
    ds = world(name, form, rows={"train": n}, noise=noise, seed=3)
    bits = []
    for modality in ds.modalities:
        values = np.asarray(ds[modality], dtype=float)
        if form == "vectors":
            words = codebook(3, modality)
            bits.append(((values[:, None] - words) ** 2).sum(axis=2).argmin(axis=1) // 2)
        else:
            steps = values.reshape(-1, values.shape[2])
            direction = np.linalg.eigh(steps.T @ steps)[1][:, -1]
            direction *= np.sign(direction @ values[0, np.abs(values[0] @ direction).argmax()])
            along = values @ direction
            peak = np.abs(along).argmax(axis=1)
            bits.append((along[np.arange(n), peak] > 0).astype(int))
    guess = {"unique1": bits[0], "unique2": bits[1], "redundancy": bits[0]}.get(name, bits[0] ^ bits[1])
    accuracy = np.mean(guess == ds.labels())
    # the sign of a pulse's direction is not known, so that all labels may be read upside down
    assert max(accuracy, 1.0 - accuracy) == pytest.approx(0.9, abs=4 * math.sqrt(0.09 / n))


def test_no_threshold_of_a_sum_agrees_with_an_exclusive_or_on_more_than_three_quarters():
    generator = np.random.default_rng(0)
    parity = np.arange(4) % 2
    target = parity[:, None] ^ parity[None, :]
    best = 0.0
    for _ in range(20_000):
        first, second = generator.standard_normal((2, 4))
        best = max(best, float(np.mean((first[:, None] + second > 0) == target)))
    assert best <= 0.75
    two = [np.mean((np.add.outer(f, g) > 0) == target[:2, :2]) for f, g in generator.standard_normal((500, 2, 2))]
    assert max(two) == 0.75
    assert additive_ceiling(0.0) == 0.75


def test_the_log_loss_of_the_best_additive_model_of_an_exclusive_or_is_log_two():
    cells = np.array(list(itertools.product((0, 1), repeat=3)))
    x, y = np.eye(2)[cells[:, :2]].reshape(-1, 4), cells[:, 2]
    weights = np.where(y == cells[:, 0] ^ cells[:, 1], 0.9, 0.1)
    model = LogisticRegression(C=1e6).fit(x, y, sample_weight=weights)
    chances = model.predict_proba(x)[np.arange(8), y]
    assert -(weights * np.log(chances)).sum() / weights.sum() == pytest.approx(math.log(2.0), abs=1e-6)


def test_every_exception_is_a_known_method_and_world():
    assert {method for method, _ in UNJUDGED} | set(AS_ANY_INTERACTION) <= set(method_names())
    assert {name for _, name in UNJUDGED} <= set(WORLDS)


def test_expectations_follow_the_tags():
    outcomes = {
        (form, name, method): expect(method, tags, name).outcome
        for form in FORMS
        for method, tags in contestants(form).items()
        for name in WORLDS
    }
    assert outcomes["vectors", "synergy", "sum"] == "additive"
    assert outcomes["vectors", "unique2", "sum"] == "bayes"
    assert outcomes["vectors", "unique2", "unimodal:first"] == "chance"
    assert outcomes["sequences", "synergy", "mult"] == "bayes"
    assert outcomes["sequences", "synergy", "lf_lstm"] == "additive"
    assert list(outcomes.values()).count("unjudged") <= 8


def test_gates_fail_for_a_model_that_falls_short_or_does_what_it_cannot():
    additive, bayes = expect("sum", ("additive",), "synergy"), expect("film", ("any_interaction",), "synergy")
    assert passed(judged("x", bayes, {"accuracy": {"value": 0.89}}, SETTINGS)) == [True]
    assert passed(judged("x", bayes, {"accuracy": {"value": 0.87}}, SETTINGS)) == [False]
    assert passed(judged("x", bayes, {"accuracy": {"value": 0.95}}, SETTINGS)) == [False]
    assert passed(judged("x", additive, {"accuracy": {"value": 0.55}, "log_loss": 0.7}, SETTINGS)) == [True, True]
    assert passed(judged("x", additive, {"accuracy": {"value": 0.89}, "log_loss": 0.35}, SETTINGS)) == [False, False]


@pytest.mark.parametrize(("method", "reaches"), [("tensor_fusion", True), ("late_fusion", False)])
def test_a_slice_of_the_study_tells_tensor_fusion_from_late_fusion(tmp_path: Path, method: str, reaches: bool):
    ds = world("synergy", "vectors", rows={"train": 400, "valid": 100, "test": 2000}, noise=0.1, seed=1)
    attempts = [{"build": {"width": 32}, "fit": {"epochs": 12, "batch_size": 64}}]
    found = measured(method, ds, SETTINGS | {"attempts": attempts, "checkpoints": str(tmp_path)})
    assert (found["accuracy"]["value"] > 0.87) is reaches
    assert (found["log_loss"] < 0.5) is reaches


def test_a_method_that_refuses_the_data_is_recorded_with_its_reason(tmp_path: Path):
    ds = world("synergy", "vectors", rows={"train": 20, "valid": 10, "test": 10}, noise=0.1, seed=1)
    attempts = [{"build": {"width": 8}, "fit": {"epochs": 1}}]
    found = measured("non_local_gate", ds, SETTINGS | {"attempts": attempts, "checkpoints": str(tmp_path)})
    assert found["status"] == "refused"
    assert "first" in found["reason"]
    with pytest.raises(InputError, match="attempts"):
        trained("late_fusion", ds, SETTINGS | {"attempts": []}, 0)


def test_baselines_of_separable_rows_are_right_and_absent_rows_do_not_matter():
    generator = np.random.default_rng(0)
    labels = np.arange(120) % 2
    steps = generator.standard_normal((120, 5, 2)) + 4.0 * labels[:, None, None]
    vectors: list = [None if row % 4 == 0 else generator.standard_normal(3) for row in range(120)]
    present = np.arange(120) % 4 != 0
    filled = np.array([np.full(3, np.nan) if v is None else v for v in vectors])
    ds = from_arrays({"a": steps, "b": filled}, labels=labels, name="tiny", presence={"b": present})
    part = Partition(0, np.arange(60), np.arange(60, 90), np.arange(90, 120))
    columns = features(ds, part.train)
    assert columns.shape == (120, 6 * 2 + 3 + 1)
    assert np.isfinite(columns).all()
    for model in ("logistic_regression", "extra_trees"):
        logits = baseline_logits(model, columns, labels, part, 2, seed=0)
        assert (logits["test"].argmax(axis=1) == labels[part.test]).all()


def _found(late: float, baseline: float, verdict: str, recommended: str) -> dict:
    entry = {"model": "late_fusion", "accuracy": {"value": late, "low": late - 0.03, "high": late + 0.03}}
    other = {"model": "sum", "accuracy": {"value": late - 0.1, "low": 0.0, "high": 1.0}}
    return {
        "models": [entry, other], "baseline": {"accuracy": baseline, "model": "extra_trees", "source": "x"},
        "verdict": {"verdict": verdict, "recommended": recommended},
    }  # fmt: skip


def test_gates_of_real_data():
    right = _found(0.70, 0.71, "one_modality", "unimodal:text_minilm")
    assert passed(judged_real("mosi", right)) == [True, True]
    assert passed(judged_real("mosi", _found(0.68, 0.71, "one_modality", "unimodal:audio"))) == [False, False]
    assert passed(judged_real("avmnist_xor", _found(0.77, 0.5, "fusion", "film"))) == [True, True, True]
    assert passed(judged_real("avmnist_xor", _found(0.90, 0.5, "late_fusion", "late_fusion"))) == [True, False, False]


def test_the_leaderboard_lists_the_models_that_every_dataset_has():
    found = {"d": _found(0.8, 0.8, "", ""), "e": _found(0.7, 0.8, "", "")}
    found["e"]["models"].append({"model": "mult", "accuracy": {"value": 0.9}})
    table = standings(found, {"in_domain": {"mult": ["e"]}})
    assert [entry["model"] for entry in table["leaderboard"]["entries"]] == ["late_fusion", "sum"]
    assert [one["in_domain"] for one in table["domains"]] == [None, "mult"]


def test_every_real_set_has_its_parameters_and_its_baseline():
    assert set(parameters("zoo_real")["datasets"]) == set(READERS) == set(BASELINES)


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason="the folder ../shared/data is not there")
@pytest.mark.parametrize("name", sorted(READERS))
def test_no_group_is_in_two_parts_and_every_part_is_there(name: str):
    sizes = dict(parameters("zoo_real")["datasets"][name]["sizes"])
    real = read_set(name, DATA, seed=0, sizes=sizes)
    for part in real.parts:
        assert min(len(part.train), len(part.valid), len(part.test)) > 0
        if real.ds.groups is not None:
            held = [set(np.asarray(real.ds.groups)[part.rows(which)]) for which in ("train", "valid", "test")]
            assert not (held[0] & held[1] or held[0] & held[2] or held[1] & held[2])


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason="the folder ../shared/data is not there")
def test_rows_of_mosi_that_choose_or_test_are_of_the_published_test_part():
    real = read_set("mosi", DATA, seed=0, sizes={})
    with np.load(DATA / "mosi" / "mosi_features.npz", allow_pickle=False) as file:
        tested = file["is_test"]
    assert all(tested[part.valid].all() and tested[part.test].all() for part in real.parts)
    assert sorted(np.concatenate([part.test for part in real.parts]).tolist()) == np.flatnonzero(tested).tolist()
