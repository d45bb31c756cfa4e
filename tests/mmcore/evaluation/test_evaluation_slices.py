"""Slices: two-sample identities, units on both sides, many slices without an effect, presence patterns, refusals."""

import numpy as np
import pytest
from scipy.stats import ttest_ind

from mmcore.data import from_arrays
from mmcore.errors import InputError
from mmcore.evaluation.interval import metric_interval
from mmcore.evaluation.paired import holm
from mmcore.evaluation.predictions import Predicted
from mmcore.evaluation.slices import presence_patterns, sample_slices, slice_table


def numeric(errors, groups=None):
    errors = np.atleast_2d(np.asarray(errors, dtype=float))
    n = errors.shape[1]
    units = np.arange(n) if groups is None else np.unique(groups, return_inverse=True)[1]
    return Predicted("m", "regression", (), np.zeros(n), errors, errors[..., None], np.arange(n).astype(str), units,
                     "sample" if groups is None else "group", tuple(range(len(errors))))  # fmt: skip


def classified(hits, scores=None):
    hits = np.asarray(hits, dtype=int)
    truth = np.arange(len(hits)) % 2
    guess = np.where(hits == 1, truth, 1 - truth)[None]
    scores = np.eye(2)[guess] if scores is None else scores
    return Predicted("m", "classification", ("a", "b"), truth, guess, scores, np.arange(len(hits)).astype(str),
                     np.arange(len(hits)), "sample", (0,))  # fmt: skip


def test_scores_are_those_of_the_slice_alone():
    rng = np.random.default_rng(0)
    p, site = classified(rng.random(60) < 0.7), np.array(["u", "v", "w"])[np.arange(60) % 3]
    for entry in slice_table(p, {"site": site}, metric="accuracy"):
        assert entry.score == metric_interval(p.keep(site == entry.value), "accuracy")
        rest = metric_interval(p.keep(site != entry.value), "accuracy").value
        assert entry.difference == pytest.approx(entry.score.value - rest) and entry.n_rows == 20


def test_two_equal_halves_give_the_two_sample_t_statistic():
    # means of n rows each: the delete-one error is sqrt((2n - 1) / 2n (s1^2 + s2^2) / (n - 1)), Welch's sqrt(sum / n)
    values, n = np.abs(np.random.default_rng(1).normal(5, 1, 40)), 20
    first, _ = slice_table(numeric(values), {"half": np.repeat(["a", "b"], n)}, metric="mae")
    welch = ttest_ind(values[:n], values[n:], equal_var=False)
    from scipy.stats import t

    statistic = t.isf(first.p / 2, n - 1) * np.sign(first.difference)
    expected = welch.statistic / np.sqrt((2 * n - 1) / (2 * n) * n / (n - 1))
    assert statistic == pytest.approx(expected, rel=1e-6)


def test_both_sides_of_a_two_valued_column_mirror_each_other():
    p = numeric(np.random.default_rng(2).gamma(2.0, 1.0, 50))
    one, two = slice_table(p, {"half": np.repeat(["a", "b"], [10, 40])}, metric="mae")
    assert one.difference == -two.difference and one.p == two.p and one.low == -two.high


def test_a_unit_on_both_sides_leaves_both_at_once():
    # each person has a hard shift of their own in both slices: it cancels in the difference
    rng = np.random.default_rng(3)
    person = np.repeat(np.arange(12), 20)
    half = np.tile(np.repeat(["a", "b"], 10), 12)
    values = 20 + rng.normal(0, 5, 12)[person] + (half == "b") * 1.0 + rng.normal(0, 0.5, 240)
    paired = slice_table(numeric(values, person), {"half": half}, metric="mae")[1]
    assert paired.difference == pytest.approx(1.0, abs=0.3) and paired.differs
    assert paired.high - paired.low < 0.6
    apart = np.array([f"{p}{h}" for p, h in zip(person, half, strict=True)])
    assert slice_table(numeric(values, apart), {"half": half}, metric="mae")[1].p > 0.05


