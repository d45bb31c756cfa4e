"""What cannot be used is refused by name: argument, what came, what is allowed, what to do; on every entry point."""

from __future__ import annotations

import numpy as np
import pytest

from mmcore.errors import InputError
from mmcore.information import bounds, multivariate, mutual_information, pid, pointwise
from mmcore.information.multivariate import o_information, o_information_of_rows, one_against_rest, pairwise

JOINT = np.full((2, 2, 2), 0.125)
PAIR = np.full((2, 2), 0.25)
METHODS = ("batch", "clusters", "gaussian", "neighbours", "posteriors")


def refused(call, received: str, argument: str | None = None) -> InputError:
    """Return the error of `call`, with all four parts and `received` among what came."""
    with pytest.raises(InputError) as caught:
        call()
    error = caught.value
    assert all((error.argument, error.received, error.allowed, error.remedy))
    assert received in error.received, str(error)
    assert argument is None or error.argument == argument, str(error)
    assert error.remedy[-1] in ".?"
    return error


def with_cell(table: np.ndarray, value: float) -> np.ndarray:
    changed = table.copy()
    changed.flat[0] = value
    return changed


def bad_tables(table: np.ndarray) -> dict[str, tuple[object, str]]:
    """Name -> (what is no table of probabilities of that rank, what the message says came)."""
    negative = with_cell(table, -0.5)
    negative.flat[1] += 0.5 + table.flat[0]
    masked = np.ma.masked_array(table, mask=with_cell(np.zeros(table.shape), 1.0))
    return {
        "negative": (negative, "negative mass -0.5 at (0, 0"),
        "too much": (table * 1.1, "mass 1.1 (0.1 too much)"),
        "too little": (table * 0.75, "mass 0.75 (0.25 missing)"),
        "counts": (np.ones(table.shape, dtype=int), "too much"),
        "no mass": (np.zeros(table.shape), "mass 0 (1 missing)"),
        "overflow": (np.full(table.shape, 1e308), "mass inf"),
        "nan": (with_cell(table, np.nan), "nan at (0, 0"),
        "infinite": (with_cell(table, np.inf), "inf at (0, 0"),
        "vector": (np.full(4, 0.25), "rank 1"),
        "empty": (np.zeros((0, *table.shape[1:])), "empty table (0x2"),
        "no rows": ([], "rank 1"),
        "ragged": ([[0.5], [0.25, 0.25]], "list"),
        "text": ("table", "str"),
        "mapping": ({"a": 1.0}, "dict"),
        "nothing": (None, "rank 0"),
        "complex": (table + 0j, "dtype complex128"),
        "dates": (np.zeros(table.shape, dtype="M8[s]"), "dtype datetime64"),
        "masked": (masked, "1 masked"),
        "large integers": (np.full(table.shape, 10**400, dtype=object).tolist(), "list"),
    }


