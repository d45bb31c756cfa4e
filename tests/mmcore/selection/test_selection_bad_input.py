"""Wrong types, empty or unequal arrays and numbers that are none: each public function names what is wrong with what.

A row of a table is the argument that the message must name and a value of it; the rest of the call is right.
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from mmcore.data import from_arrays
from mmcore.errors import InputError
from mmcore.selection import Recommendation, propose, recommend
from mmcore.selection.advice import advise
from mmcore.selection.agreement import AGREEMENTS, distance, find_agreement, shares
from mmcore.selection.agreement_correlation import rank_correlation
from mmcore.selection.agreement_figure import DATA_COLUMNS, MODEL_COLUMNS, agreement_figure
from mmcore.selection.bank.table import read_bank
from mmcore.selection.interaction import harsanyi_dividends, interaction_index, model_interaction
from mmcore.selection.interaction_masked import beside_synergy, masked_outputs
from mmcore.selection.quantify import Quantification, QuantifiedAtoms, quantify_model, quantify_models
from mmcore.selection.quantify_robustness import RobustnessPoint, robustness_figure, robustness_points
from mmcore.selection.trials import content_digest, resolve_method, run_trial, trial_table

N = 120
A, B = np.random.default_rng(0).integers(0, 2, (2, N))
DATASET = from_arrays({"a": A[:, None], "b": B[:, None]}, labels=A ^ B, name="xor", seed=0)
ROWS = np.arange(N)
NAN, INFINITE = float("nan"), float("inf")
ATOMS = {"redundancy": 0.0, "unique1": 0.0, "unique2": 0.0, "synergy": 1.0}
PID = SimpleNamespace(**ATOMS, gap=0.0)
PAIR = {"first": "a", "second": "b", "status": "estimated", "raw": ATOMS, "interval": None}
ESTIMATE = {"dataset": "d", "pairs": [PAIR]}
HALF, SAME = np.full(4, 0.5), np.array([0.0, 0.0, 1.0, 1.0])
OUTPUTS = {("a",): HALF, ("b",): HALF, ("a", "b"): SAME}
XOR = QuantifiedAtoms("estimated", raw=ATOMS)
MODEL = Quantification("m", "a", "b", "predicted", XOR, XOR, 1.0, 100, None, 0)
SCORES = {("a",): 0.5, ("b",): 0.5, ("a", "b"): 1.0}
X, WORLDS = [1, 2, 3, 1, 2, 3], list("aaabbb")
F = frozenset
FUNCTION = {F(): 0.0, F("a"): 0.0, F("b"): 0.0, F("ab"): 1.0}


def bank_table():
    zeros = dict.fromkeys(DATA_COLUMNS + MODEL_COLUMNS, 0.0)
    return pd.DataFrame(
        {**zeros, "world": world, "model": str(score), "accuracy": score, "data_synergy": 1.0, "model_synergy": score}
        for world in "ab"
        for score in (0.2, 0.5, 1.0)
    )


def refused(call, argument):
    with pytest.raises(InputError) as told:
        call()
    assert argument in told.value.argument, told.value
    assert told.value.received and told.value.allowed and told.value.remedy


def atoms_with(**parts):
    return SimpleNamespace(**ATOMS, **parts)


def test_what_is_right_is_accepted():
    """The calls of the tables below, before one argument of them is spoilt."""
    assert recommend(PID, bank=False).verdict == "fusion"
    assert propose(ESTIMATE, ["a", "b"], bank=False)["verdict"] == "fusion"
    assert rank_correlation(X, X, WORLDS, n_boot=0).value == pytest.approx(1.0)
    assert quantify_model(DATASET, A, rows=ROWS, options={"n_boot": 0}).prediction.status == "estimated"
    assert model_interaction(OUTPUTS, n_boot=0).n_rows == 4 and set(interaction_index(FUNCTION).shape) == {2}
    assert len(masked_outputs(lambda ds: np.zeros(len(ds)), DATASET, ROWS[:5], n_draws=2)) == 4


NO_DECOMPOSITION = [
    None, [], "x", 3, {}, dict(ATOMS), np.zeros(4), {"a": PID}, {(1, 2): PID}, {("a", "b", "c"): PID},
    {("a", "a"): PID}, {("a", "b"): None}, {("a", "b"): 3}, {("a", "b"): dict(ATOMS)},
    {("a", "b"): PID, ("b", "a"): PID}, SimpleNamespace(**{**ATOMS, "synergy": NAN}),
    SimpleNamespace(**{**ATOMS, "synergy": "x"}), SimpleNamespace(**{**ATOMS, "synergy": None}),
    SimpleNamespace(**{**ATOMS, "synergy": np.zeros(2)}), atoms_with(interval="x"),
    atoms_with(interval={"synergy": (0, 1)}), atoms_with(interval=dict.fromkeys(ATOMS, (1,))),
    atoms_with(interval=dict.fromkeys(ATOMS, (2.0, 1.0))), atoms_with(interval=dict.fromkeys(ATOMS, (0, NAN))),
    atoms_with(corrected={"synergy": 1}), atoms_with(corrected="x"), atoms_with(corrected={**ATOMS, "synergy": None}),
    atoms_with(null="x"), atoms_with(null=dict.fromkeys(ATOMS, 0.1)),
    atoms_with(null=dict.fromkeys(ATOMS, ("q",))),
    atoms_with(information="x"), atoms_with(information={"both": {"interval": "x"}}),
    atoms_with(information={"both": {"interval": (NAN, 1)}}), atoms_with(diagnostics="x"),
    atoms_with(diagnostics={"level": "x"}), atoms_with(diagnostics={"level": NAN}), atoms_with(draws="x"),
    atoms_with(draws=3), atoms_with(draws=[["a"] * 4]), atoms_with(draws=[[1, 2], [3]]),
    atoms_with(draws=np.full((3, 4), NAN)), atoms_with(draws=np.zeros((3, 2))),
]  # fmt: skip


@pytest.mark.parametrize("pid", NO_DECOMPOSITION, ids=lambda pid: str(pid)[:60])
def test_what_is_no_decomposition_is_refused_before_anything_is_looked_up(pid):
    refused(lambda: recommend(pid), "pid")


RECOMMEND = [
    ("budget", ("x", NAN, -1, 0, True, [1], INFINITE)), ("bank", ("nowhere", 3, [], {})),
    ("modalities", ("ab", 3, [], ["a"], ["a", "a"], [1, 2])), ("methods", ("mult", 3, ["nope"], [1], {"a": 1})),
    ("n_rows", ("x", NAN, 0, 1.5, True)), ("label_entropy", ("x", NAN, -1, [1.0])), ("n_classes", ("x", 1, 2.5)),
    ("top", (0, "x", 1.5, None)), ("n_neighbours", (0, "x", None)), ("n_draws", (0, 3, "x", None)),
    ("seed", ("x", -1, 1.5, None)),
]  # fmt: skip
ADVISE = [
    ("held", (3, "c", [], ["a", "b"], [1], NAN)), ("candidates", (3, "b", [], ["c"], [1], ["a"])),
    ("label", (3, "q", [])),
    ("labelled_rows", ("x", 3, [NAN], [500], [-1], [1.5], [[1]])), ("paired_rows", ("x", [NAN], [500])),
    ("options", ("x", 3, [], {"a": 1})), ("seed", ("x", -1, None, 1.5)),
]  # fmt: skip
CORRELATION = [
    ("x", (None, "x", 3, [NAN] * 6, ["a"] * 6, [[1, 2], [3]], X[:5])), ("y", (None, [INFINITE] * 6, X[:5])),
    ("worlds", (None, 3, WORLDS[:3])), ("method", (None, "x", [])), ("level", ("x", NAN, 2, None, 0)),
    ("n_boot", ("x", -1, 1.5, None)), ("seed", ("x", -1, None)),
]  # fmt: skip
QUANTIFY = [
    ("ds", (None, 3, "x", {})), ("rows", (None, 3, "x", [], [NAN], [1, 1], [500], ROWS == 0, [[1]], [[1], [1, 2]])),
    ("pair", ("ab", 3, [], ("a",), ("a", "c"), ("a", "a"), (1, 2))), ("label", (3, "q", [])),
    ("labels", (None, "x", [])), ("options", ("x", 3, [], {"a": 1})), ("seed", ("x", -1, None)),
    ("prediction", (None, 3, "x", [], A[:5], A.astype(float), np.full(N, NAN), np.full((N, 2), NAN), A + 5, ["x"] * N,
                    np.full((N, 2), 0.3), np.zeros((N, 0)), [[1], [1, 2]])),
]  # fmt: skip
INTERACTION = [
    ("outputs", (None, 3, "x", [], {}, {("a",): HALF}, {("a",): HALF, ("b",): HALF}, {**OUTPUTS, ("a",): HALF[:2]},
                 {**OUTPUTS, ("a",): HALF * NAN}, {**OUTPUTS, ("a",): ["q"] * 4}, {**OUTPUTS, ("a",): None},
                 {**OUTPUTS, 3: HALF}, {"a": HALF, "b": HALF, "ab": SAME}, dict.fromkeys(OUTPUTS, np.zeros(0)))),
    ("groups", (3, "x", [], list("ab"))), ("explained", (3, "x", [NAN] * 4, [9] * 4, [-1] * 4, [])),
    ("level", ("x", NAN, 2)), ("n_boot", ("x", -1, None)), ("seed", ("x", -1, None)),
]  # fmt: skip
MASKED = [
    ("predict", (None, 3, "x", lambda ds: "x", lambda ds: ["q"] * len(ds), lambda ds: np.zeros(3), lambda ds: None)),
    ("ds", (None, 3, "x")), ("rows", (None, 3, "x", [], [NAN], [500], [-1], ROWS == 0, [[1]])),
    ("background", (3, "x", [], [500], [1.5])), ("n_draws", (0, "x", 1.5, None)), ("seed", ("x", -1, None)),
]  # fmt: skip
TRIAL = [
    ("ds", (None, 3, {})), ("method", (None, 3, [])), ("seed", (None, "x", -1, 1.5)),
    ("settings", (None, 3, "x", [], {"a": 1}, {"fit": 3})),
]  # fmt: skip
TABLE = [
    ("datasets", (None, 3, [], {"a": 3})), ("methods", (None, 3, "mult", [3], {"other": []})),
    ("seeds", (None, 3)), ("settings", (None, 3)), ("place", (None, 3)),
]  # fmt: skip
CALLS = {
    "recommend": (lambda given: recommend(PID, **{"label_entropy": 1.0, "n_classes": 2, **given}), RECOMMEND),
    "advise": (lambda given: advise(DATASET, **{"held": "a", "options": {"n_boot": 10}, **given}), ADVISE),
    "rank_correlation": (lambda given: rank_correlation(**{"x": X, "y": X, "worlds": WORLDS, **given}), CORRELATION),
    "quantify_model": (
        lambda given: quantify_model(
            **{"ds": DATASET, "prediction": A, "rows": ROWS, "options": {"n_boot": 0}, **given}
        ),
        QUANTIFY,
    ),
    "model_interaction": (lambda given: model_interaction(**{"outputs": OUTPUTS, "n_boot": 0, **given}), INTERACTION),
    "masked_outputs": (
        lambda given: masked_outputs(
            **{"predict": lambda ds: np.zeros(len(ds)), "ds": DATASET, "rows": ROWS[:5], **given}
        ),
        MASKED,
    ),
    "run_trial": (
        lambda given: run_trial(**{"ds": DATASET, "method": "late_fusion", "seed": 0, "settings": {}, **given}),
        TRIAL,
    ),
    "trial_table": (
        lambda given: trial_table(**{"datasets": {"d": lambda: DATASET}, "methods": ["late_fusion"], "seeds": [0],
                                     "settings": {}, "place": "nowhere", **given}),
        TABLE,
    ),
}  # fmt: skip
NAMED_AS = {"prediction": "predictions", "worlds": "x, y, worlds"}
ROWS_OF_TABLES = [
    pytest.param(
        call, argument, value, id=f"{name}-{argument}-{type(value).__name__ if callable(value) else str(value)[:30]}"
    )
    for name, (call, rows) in CALLS.items()
    for argument, values in rows
    for value in values
]


@pytest.mark.parametrize(("call", "argument", "value"), ROWS_OF_TABLES)
def test_an_argument_that_is_wrong_is_named(call, argument, value):
    with pytest.raises(InputError) as told:
        call({argument: value})
    # numbers of unequal length are named together; an unknown name of a column or a class by the column
    assert told.value.received and told.value.allowed and told.value.remedy
    assert NAMED_AS.get(argument, argument) in told.value.argument


NO_ESTIMATE = [
    None, [], "x", 3, {}, {"pairs": None}, {"pairs": 3}, {"pairs": "x"}, {"pairs": [3]}, {"pairs": [{}]},
    {"pairs": {"a": 1}}, {"pairs": [PAIR, PAIR]}, {**ESTIMATE, "label": "x"},
    {**ESTIMATE, "label": {"entropy": 1.0, "classes": 3}}, {**ESTIMATE, "rows": "x"}, {**ESTIMATE, "estimator": "x"},
    *({"pairs": [{**PAIR, **part}]} for part in (
        {"raw": "x"}, {"raw": None}, {"raw": {**ATOMS, "synergy": NAN}}, {"raw": {**ATOMS, "synergy": "q"}},
        {"interval": "x"}, {"null": 3}, {"first": None}, {"second": "x"},
    )),
]  # fmt: skip


@pytest.mark.parametrize("estimate", NO_ESTIMATE, ids=lambda estimate: str(estimate)[:80])
def test_what_is_no_estimate_is_refused(estimate):
    refused(lambda: propose(estimate, ["a", "b"]), "estimate")


@pytest.mark.parametrize("modalities", [None, 3, "ab", [], ["a"], [1, 2], {"a": 1}])
def test_what_are_no_modalities_is_refused(modalities):
    refused(lambda: propose(ESTIMATE, modalities), "modalities")


def test_settings_are_checked_also_where_no_pair_was_estimated():
    absent = {"pairs": [{**PAIR, "status": "refused"}]}
    for argument, value in (("budget", "x"), ("top", 0), ("bank", 3)):
        refused(lambda argument=argument, value=value: propose(absent, ["a", "b"], **{argument: value}), argument)


NO_ATOMS = [None, 3, "x", [], {}, *({**ATOMS, "synergy": value} for value in ("x", None, NAN, np.zeros(2), True))]


@pytest.mark.parametrize("atoms", NO_ATOMS, ids=lambda atoms: str(atoms)[:70])
def test_what_are_no_atoms_is_refused_by_every_measure_of_agreement(atoms):
    refused(lambda: shares(atoms), "atoms")
    for measure in (distance, *(entry.measure for entry in AGREEMENTS)):
        refused(lambda measure=measure: measure(ATOMS, atoms), "second" if measure is distance else "model")
        refused(lambda measure=measure: measure(atoms, ATOMS), "first" if measure is distance else "data")


@pytest.mark.parametrize("table", [None, 3, "x", [], pd.DataFrame(), bank_table().assign(accuracy="q")])
def test_what_is_no_table_of_a_bank_is_refused(table):
    refused(lambda: agreement_figure(table), "table")


@pytest.mark.parametrize("v", [
    None, 3, "x", [], {}, {F("a"): 1.0}, {**FUNCTION, F("b"): "q"}, {**FUNCTION, F("b"): NAN}, {"a": 1.0, "b": 2.0},
    {**FUNCTION, F("a"): np.zeros(3), F("b"): np.zeros(4)}, {**FUNCTION, F("b"): None},
])  # fmt: skip
def test_what_is_no_function_of_all_subsets_is_refused(v):
    for function in (interaction_index, harsanyi_dividends):
        refused(lambda function=function: function(v), "v")


@pytest.mark.parametrize("scores", [
    None, 3, "x", [], {}, {("a",): 0.5}, {**SCORES, ("a",): "q"}, {**SCORES, ("a",): NAN}, {**SCORES, ("a",): None},
    {**SCORES, 3: 1.0}, {"a": 0.5, "b": 0.5, ("a", "b"): 1.0},
])  # fmt: skip
def test_scores_that_are_none_are_refused(scores):
    refused(lambda: robustness_points(MODEL, scores, world="w"), "scores")


def test_results_of_another_kind_are_refused():
    point = RobustnessPoint("w", "m", "a", NAN, 0.0, 0.0, 0.0)
    interaction = model_interaction(OUTPUTS, n_boot=0)
    for call, argument in (
        (lambda: robustness_points(None, SCORES, world="w"), "quantified"),
        (lambda: robustness_figure(3), "points"),
        (lambda: robustness_figure([3]), "points"),
        (lambda: robustness_figure([point] * 4), "x, y"),
        (lambda: robustness_figure([], low_unique=NAN), "low_unique"),
        (lambda: quantify_models(DATASET, [A], rows=ROWS), "predictions"),
        (lambda: quantify_models(DATASET, {3: A}, rows=ROWS), "predictions"),
        (lambda: beside_synergy(None, XOR), "interactions"),
        (lambda: beside_synergy([3], XOR), "interactions"),
        (lambda: beside_synergy([interaction], None), "data"),
        (lambda: beside_synergy([interaction], XOR, [3]), "predictions"),
        (lambda: beside_synergy([interaction], XOR, [XOR, XOR]), "predictions"),
        (lambda: find_agreement(None), "agreement"),
        (lambda: Recommendation.from_dict(None), "content"),
        (lambda: read_bank(3), "bank"),
        (lambda: content_digest("x"), "ds"),
        (lambda: resolve_method(3, ["a", "b"]), "method"),
        (lambda: resolve_method("unimodal:first", None), "modalities"),
    ):
        refused(call, argument)
