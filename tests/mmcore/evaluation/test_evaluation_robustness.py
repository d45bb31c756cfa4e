"""Robustness areas: closed forms of perfect, constant, linear and shifted curves, directions, spacing, refusals."""

import itertools
import json

import numpy as np
import pytest

from mmcore.errors import InputError
from mmcore.evaluation.interval import metric_interval
from mmcore.evaluation.predictions import Predicted
from mmcore.evaluation.robustness import (
    PerformanceCurve,
    effective_robustness,
    performance_curve,
    relative_robustness,
    robustness,
    scaled,
)

TENTHS = tuple(k / 10 for k in range(11))
UNEQUAL = (0.0, 0.05, 0.1, 0.4, 1.0)
LATE = tuple(0.8 - 0.3 * s**2 for s in TENTHS)


def curve(values, levels=TENTHS, higher=True, model="m", metric="accuracy", **kw):
    return PerformanceCurve(model, metric, higher, tuple(levels), tuple(values), **kw)


@pytest.mark.parametrize("levels", [TENTHS, TENTHS[:10], UNEQUAL])
def test_a_perfect_model_has_the_width_as_its_area(levels):
    perfect = curve([1.0] * len(levels), levels)
    assert relative_robustness(perfect) == pytest.approx(levels[-1])
    late = curve([0.5 + 0.1 * i for i in range(len(levels))][::-1], levels)
    assert robustness(perfect, late).relative_mean == pytest.approx(1.0)


@pytest.mark.parametrize("height", [0.0, 0.1, 0.97])
def test_a_constant_model_is_effectively_robust_by_what_late_fusion_loses(height):
    late = curve(LATE)
    found = effective_robustness(curve([height] * 11), late)
    # sum_i 0.3 (i / 10)^2 = 0.003 * 385
    assert found == pytest.approx(0.3 * 3.85)
    area = effective_robustness(curve([height] * 11), late, weighting="area")
    assert area == pytest.approx(LATE[0] - relative_robustness(late))


def test_late_fusion_gains_nothing_on_itself_nor_when_shifted():
    late = curve(LATE)
    for shift in (0.0, -0.2, 0.15):
        for weighting in ("sum", "area"):
            assert effective_robustness(curve([v + shift for v in LATE]), late, weighting=weighting) == pytest.approx(0)


def test_sum_by_the_printed_formula():
    own = np.random.default_rng(0).random(11)
    expected = sum(own[i] - (LATE[i] + (own[0] - LATE[0])) for i in range(11))
    assert effective_robustness(curve(own), curve(LATE)) == pytest.approx(expected)
    expected = sum((own[i] + own[i + 1]) / 2 * 0.1 for i in range(10))
    assert relative_robustness(curve(own)) == pytest.approx(expected)


def test_errors_are_negated_once_so_the_better_model_has_more():
    good, bad = curve([1.0 + s for s in TENTHS], higher=False), curve([1.0 + 3 * s for s in TENTHS], higher=False)
    assert relative_robustness(good) == pytest.approx(-1.5)
    assert relative_robustness(bad) == pytest.approx(-2.5)
    assert effective_robustness(good, bad) == pytest.approx(2 * sum(TENTHS)) and effective_robustness(bad, good) < 0
    table = {"good": relative_robustness(good), "bad": relative_robustness(bad)}
    assert scaled(table["good"], table) == 1.0 and scaled(table["bad"], table) == 0.0


def test_areas_of_a_line_do_not_depend_on_the_spacing():
    line, late = (lambda s: 0.9 - 0.4 * s), (lambda s: 0.9 - 0.6 * s)
    for levels in (TENTHS, UNEQUAL):
        own, other = (curve([f(s) for s in levels], levels) for f in (line, late))
        assert relative_robustness(own) == pytest.approx(0.7)
        assert effective_robustness(own, other, weighting="area") == pytest.approx(0.1)
    found = robustness(own, other)
    assert found.effective is None and found.effective_area == pytest.approx(0.1)
    with pytest.raises(InputError) as error:
        effective_robustness(own, other)
    assert "area" in error.value.remedy


def test_scaling_is_by_the_named_table_only():
    table = {"a": 0.2, "b": 0.6, "c": 0.4}
    assert [scaled(v, table) for v in (0.2, 0.4, 0.6, 0.8)] == pytest.approx([0, 0.5, 1, 1.5])
    for lonely in ({"a": 0.3}, {"a": 0.3, "b": 0.3}, {}):
        with pytest.raises(InputError) as error:
            scaled(0.3, lonely)
        assert error.value.argument == "reference"


def hits(share, n=200, model="m"):
    truth = np.arange(n) % 2
    guess = np.where(np.arange(n) < share * n, truth, 1 - truth)[None]
    return Predicted(model, "classification", ("a", "b"), truth, guess, np.eye(2)[guess], np.arange(n).astype(str),
                     np.arange(n) // 10, "group", (0,))  # fmt: skip


def test_points_of_a_curve_are_the_metric_with_its_interval_over_groups():
    given = {0.4: hits(0.5), 0.0: hits(0.9), 0.2: hits(0.7)}
    found = performance_curve(given, "accuracy", noise="audio, white_noise")
    assert found.levels == (0.0, 0.2, 0.4) and found.values == pytest.approx((0.9, 0.7, 0.5))
    for one, interval in zip(found.levels, found.intervals, strict=True):
        assert interval == metric_interval(given[one], "accuracy")
    assert all(a > b for a, b in itertools.pairwise(found.values))
    points = json.loads(json.dumps(found.to_dict()))["points"]
    assert points[1]["level"] == 0.2 and points[1]["low"] < 0.7 < points[1]["high"]


@pytest.mark.parametrize(
    "build",
    [
        lambda: curve([1.0], [0.0]),
        lambda: curve([1.0, 0.5], [0.1, 0.2]),
        lambda: curve([1.0, 0.5, 0.4], [0.0, 0.2, 0.2]),
        lambda: curve([1.0, float("nan")], [0.0, 0.2]),
        lambda: performance_curve({}, "accuracy"),
        lambda: performance_curve({0.0: hits(0.9), 0.1: hits(0.9, n=100)}, "accuracy"),
        lambda: performance_curve({0.0: hits(0.9), 0.1: hits(0.9, model="other")}, "accuracy"),
        lambda: performance_curve({0.0: hits(0.9), 0.1: hits(0.8)}, "mae"),
        lambda: effective_robustness(curve(LATE), curve(LATE, higher=False)),
        lambda: effective_robustness(curve(LATE), curve(LATE, metric="f1_macro")),
        lambda: effective_robustness(curve(LATE), curve(LATE, noise="video")),
        lambda: effective_robustness(curve(LATE), curve(LATE[:10], TENTHS[:10])),
        lambda: effective_robustness(curve(LATE), curve(LATE), weighting="mean"),
    ],
)
def test_curves_that_cannot_be_compared_are_refused(build):
    with pytest.raises(InputError):
        build()