TABLE_CALLS = {
    "decompose": (JOINT, "p", pid.decompose),
    "decompose, mmi": (JOINT, "p", lambda p: pid.decompose(p, method="mmi")),
    "decompose_many": (JOINT, "ps[1]", lambda p: pid.decompose_many([JOINT, p])),
    "decompose_many, torch": (JOINT, "ps[0]", lambda p: pid.decompose_many([p, JOINT], backend="torch")),
    "atoms_many": (JOINT, "ps[1]", lambda p: pid.atoms_many([JOINT, p])),
    "pointwise": (JOINT, "p", pointwise.decompose),
    "synergy, first": (PAIR, "p_x1y", lambda p: bounds.synergy(p, PAIR, PAIR)),
    "synergy, second": (PAIR, "p_x2y", lambda p: bounds.synergy(PAIR, p, PAIR)),
    "synergy, both": (PAIR, "p_x1x2", lambda p: bounds.synergy(PAIR, PAIR, p)),
    "performance": (PAIR, "p_x1x2", lambda p: bounds.performance(PAIR, PAIR, p)),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("case", bad_tables(JOINT))
@pytest.mark.parametrize("entry", TABLE_CALLS)
def test_tables(entry, case):
    good, argument, call = TABLE_CALLS[entry]
    bad, received = bad_tables(good)[case]
    refused(lambda: call(bad), received, argument)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("call", [o_information, multivariate.total_correlation, multivariate.dual_total_correlation])
@pytest.mark.parametrize(
    "case", sorted(set(bad_tables(JOINT)) - {"empty", "text", "mapping", "ragged", "large integers"})
)
def test_tables_of_many_variables(call, case):
    bad, received = bad_tables(JOINT)[case]
    refused(lambda: call(bad), received, "p")


def test_the_remedy_for_mass_names_the_argument():
    assert refused(lambda: pid.decompose(JOINT * 2), "1 too much").remedy == "Divide p by p.sum()."
    assert "p_x1y.sum()" in refused(lambda: bounds.synergy(PAIR * 2, PAIR, PAIR), "1 too much").remedy


@pytest.mark.parametrize("ps", [None, 1.0, "tables", {"a": JOINT}])
@pytest.mark.parametrize("call", [pid.decompose_many, pid.atoms_many])
def test_no_sequence_of_tables(call, ps):
    refused(lambda: call(ps), type(ps).__name__, "ps")


@pytest.mark.parametrize("ps", [[], [JOINT, JOINT]])
@pytest.mark.parametrize(
    ("options", "argument", "remedy"),
    [
        ({"method": "brojaa"}, "method", "Did you mean 'broja'?"),
        ({"method": None}, "method", ""),
        ({"solver": "two_label"}, "solver", "Did you mean 'two_labels'?"),
        ({"solver": None}, "solver", ""),
        ({"max_iters": 3}, "option of solver 'auto'", "Did you mean 'max_iter'?"),
        ({"max_iter": 0}, "max_iter", ""),
        ({"max_iter": "ten"}, "max_iter", ""),
        ({"solver": "cvxpy", "conic_solver": "CLARABELL"}, "conic_solver", "Did you mean 'CLARABEL'?"),
        ({"solver": "two_labels", "max_iter": 3}, "option of solver 'two_labels'", ""),
        ({"method": "mmi", "solver": "cvxpy"}, "solver", ""),
        ({"method": "mmi", "max_iter": 3}, "options", ""),
        ({"tol": 0.0}, "tol", ""),
        ({"tol": np.nan}, "tol", ""),
        ({"tol": "small"}, "tol", ""),
        ({"tol": None}, "tol", ""),
        ({"backend": "torchh"}, "backend", "Did you mean 'torch'?"),
        ({"backend": None}, "backend", ""),
        ({"device": "cuda"}, "device", ""),
    ],
)
def test_options_of_a_decomposition(ps, options, argument, remedy):
    error = refused(lambda: pid.decompose_many(ps, **options), "", argument)
    assert remedy in error.remedy
    if not {"backend", "device"} & set(options):
        refused(lambda: pid.decompose(JOINT, **options), "", argument)


def test_a_solver_that_cannot():
    p = np.random.default_rng(0).dirichlet(np.ones(27)).reshape(3, 3, 3)
    refused(lambda: pid.decompose(p, solver="two_labels"), "3 labels", "solver")


def rows() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    y = generator.integers(0, 2, 120)
    return {"x1": y + generator.normal(size=120), "x2": y + generator.normal(size=120), "y": y}


def changed(values: np.ndarray, value: object) -> np.ndarray:
    copy = values.astype(object if value is None else float)
    copy[3] = value
    return copy


ROWS = rows()
CODES = (ROWS["x1"] > 0).astype(int)
BAD_ROWS = {
    "nan": ({"x1": changed(ROWS["x1"], np.nan)}, "x1", "1 non-finite values, the first in row 3, column 0"),
    "infinite": ({"x2": changed(ROWS["x2"], np.inf)}, "x2", "1 non-finite"),
    "label nan": ({"y": changed(ROWS["y"], np.nan)}, "y", "1 "),
    "label none": ({"y": changed(ROWS["y"], None)}, "y", "1 missing, the first in row 3"),
    "no labels": ({"y": None}, "y", ""),
    "no source": ({"x1": None}, "x1", "a scalar"),
    "constant": ({"x1": np.ones(120)}, "x1", "a constant source (1 columns, 120 equal rows)"),
    "constant columns": ({"x2": np.ones((120, 3))}, "x2", "a constant source (3 columns"),
    "constant name": ({"x2": ["a"] * 120}, "x2", "a constant source"),
    "one class": ({"y": np.zeros(120, dtype=int)}, "y", "one "),
    "short source": ({"x2": ROWS["x2"][1:]}, "x2", "119 rows"),
    "short labels": ({"y": ROWS["y"][1:]}, "y", "119 rows"),
    "empty": ({"x1": [], "x2": [], "y": []}, "x1", "no rows"),
    "too few": ({name: values[:4] for name, values in ROWS.items()}, None, "rows"),
    "too large": ({"x1": ROWS["x1"] * 1e200}, "x1", "e+200 in column 0"),
    "too small": ({"x2": ROWS["x2"] * 1e-200}, "x2", "e-200 in column 0"),
    "complex": ({"x1": ROWS["x1"] + 0j}, "x1", "dtype complex128"),
    "dates": ({"x1": ROWS["x1"].astype("M8[s]")}, "x1", "dtype datetime64"),
    "objects": ({"x1": np.array([{} for _ in range(120)])}, "x1", "dtype object"),
    "ragged": ({"x1": [[0.0], [1.0, 2.0]] * 60}, "x1", "list"),
    "masked": ({"x1": np.ma.masked_less(ROWS["x1"], 0.0)}, "x1", "masked values"),
    "short groups": ({"groups": np.arange(119)}, "groups", "119 rows"),
    "missing groups": ({"groups": changed(np.arange(120), np.nan)}, "groups", "1 missing"),
    "two columns of groups": ({"groups": np.zeros((120, 2))}, "groups", "shape (120, 2)"),
    "one group": ({"groups": np.zeros(120), "n_boot": 4}, "groups", "1 group"),
    "level": ({"level": 1.5}, "level", "1.5"),
    "level of text": ({"level": "high"}, "level", "high"),
    "tol": ({"tol": -1.0}, "tol", "-1"),
    "tol of text": ({"tol": "small"}, "tol", "small"),
    "n_boot": ({"n_boot": -1}, "n_boot", "-1"),
    "one resample": ({"n_boot": 1}, "n_boot", "1"),
    "n_boot of text": ({"n_boot": "many"}, "n_boot", "many"),
    "n_null": ({"n_null": 2.5}, "n_null", "2.5"),
    "seed": ({"seed": -1}, "seed", "-1"),
    "seed of text": ({"seed": "lucky"}, "seed", "lucky"),
    "no seed": ({"seed": None}, "seed", "None"),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("case", BAD_ROWS)
@pytest.mark.parametrize("method", METHODS)
def test_rows_and_options_of_every_estimator(method, case):
    arguments, argument, received = BAD_ROWS[case]
    refused(lambda: pid.estimate(**{**ROWS, **arguments}, method=method), received, argument)


@pytest.mark.parametrize("method", ["batch", "clusters", "neighbours", "posteriors"])
def test_groups_that_are_the_label(method):
    refused(lambda: pid.estimate(**ROWS, groups=ROWS["y"], method=method), "")
    if method == "clusters":  # of symbols nothing is fitted, and nothing can leak
        assert pid.estimate(CODES, ROWS["x2"] > 0, ROWS["y"], groups=ROWS["y"]).total < 0.5


@pytest.mark.parametrize("method", METHODS)
def test_an_unknown_option_names_the_nearest(method):
    error = refused(lambda: pid.estimate(**ROWS, method=method, levl=0.9), "'levl'", f"option of method '{method}'")
    assert error.remedy == "Did you mean 'level'?"


@pytest.mark.parametrize("name", ["clusterz", None, 3])
def test_an_unknown_method(name):
    error = refused(lambda: pid.estimate(**ROWS, method=name), str(name), "method")
    assert ("'clusters'" in error.remedy) == (name == "clusterz")
    assert error.allowed == ", ".join(METHODS)


@pytest.mark.parametrize(
    ("method", "name", "value"),
    [
        ("clusters", "clusters", 1),
        ("clusters", "clusters", (2, 3, 4)),
        ("clusters", "max_clusters", True),
        ("clusters", "components", 0),
        ("clusters", "discretiser", "kmean"),
        ("clusters", "discretiser", None),
        ("clusters", "n_folds", 0),
        ("clusters", "rows_per_cell", 0),
        ("clusters", "rows_per_cell", "few"),
        ("clusters", "min_rows_per_cell", -1),
        ("clusters", "min_rows_per_cell", "few"),
        ("clusters", "max_bias_share", "half"),
        ("clusters", "correction", "match"),
        ("clusters", "correction", 3),
        ("clusters", "interval", None),
        ("clusters", "label_bins", 1),
        ("clusters", "solver", "autoo"),
        ("posteriors", "classifier", "logisti"),
        ("posteriors", "calibration", None),
        ("posteriors", "n_folds", 1),
        ("posteriors", "symbols", 1),
        ("posteriors", "rows_per_cell", "few"),
        ("posteriors", "null", "symbol"),
        ("batch", "epochs", 0),
        ("batch", "learning_rate", -1.0),
        ("batch", "device", "cudaa"),
        ("batch", "polish", "yes"),
        ("gaussian", "measure", "mmii"),
        ("gaussian", "measure", None),
        ("gaussian", "ridge", -1.0),
        ("gaussian", "ridge", "some"),
        ("neighbours", "k", 0),
        ("neighbours", "k", "five"),
        ("neighbours", "k", 10**6),
    ],
)
def test_options_of_one_estimator(method, name, value):
    shown = str(value).strip("()")
    refused(lambda: pid.estimate(**ROWS, method=method, **{name: value}), shown, name)


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ((2.0, 1.0, 2), "information"),
        ((-0.1, 1.0, 2), "information"),
        ((np.nan, 1.0, 2), "information"),
        (("one", 1.0, 2), "information"),
        ((None, 1.0, 2), "information"),
        ((np.array([0.1, 0.2]), 1.0, 2), "information"),
        ((0.5, 1.5, 2), "label_entropy"),
        ((0.5, np.nan, 2), "label_entropy"),
        ((0.5, "one", 2), "label_entropy"),
        ((0.5, 1.0, 1), "n_classes"),
        ((0.5, 1.0, 2.5), "n_classes"),
        ((0.5, 1.0, np.inf), "n_classes"),
        ((0.5, 1.0, None), "n_classes"),
    ],
)
def test_accuracy(arguments, argument):
    refused(lambda: bounds.accuracy(*arguments), "", argument)
    refused(lambda: bounds.accuracy_as_printed(*arguments), "", argument)
    refused(lambda: bounds.accuracy_of_interval(arguments[0], *arguments), "", argument)


