"""Table 3.4 and figures 3.4 and 3.5 on banks made by hand, whose correlations and orders are known."""

from __future__ import annotations

import copy
import itertools

import numpy as np
import pandas as pd
import pytest

from experiments import agreement_accuracy, interactions_learnt, robustness_uniqueness
from experiments.interactions_learnt_models import METHODS, THESIS_MODELS, means, thesis_worlds
from experiments.record import Check, parameters
from mmcore.data.worlds.generative import SETS
from mmcore.errors import InputError
from mmcore.information.atoms import ATOMS
from mmcore.selection.bank.table import COST_COLUMNS, TRIAL_COLUMNS, WORLD_COLUMNS, Bank
from mmcore.training.methods import method_names

PURE = ("pure_redundancy", "pure_unique1", "pure_unique2", "pure_synergy")
SPECIALISED = {name: name.removeprefix("pure_").removeprefix("generative_") for name in PURE} | {
    f"generative_{atom}": atom for atom in ATOMS
}


def failed(checks: list[Check]) -> list[str]:
    return [check.quantity for check in checks if not check.passed]


def world_row(name: str) -> dict[str, object]:
    """A world of half a bit: all of it in its atom, or an eighth of a bit in each."""
    atoms = dict.fromkeys(ATOMS, 0.125)
    if name in SPECIALISED:
        atoms = {atom: 0.5 * (atom == SPECIALISED[name]) for atom in ATOMS}
    row: dict[str, object] = dict.fromkeys(WORLD_COLUMNS, "") | {"world": name, "modalities": "first second"}
    row |= {"n_train": 100, "n_valid": 50, "n_test": 100, "n_classes": 2, "label_entropy": 1.0, "bayes_accuracy": 0.9}
    return row | {f"{kind}_{atom}": value for kind in ("true", "estimated") for atom, value in atoms.items()}


def made_bank(*, additive_fails: bool = True, methods: tuple[str, ...] = METHODS) -> Bank:
    """Models that hold 0.6 bit as the data do, and lose 0.4 accuracy for each bit of U_i and S that is taken away.

    Additive models know nothing of the exclusive or.
    """
    names = [*PURE, *(f"generative_{name}" for name in SETS)]
    worlds = pd.DataFrame([world_row(name) for name in names])
    additive = {model.method for model in THESIS_MODELS if model.additive}
    trials = []
    for name, method, seed in itertools.product(names, methods, (0, 1)):
        world = worlds[worlds["world"] == name].iloc[0]
        blind = additive_fails and name == "pure_synergy" and method in additive
        scale = 0.0 if blind else 1.2 + 0.02 * len(method) * (name not in SPECIALISED)
        atoms = {atom: float(world[f"true_{atom}"]) * scale for atom in ATOMS}
        row: dict[str, object] = dict.fromkeys(TRIAL_COLUMNS, np.nan) | {"world": name, "method": method, "seed": seed}
        row |= {f"model_{atom}": value for atom, value in atoms.items()} | {"key": f"{name}{method}{seed}"}
        row |= {"n_train": 100, "status": "trained", "reason": "", "accuracy_valid": 0.9, "log_loss_test": 0.3}
        row["accuracy_test"] = 0.5 if blind else 0.88 + 0.001 * seed
        for place, unique in (("first", "unique1"), ("second", "unique2")):
            row[f"drop_{place}"] = 0.4 * (atoms[unique] + atoms["synergy"])
        trials.append(row)
    costs = pd.DataFrame(
        [{"world": r["world"], "method": r["method"], "seed": r["seed"], "cpu_seconds": 1.0} for r in trials]
    )
    return Bank(worlds.set_index("world"), pd.DataFrame(trials, columns=list(TRIAL_COLUMNS)), costs[list(COST_COLUMNS)])


def test_the_models_of_the_table_are_methods_of_ours():
    assert len(THESIS_MODELS) == 10
    assert set(METHODS) <= set(method_names())


def test_the_printed_row_of_means_is_that_of_the_table():
    # thesis table 3.4, column "average"
    printed = {"redundancy": 0.41, "unique": 0.37, "synergy": 0.21}
    for atom, mean in printed.items():
        assert np.mean([getattr(model, atom) for model in THESIS_MODELS]) == pytest.approx(mean, abs=0.01)
    for place, mean in enumerate((0.73, 0.68, 0.68)):
        assert np.mean([model.accuracy[place] for model in THESIS_MODELS]) == pytest.approx(mean, abs=0.006)


def test_random_sets_are_none_of_the_ten():
    worlds = pd.DataFrame(index=["generative_random1", *(f"generative_{name}" for name in SETS), "gate"])
    assert len(thesis_worlds(worlds)) == 10


def test_means_leave_refused_fits_out_and_complain_where_none_is_left():
    bank = made_bank()
    refused = bank.trials.assign(status="refused")
    with pytest.raises(InputError):
        means(refused, list(bank.worlds.index), None, [])
    table = means(bank.trials, ["pure_unique1"], ["sum"], ["model_unique1"])
    assert table["accuracy_test"].tolist() == pytest.approx([0.8805])
    assert table["model_unique1"].tolist() == pytest.approx([0.6])


def test_models_that_behave_as_told_pass_and_an_additive_model_that_solves_the_exclusive_or_does_not():
    settings = parameters("interactions_learnt")
    checks, found = interactions_learnt.from_bank(made_bank(), settings)
    assert failed(checks) == []
    assert found["more_than_data"] == 1.0
    checks, _ = interactions_learnt.from_bank(made_bank(additive_fails=False), settings)
    assert sorted(failed(checks)) == sorted(
        f"exclusive or, {method}: {what}"
        for method in ("agreement", "contrastive", "sum")
        for what in ("accuracy", "synergy, bits")
    )