def test_p_values_are_adjusted_over_the_whole_table():
    rng = np.random.default_rng(4)
    p = numeric(rng.gamma(2.0, 1.0, 300))
    columns = {f"c{k}": rng.choice(list("uvw"), 300) for k in range(6)}
    table = slice_table(p, columns, metric="mae")
    assert [s.p_adjusted for s in table] == holm([s.p for s in table]) and len(table) == 18
    assert [s.differs for s in table] == [s.p_adjusted < 0.05 for s in table]


def test_slices_without_an_effect_are_seldom_flagged_though_single_intervals_are():
    rng, flagged, single = np.random.default_rng(5), 0, 0
    for _ in range(150):
        p = numeric(rng.normal(10.0, 1.0, 200))
        table = slice_table(p, {"site": rng.integers(0, 10, 200).astype(str)}, metric="mae")
        flagged += any(s.differs for s in table)
        single += any(s.p < 0.05 for s in table)
    # at most 5 % of the tables, with a standard error of 1.8 %; unadjusted, some 1 - .95^10 = 40 %
    assert flagged <= 0.1 * 150 and single > 0.2 * 150


def test_areas_under_curves_have_slices_too():
    rng = np.random.default_rng(6)
    scores = rng.dirichlet([1, 1], (1, 80))
    p, site = classified(rng.random(80) < 0.5, scores), np.repeat(["u", "v"], 40)
    entry = slice_table(p, {"site": site}, metric="auroc")[0]
    assert entry.low < entry.difference < entry.high and 0 < entry.p <= 1


def test_what_cannot_be_compared_has_a_reason():
    p = numeric(np.random.default_rng(7).random(10))
    whole, = slice_table(p, {"site": np.array(["u"] * 10)}, metric="mae")  # fmt: skip
    assert whole.differs is None and "every row" in whole.reason
    lonely, rest = slice_table(p, {"site": np.array(["u"] + ["v"] * 9)}, metric="mae")
    assert lonely.p is None and lonely.difference == pytest.approx(-rest.difference) and "one sample" in lonely.reason


def patients():
    presence = {"b": [True, False, True, False], "c": [False, False, True, True]}
    return from_arrays({m: np.eye(4) for m in "abc"}, labels=["x", "y", None, "x"], groups=list("ppqq"),
                       split=["train", "train", "test", "test"], presence=presence,
                       sample_ids=["s3", "s1", "s2", "s0"])  # fmt: skip


def test_patterns_and_columns_follow_the_predicted_order():
    ds = patients()
    assert presence_patterns(ds).tolist() == ["a+b", "a", "a+b+c", "a+c"]
    assert presence_patterns(ds, ["c", "b"]).tolist() == ["b", "none", "b+c", "c"]
    found = sample_slices(ds, ["group", "present", "label"], np.array(["s0", "s2", "s3"]))
    assert {k: v.tolist() for k, v in found.items()} == {
        "group": ["q", "q", "p"], "present": ["a+c", "a+b+c", "a+b"], "label": ["x", "missing", "x"]}  # fmt: skip


@pytest.mark.parametrize(
    "call",
    [
        lambda: sample_slices(patients(), ["site"], np.array(["s0"])),
        lambda: sample_slices(patients(), ["group"], np.array(["s9"])),
        lambda: presence_patterns(patients(), ["d"]),
        lambda: slice_table(numeric(np.ones(60)), {"site": np.arange(60).astype(str)}, metric="mae"),
        lambda: slice_table(numeric(np.ones(6)), {"site": np.array(["a", "b"])}, metric="mae"),
        lambda: slice_table(numeric(np.ones(2)), {"site": np.array(["a", "b"])}, metric="accuracy"),
        lambda: slice_table(numeric(np.ones(2)), {"site": np.array(["a", "b"])}, metric="mae", level=0.0),
    ],
)
def test_bad_input_is_refused(call):
    with pytest.raises(InputError):
        call()