def test_pair_tables_that_do_not_fit():
    refused(lambda: bounds.synergy(PAIR, np.full((2, 3), 1 / 6), PAIR), "3 labels, p_x1y has 2", "p_x2y")
    refused(lambda: bounds.synergy(PAIR, PAIR, np.full((3, 2), 1 / 6)), "shape (3, 2)", "p_x1x2")
    uneven = np.array([[0.5, 0.0], [0.25, 0.25]])
    refused(lambda: bounds.synergy(PAIR, uneven, PAIR), "p(y) that differs from that of p_x1y by up to 0.25", "p_x2y")


SYMBOL_CALLS = {
    "plug_in": (lambda x, y: mutual_information.plug_in(x, y), "x"),
    "of_rows": (lambda x, y: pointwise.of_rows(x, CODES, y), "x1"),
    "pairwise": (lambda x, y: pairwise({"a": x, "b": CODES}, y), "symbols['a']"),
    "one_against_rest": (lambda x, y: one_against_rest({"a": x, "b": CODES}, y), "symbols['a']"),
    "o_information_of_rows": (lambda x, y: o_information_of_rows({"y": y, "a": x, "b": CODES}), "symbols['a']"),
}


@pytest.mark.parametrize("entry", SYMBOL_CALLS)
def test_symbols(entry):
    call, argument = SYMBOL_CALLS[entry]
    refused(lambda: call(changed(CODES, None), ROWS["y"]), "1 missing, the first in row 3", argument)
    refused(lambda: call(changed(CODES, np.nan), ROWS["y"]), "1 missing, the first in row 3", argument)
    refused(lambda: call(CODES[1:], ROWS["y"]), "")
    refused(lambda: call([], []), "no rows")
    refused(lambda: call(1, 1), "")