def test_a_model_that_the_bank_lacks_is_left_out_of_the_table():
    checks, found = interactions_learnt.from_bank(
        made_bank(methods=("sum", "product")), parameters("interactions_learnt")
    )
    assert failed(checks) == []
    assert set(found["pure"]["sum"]) == set(ATOMS)
    assert found["pure"]["mult"] == {}


def test_averages_are_of_the_models_there_are():
    one = {"accuracy": 0.7, "bayes_accuracy": 0.9, "atom": 0.2}
    other = {"accuracy": 0.8, "bayes_accuracy": 0.9, "atom": None}
    found = interactions_learnt.averages({"a": {"synergy": one}, "b": {"synergy": other}, "c": {}})
    assert found == {
        "synergy": {"models": 2, "atom": 0.2, "accuracy": pytest.approx(0.75), "reached": pytest.approx(0.625)}
    }


def test_drops_that_follow_what_is_taken_away_are_found_exactly():
    bank = made_bank()
    of = robustness_uniqueness.points(bank.trials, list(bank.worlds.index), None)
    assert len(of) == 2 * len(bank.worlds) * len(METHODS)
    found = robustness_uniqueness.correlations(of, 0.0721, seed=0, n_boot=10)
    assert found["necessary"]["pearson"]["value"] == pytest.approx(1.0)
    assert found["unique"]["pearson"]["value"] < 0.99
    assert found["synergy_low_unique"]["spearman"]["value"] == pytest.approx(1.0)


def test_a_bank_in_which_only_redundancy_orders_drops_fails():
    bank = made_bank()
    trials = bank.trials.assign(drop_first=bank.trials["model_redundancy"], drop_second=bank.trials["model_redundancy"])
    settings = parameters("robustness_uniqueness") | {"n_boot": 10}
    checks, _, _ = robustness_uniqueness.study(Bank(bank.worlds, trials, bank.costs), settings)
    assert any("S explains more than R" in quantity for quantity in failed(checks))


def test_unimodal_models_and_those_without_a_drop_make_no_point():
    bank = made_bank()
    trials = copy.copy(bank.trials)
    trials.loc[trials["method"] == "sum", "method"] = "unimodal:first"
    trials.loc[trials["method"] == "product", "drop_first"] = np.nan
    of = robustness_uniqueness.points(trials, list(bank.worlds.index), None)
    assert {point.model for point in of} == set(METHODS) - {"sum", "product"}


def test_the_figure_shows_every_point():
    bank = made_bank()
    _, results, drawings = robustness_uniqueness.study(bank, parameters("robustness_uniqueness") | {"n_boot": 10})
    counts = results["counts"]
    shown = sum(of["points"] + 2 * of["small"] for of in counts.values())
    assert drawings["figure.svg"].count("<circle") == shown


def test_agreement_reads_the_atoms_of_the_worlds_and_the_accuracy_over_chance():
    bank = made_bank()
    table = agreement_accuracy.scoped(bank, "thesis", "true")
    assert len(table) == 100
    row = table[(table["world"] == "generative_synergy") & (table["model"] == "sum")].iloc[0]
    assert (row["data_synergy"], row["data_redundancy"]) == (0.5, 0.0)
    assert agreement_accuracy.reached(table).loc[row.name, "accuracy"] == pytest.approx((0.8805 - 0.5) / 0.4)


def test_alpha_of_an_atom_follows_the_atom_over_specialised_sets():
    bank = made_bank()
    found = agreement_accuracy.by_atom(agreement_accuracy.scoped(bank, "thesis", "estimated"), list(SPECIALISED))
    assert found == pytest.approx(dict.fromkeys(ATOMS, 1.0))


def test_worlds_that_differ_in_what_can_be_known_make_a_pooled_correlation_alone():
    rng = np.random.default_rng(0)
    rows = []
    for world in range(12):
        total = 0.1 + 0.07 * world
        for model in range(8):
            noise = 0.01 * rng.standard_normal(2)
            row = {"world": f"w{world}", "model": f"m{model}", "accuracy": 0.5 + 0.4 * total + noise[0]}
            row |= {f"data_{atom}": total / 4 for atom in ATOMS} | {
                f"model_{atom}": total / 4 + noise[1] for atom in ATOMS
            }
            rows.append(row)
    found = agreement_accuracy.correlations(pd.DataFrame(rows), seed=0, n_boot=10)["as_defined"]["pearson"]
    assert found["value"] > 0.9
    assert abs(found["within"]) < 0.3
    # equal shares everywhere: the normalised measure has nothing to order but its rounding
    normalised = agreement_accuracy.correlations(pd.DataFrame(rows), seed=0, n_boot=10)["normalised"]["pearson"]
    assert normalised["value"] is None or abs(normalised["value"]) < 0.4


def test_the_study_of_agreement_names_what_lies_outside():
    settings = parameters("agreement_accuracy") | {
        "n_boot": 10,
        "printed": {"thesis": [-0.9, 0.05]},
        "by_atom": {"synergy": [0.91, 0.15]},
    }
    checks, found, drawings = agreement_accuracy.study(made_bank(), settings)
    assert "thesis: pearson of alpha and accuracy" in failed(checks)
    assert set(found["accuracy"]["true"]) == set(agreement_accuracy.SCOPES)
    assert drawings["figure.svg"].startswith("<svg")
