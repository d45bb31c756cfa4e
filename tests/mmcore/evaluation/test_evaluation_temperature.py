"""Temperature scaling: exact recovery, identity where calibrated, stationarity, a grid, and refusals."""

import numpy as np
import pytest
from scipy.special import softmax

from mmcore.errors import InputError
from mmcore.evaluation.calibration import calibration
from mmcore.evaluation.predictions import Predicted
from mmcore.evaluation.temperature import at_temperature, calibrate, fit_temperature, temperatures


def drawn(n=2000, n_classes=4, seed=0):
    """Logits and labels drawn from the very softmax of the logits."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1.5, (n, n_classes))
    truth = (rng.random((n, 1)) > softmax(logits, axis=1).cumsum(axis=1)).sum(axis=1)
    return logits, truth


def predicted(logits, truth, seeds=(0,)):
    scores = softmax(np.stack([logits] * len(seeds)), axis=-1)
    n = len(truth)
    return Predicted("m", "classification", tuple("abcd")[: logits.shape[1]], truth, scores.argmax(axis=-1), scores,
                     np.arange(n).astype(str), np.arange(n), "sample", tuple(seeds))  # fmt: skip


def test_rows_that_are_right_as_often_as_they_say_have_temperature_one():
    # 2 classes: 3 of 4 at .75, 9 of 10 at .9, in equal shares by the exact counts
    logits = np.log([[0.75, 0.25]] * 4 + [[0.1, 0.9]] * 10)
    truth = np.array([0, 0, 0, 1] + [1] * 9 + [0])
    found = fit_temperature(logits, truth)
    assert found.value == pytest.approx(1.0, abs=1e-9) and found.loss_before == pytest.approx(found.loss_after)


@pytest.mark.parametrize("factor", [1e-6, 0.01, 0.5, 3.0, 100.0, 1e7])
def test_scaled_logits_give_the_scaled_temperature_exactly(factor):
    logits, truth = drawn()
    once = fit_temperature(logits, truth)
    again = fit_temperature(factor * logits, truth)
    assert again.value == pytest.approx(factor * once.value, rel=1e-9)
    assert again.loss_after == pytest.approx(once.loss_after, rel=1e-9)
    assert fit_temperature(logits / once.value, truth).value == pytest.approx(1.0, rel=1e-9)


def test_drawn_labels_bring_the_temperature_near_the_truth():
    logits, truth = drawn(n=20000)
    assert fit_temperature(2.5 * logits, truth).value == pytest.approx(2.5, rel=0.05)


def test_it_is_the_least_loss_of_a_fine_grid_and_shifts_do_not_matter():
    logits, truth = drawn(n=300, seed=3)
    found = fit_temperature(2 * logits, truth)
    grid = np.exp(np.linspace(-2, 3, 5001))
    rows = np.arange(300)
    losses = [-np.log(softmax(2 * logits / t, axis=1)[rows, truth]).mean() for t in grid]
    assert found.loss_after <= min(losses) + 1e-12
    assert found.value == pytest.approx(grid[int(np.argmin(losses))], rel=2e-3)
    shifted = fit_temperature(2 * logits + np.arange(300)[:, None], truth)
    assert shifted.value == pytest.approx(found.value, rel=1e-9)


def test_an_overconfident_model_is_calibrated_and_decides_as_before():
    logits, truth = drawn(n=8000)
    valid, test = (
        predicted(3 * logits[part], truth[part], seeds=(0, 1)) for part in (slice(0, 4000), slice(4000, None))
    )
    found = calibrate(valid, test)
    assert found["before"]["ece"] > 0.1 and found["after"]["ece"] < 0.03
    assert found["after"]["log_loss"] < found["before"]["log_loss"]
    assert found["before"] == calibration(test) and len(found["temperatures"]) == 2
    cooled = at_temperature(test, [t["value"] for t in found["temperatures"]])
    assert np.array_equal(cooled.scores.argmax(axis=2), test.prediction)
    assert cooled.scores.sum(axis=2) == pytest.approx(1.0)


def test_temperature_one_changes_nothing_and_zeros_are_counted():
    p = predicted(*drawn(n=50))
    assert at_temperature(p, [1.0]).scores == pytest.approx(p.scores)
    scores = p.scores.copy()
    scores[0, 0] = [1.0, 0.0, 0.0, 0.0]
    zeros = Predicted(p.model, p.task, p.classes, p.truth, p.prediction, scores, p.sample_ids, p.units, p.unit, p.seeds)
    assert temperatures(zeros)[0].n_raised == 3


@pytest.mark.parametrize(
    ("logits", "truth"),
    [
        (np.array([[2.0, 0.0], [0.0, 1.0]]), np.array([0, 1])),  # every row right
        (np.array([[2.0, 0.0], [0.0, 1.0]]), np.array([1, 0])),  # every row wrong
        (np.array([[2.0, 0.0], [2.0, 0.0]]), np.array([1, 0])),  # chance
        (np.zeros((2, 2)), np.array([0, 1])),
        (np.array([[np.nan, 0.0]]), np.array([0])),
        (np.zeros((2, 2)), np.array([0, 2])),
        (np.zeros((2, 2)), np.array([-1, 0])),
        (np.zeros((2, 1)), np.array([0, 0])),
        (np.zeros((0, 2)), np.array([], dtype=int)),
        (np.zeros((2, 2)), np.array([0])),
    ],
)
def test_rows_that_define_no_temperature_are_refused(logits, truth):
    with pytest.raises(InputError) as error:
        fit_temperature(logits, truth)
    assert error.value.remedy


def test_parts_of_different_models_are_refused():
    p = predicted(*drawn(n=50))
    with pytest.raises(InputError):
        calibrate(p, predicted(*drawn(n=50), seeds=(0, 1)))
    for values in ([0.0], [-1.0], [1.0, 1.0], [float("nan")]):
        with pytest.raises(InputError):
            at_temperature(p, values)