def test_symbols_by_name():
    refused(lambda: pairwise([CODES, CODES], ROWS["y"]), "list", "symbols")
    refused(lambda: pairwise({"a": CODES}, ROWS["y"]), "1 modality", "symbols")
    refused(lambda: o_information_of_rows([CODES, CODES, CODES]), "list", "symbols")
    refused(lambda: pairwise({"a": CODES, "b": CODES}, np.zeros(120)), "one class", "y")
    refused(lambda: pairwise({"a": CODES, "b": CODES}, ROWS["y"], min_rows_per_cell="few"), "few", "min_rows_per_cell")
    few = {"a": np.arange(120), "b": np.arange(120)}
    refused(lambda: pairwise(few, ROWS["y"]), "120 rows for 120 x 120 x 2", "symbols['a'], symbols['b']")


@pytest.mark.parametrize(
    ("name", "value"),
    [("n_null", -1), ("n_null", 2.5), ("level", 2.0), ("level", "high"), ("seed", -1), ("seed", None), ("seed", "a")],
)
def test_options_of_mutual_information(name, value):
    refused(lambda: mutual_information.plug_in(CODES, ROWS["y"], **{name: value}), str(value), name)
    refused(lambda: mutual_information.neighbours(ROWS["x1"], ROWS["x2"], **{name: value}), str(value), name)


