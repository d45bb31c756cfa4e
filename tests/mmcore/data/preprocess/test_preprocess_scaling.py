"""Scaling against its definition, over all rows and within groups."""

import numpy as np
import pytest

from mmcore.data.preprocess.contract import Rows
from mmcore.data.preprocess.embedding import apply_embedding, fit_embedding
from mmcore.data.preprocess.scaling import apply_scaling, column_statistics, fit_scaling
from mmcore.data.ragged import Ragged
from mmcore.errors import InputError


def test_standard_gives_mean_zero_and_deviation_one():
    matrix = np.random.default_rng(0).gamma(2.0, size=(200, 3)) * [1, 1e6, 1e-6]
    scaled, _ = apply_scaling(fit_scaling(matrix, "standard"), matrix)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(scaled.std(axis=0), 1, atol=1e-12)


def test_robust_agrees_with_standard_on_a_normal_column_and_ignores_an_outlier():
    column = np.random.default_rng(1).normal(3.0, 2.0, size=(200_000, 1))
    centre, scale, _ = column_statistics(column, "robust")
    assert centre[0] == pytest.approx(3.0, abs=0.02)
    assert scale[0] == pytest.approx(2.0, abs=0.02)
    spoiled = column.copy()
    spoiled[0] = 1e12
    assert column_statistics(spoiled, "robust")[1][0] == pytest.approx(scale[0], rel=1e-3)
    assert column_statistics(spoiled, "standard")[1][0] > 1e6


def test_scaling_undoes_any_positive_affine_map():
    matrix = np.random.default_rng(2).normal(size=(50, 2))
    for method in ("standard", "robust"):
        plain, _ = apply_scaling(fit_scaling(matrix, method), matrix)
        moved, _ = apply_scaling(fit_scaling(matrix * 7 - 3, method), matrix * 7 - 3)
        np.testing.assert_allclose(plain, moved, atol=1e-12)


def test_zero_interquartile_range_takes_the_deviation_and_says_so():
    column = np.array([[0.0]] * 90 + [[5.0]] * 10)
    fitted = fit_scaling(column, "robust")
    assert fitted.settings["scaled_by_sd"] == [0]
    assert fitted.arrays["scale"][0] == pytest.approx(1.5)  # sqrt(.1 * .9) * 5


def test_missing_values_do_not_count():
    assert column_statistics(np.array([[1.0], [np.nan], [3.0]]), "standard")[:2] == (2.0, 1.0)


def test_each_group_gets_mean_zero_and_known_groups_keep_their_training_constants():
    rng = np.random.default_rng(3)
    groups = np.repeat(["a", "b"], 20)
    matrix = rng.normal(size=(40, 2)) + np.where(groups == "a", 10, -10)[:, None]
    fitted = fit_scaling(matrix, "standard", groups)
    scaled, record = apply_scaling(fitted, matrix, groups)
    for group in "ab":
        np.testing.assert_allclose(scaled[groups == group].mean(axis=0), 0, atol=1e-12)
        np.testing.assert_allclose(scaled[groups == group].std(axis=0), 1, atol=1e-12)
    assert record == {}
    one, _ = apply_scaling(fitted, matrix[:1], groups[:1])
    np.testing.assert_array_equal(one, scaled[:1])
    new, record = apply_scaling(fitted, matrix[:20] + 100, np.repeat("c", 20))
    np.testing.assert_allclose(new, scaled[:20], atol=1e-9)
    assert record == {"groups_scaled_by_own_rows": {"c": 20}}


def test_embedding_keeps_every_dimension_in_its_place():
    rows = Rows("e", "embedding", np.array([[1.0, 5.0, 2.0], [3.0, 5.0, 6.0]], dtype=np.float16))
    options = {"scaling": "standard", "per_group": False}
    output = apply_embedding(fit_embedding(rows, options, 0), rows, options)
    np.testing.assert_allclose(output.values, [[-1, 0, -1], [1, 0, 1]])
    assert (output.kind, output.values.dtype) == ("embedding", np.float32)


def test_embedding_sequences_are_scaled_by_dimension_over_all_steps():
    ragged = Ragged.from_list([[[1.0, 0.0]], [[2.0, 4.0], [3.0, 8.0]]])
    options = {"scaling": "standard", "per_group": False}
    rows = Rows("e", "embedding", ragged)
    output = apply_embedding(fit_embedding(rows, options, 0), rows, options)
    np.testing.assert_allclose(output.values.values.mean(axis=0), 0, atol=1e-7)
    np.testing.assert_array_equal(output.values.lengths, [1, 2])
    assert output.kind == "timeseries"


def test_embedding_refuses_gaps_and_groups_that_are_not_there():
    with pytest.raises(InputError) as caught:
        fit_embedding(Rows("e", "embedding", np.array([[np.nan]])), {"scaling": "none", "per_group": False}, 0)
    assert caught.value.argument == "e"
    with pytest.raises(InputError) as caught:
        fit_embedding(Rows("e", "embedding", np.eye(2)), {"scaling": "standard", "per_group": True}, 0)
    assert caught.value.argument == "e.per_group"
