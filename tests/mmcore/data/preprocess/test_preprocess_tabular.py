"""Tables against hand-computed columns."""

import numpy as np
import pytest

from mmcore.data.preprocess.contract import Rows
from mmcore.data.preprocess.kinds import options_of
from mmcore.data.preprocess.tabular import apply_tabular, fit_tabular, signed_log, skewness
from mmcore.errors import InputError

TRAIN = np.array([[1.0, 10.0, 7.0, np.nan], [2.0, np.nan, 7.0, np.nan], [6.0, 30.0, 7.0, np.nan]])
NAMES = ("a", "b", "constant", "empty")


def transformed(train, rows=None, columns=NAMES, **chosen):
    options = options_of({"tabular": chosen}, "t", "tabular")
    fitted = fit_tabular(Rows("t", "tabular", train, columns=columns), options, 0)
    return apply_tabular(fitted, Rows("t", "tabular", train if rows is None else rows, columns=columns), options)


def test_imputes_with_indicators_and_drops_what_does_not_vary():
    output = transformed(TRAIN, scaling="none")
    assert output.columns == ("a", "b", "b:missing")
    np.testing.assert_array_equal(output.values, [[1, 10, 0], [2, 20, 1], [6, 30, 0]])
    assert output.record["dropped_constant"] == ["constant"]
    assert output.record["dropped_empty"] == ["empty"]
    assert output.record["imputed"] == {"b": 1}


@pytest.mark.parametrize(("impute", "value"), [("median", 2.0), ("mean", 3.0), ("constant", -1.0)])
def test_what_stands_for_a_missing_value(impute, value):
    train = np.array([[1.0], [2.0], [6.0], [np.nan]])
    assert transformed(train, columns=None, scaling="none", impute=impute, fill=-1.0).values[3, 0] == value


def test_scale_is_of_the_observed_values_only():
    train = np.array([[0.0], [2.0]] + [[np.nan]] * 98)
    output = transformed(train, columns=None, impute="mean")
    np.testing.assert_allclose(output.values[:2, 0], [-1, 1])
    np.testing.assert_array_equal(output.values[2:, 0], 0)


def test_a_constant_column_with_gaps_leaves_its_indicator():
    output = transformed(np.array([[3.0, 1.0], [np.nan, 2.0]]), columns=("a", "b"))
    assert output.columns == ("b", "a:missing")


def test_a_gap_that_was_never_seen_in_training_is_imputed_and_counted():
    output = transformed(TRAIN, np.array([[np.nan, 10.0, 7.0, 1.0]]), scaling="none")
    np.testing.assert_array_equal(output.values, [[2, 10, 0]])
    assert output.record["imputed_not_missing_in_training"] == {"a": 1}


def test_log_is_taken_of_skewed_counts_only_and_stands_a_later_negative():
    rng = np.random.default_rng(0)
    train = np.column_stack([np.exp(rng.normal(size=500) * 2), rng.normal(size=500), -np.exp(rng.normal(size=500) * 2)])
    output = transformed(
        train, np.array([[-2.0, 0.5, -1.0]]), columns=("money", "z", "debt"), log="auto", scaling="none"
    )
    assert output.record["logged"] == ["money"]
    np.testing.assert_allclose(output.values, [[-np.log(3), 0.5, -1.0]], rtol=1e-6)


def test_skewness_of_an_exponential_is_two_and_the_log_is_log1p():
    assert skewness(np.random.default_rng(0).exponential(size=400_000)) == pytest.approx(2.0, abs=0.1)
    np.testing.assert_allclose(signed_log(np.array([3.0, -3.0])), [np.log(4), -np.log(4)])


def test_infinite_value_names_column_and_sample():
    rows = Rows("t", "tabular", np.array([[1.0, 2.0], [3.0, np.inf]]), columns=("a", "price"), sample_ids=["s1", "s2"])
    with pytest.raises(InputError) as caught:
        fit_tabular(rows, options_of({}, "t", "tabular"), 0)
    assert caught.value.argument == "t.price"
    assert "s2" in caught.value.received


def test_refuses_text_sequences_other_widths_and_nothing_left():
    options = options_of({}, "t", "tabular")
    for values in (np.array([["a"]]), np.zeros((2, 3, 4)), np.ones((3, 2))):
        with pytest.raises(InputError):
            fit_tabular(Rows("t", "tabular", values), options, 0)
    fitted = fit_tabular(Rows("t", "tabular", np.eye(3)), options, 0)
    with pytest.raises(InputError, match="2 columns"):
        apply_tabular(fitted, Rows("t", "tabular", np.eye(2)), options)