def test_mutual_information():
    plug_in, neighbours = mutual_information.plug_in, mutual_information.neighbours
    assert "none" in refused(lambda: plug_in(CODES, CODES, correction="non"), "'non'", "correction").remedy
    refused(lambda: plug_in(ROWS["x1"], CODES), "continuous numbers", "x")
    refused(lambda: plug_in(changed(CODES, np.inf), CODES), "1 infinite", "x")
    refused(lambda: plug_in(CODES, CODES, n_boot=-1), "-1", "n_boot")
    refused(lambda: neighbours(ROWS["x1"], ROWS["x2"], n_subsamples=-1), "-1", "n_subsamples")
    refused(lambda: neighbours(ROWS["x1"], ROWS["x2"], k=0), "0 for 120 rows", "k")
    refused(lambda: neighbours(ROWS["x1"], ROWS["x2"], variant="ksg"), "'ksg'", "variant")
    refused(lambda: neighbours(ROWS["x1"], ROWS["x2"], scale=None), "'None'", "scale")
    refused(lambda: neighbours(changed(ROWS["x1"], np.nan), ROWS["x2"]), "1 non-finite", "x")
    refused(lambda: neighbours(np.ones(120), ROWS["x2"]), "a constant source", "x")
    refused(lambda: neighbours(ROWS["x1"], np.zeros(120, dtype=int)), "one class", "y")
    refused(lambda: neighbours(ROWS["x1"], ROWS["x2"][1:]), "(119,)", "y")
    refused(lambda: neighbours([], []), "no rows", "x")


@pytest.mark.parametrize("name", ["estimate_infonce", "estimate_club", "estimate_nce_club"])
def test_learned_mutual_information(name):
    call = getattr(mutual_information, name)
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(2, 400))
    refused(lambda: call(changed(x, np.nan), y), "1 non-finite", "x")
    refused(lambda: call(np.ones(400), y), "a constant source", "x")
    refused(lambda: call(x, y[1:]), "399 rows", "y")
    refused(lambda: call(x[:20], y[:20]), "20 rows", "x")
    refused(lambda: call([], []), "no rows", "x")
    refused(lambda: call(x, y, seed=None), "None", "seed")
    refused(lambda: call(x, y, level="high"), "high", "level")
    refused(lambda: call(x, y, learning={"steps": 3}), "dict", "learning")
    if name != "estimate_club":
        error = refused(lambda: call(x, y, critic="bilinea"), "'bilinea'", "critic")
        assert error.remedy == "Did you mean 'bilinear'?"
    refused(lambda: mutual_information.Learning(steps="all"), "all", "steps")


def test_differentiable():
    import torch

    from mmcore.information.differentiable import atoms, redundancy

    table = torch.full((2, 2, 2), 0.125, dtype=torch.float64)
    refused(lambda: atoms(JOINT), "ndarray", "p")
    refused(lambda: atoms(-table), "negative mass -0.125", "p")
    refused(lambda: atoms(table * float("nan")), "8 cells of NaN", "p")
    refused(lambda: atoms(table * 2), "mass off by 1", "p")
    refused(lambda: atoms(table[0]), "shape (2, 2)", "p")
    refused(lambda: atoms(table[:0]), "shape (0, 2, 2)", "p")
    refused(lambda: atoms(torch.full((2, 2, 3), 1 / 12)), "shape (2, 2, 3)", "p")
    p, labels = torch.full((4,), 0.5), torch.tensor([0, 1, 0, 1])
    refused(lambda: redundancy(p.numpy(), p, labels), "ndarray", "posteriors1")
    refused(lambda: redundancy(p, p[1:], labels), "3 rows", "posteriors2")
    refused(lambda: redundancy(p, p * float("nan"), labels), "4 values of NaN", "posteriors2")
    refused(lambda: redundancy(p * 3, p, labels), "outside [0, 1]", "posteriors1")
    refused(lambda: redundancy(p, p, labels[1:]), "shape (3,)", "labels")
    refused(lambda: redundancy(p, p, labels + 1), "2 other values, such as 2", "labels")
    refused(lambda: redundancy(p, p, labels.tolist()), "list", "labels")
    refused(lambda: redundancy(p, p), "neither", "labels, prior")
    refused(lambda: redundancy(p, p, prior=1.5), "1.5", "prior")
