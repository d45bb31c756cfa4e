"""Metrics against scikit-learn, which computes them another way, and the table against its own reading."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr
from sklearn import metrics as reference

from mmcore.errors import InputError
from mmcore.evaluation.metrics import METRICS, find_metric, score, unit_sums
from mmcore.evaluation.predictions import prediction_frame, probabilities, read_predictions

CLASSES = ("blue", "green", "red")


def classified(n=120, seed=0, classes=CLASSES, groups=None):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, len(classes), n)
    logits = rng.normal(size=(n, len(classes))) + 1.2 * np.eye(len(classes))[truth]
    ids = [f"r{i:04d}" for i in range(n)]
    frames = [
        prediction_frame(logits + rng.normal(size=logits.shape), truth, ids, model="late_fusion", seed=s, fold=0,
                         part="test", task="classification", classes=classes, groups=groups)
        for s in (0, 1)
    ]  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def test_classification_metrics_equal_scikit_learn():
    p = read_predictions(classified(), "late_fusion", task="classification", classes=CLASSES, part="test")
    for s in range(2):
        y, guess, proba = p.truth, p.prediction[s], p.scores[s]
        expected = {
            "accuracy": reference.accuracy_score(y, guess),
            "balanced_accuracy": reference.balanced_accuracy_score(y, guess),
            "f1_micro": reference.f1_score(y, guess, average="micro"),
            "f1_macro": reference.f1_score(y, guess, average="macro"),
            "f1_weighted": reference.f1_score(y, guess, average="weighted"),
            "auroc": reference.roc_auc_score(y, proba, multi_class="ovr", average="macro"),
        }
        assert {name: score(p, name)[s] for name in expected} == pytest.approx(expected, abs=1e-12)


def test_multilabel_metrics_equal_scikit_learn():
    rng = np.random.default_rng(1)
    truth = rng.random((80, 3)) < 0.4
    logits = rng.normal(size=(80, 3)) + truth
    frame = prediction_frame(logits, truth, np.arange(80).astype(str), model="m", seed=0, fold=0, part="test",
                             task="multilabel", classes=CLASSES)  # fmt: skip
    p = read_predictions(frame, "m", task="multilabel", classes=CLASSES, part="test")
    guess = p.prediction[0]
    assert score(p, "accuracy")[0] == pytest.approx(reference.accuracy_score(p.truth, guess))
    for average in ("micro", "macro", "weighted"):
        expected = reference.f1_score(p.truth, guess, average=average)
        assert score(p, f"f1_{average}")[0] == pytest.approx(expected, abs=1e-12)
    assert score(p, "auroc")[0] == pytest.approx(reference.roc_auc_score(p.truth, p.scores[0]), abs=1e-12)


def test_regression_metrics_equal_scikit_learn_and_scipy():
    rng = np.random.default_rng(2)
    truth = rng.normal(size=50) + 1e6  # a large offset: the correlation must keep its digits
    value = truth + rng.normal(size=50)
    frame = prediction_frame(value[:, None], truth, np.arange(50).astype(str), model="m", seed=0, fold=0, part="test",
                             task="regression")  # fmt: skip
    p = read_predictions(frame, "m", task="regression", part="test")
    assert score(p, "mae")[0] == pytest.approx(reference.mean_absolute_error(truth, value))
    assert score(p, "mse")[0] == pytest.approx(reference.mean_squared_error(truth, value))
    assert score(p, "pearson")[0] == pytest.approx(pearsonr(truth, value)[0], abs=1e-8)


def test_auroc_counts_ties_half():
    frame = prediction_frame(np.zeros((4, 2)), np.array([0, 1, 0, 1]), list("abcd"), model="m", seed=0, fold=0,
                             part="test", task="classification", classes=("n", "y"))  # fmt: skip
    p = read_predictions(frame, "m", task="classification", classes=("n", "y"), part="test")
    assert score(p, "auroc")[0] == 0.5


def test_a_class_that_no_row_has_is_left_out_of_averages():
    frame = classified(classes=("blue", "green"))
    frame["p_2"] = 0.0
    p = read_predictions(frame, "late_fusion", task="classification", classes=("blue", "green", "red"), part="test")
    expected = reference.balanced_accuracy_score(p.truth, p.prediction[0])
    assert score(p, "balanced_accuracy")[0] == pytest.approx(expected)
    assert np.isfinite(score(p, "auroc")).all()


def test_unit_sums_add_up_to_the_metric():
    groups = np.array(["p1", "p2", "p3", "p4"])[np.arange(120) % 4]
    p = read_predictions(classified(groups=groups), "late_fusion", task="classification", classes=CLASSES, part="test")
    assert p.unit == "group" and p.n_units == 4
    for metric in METRICS:
        if metric.rows is not None and "classification" in metric.tasks:
            total = metric.function(unit_sums(p, metric).sum(axis=1))
            assert total == pytest.approx(score(p, metric.name))


def test_row_order_of_the_table_does_not_matter():
    frame = classified()
    shuffled = frame.sample(frac=1.0, random_state=3)
    kwargs = {"task": "classification", "classes": CLASSES, "part": "test"}
    a, b = (read_predictions(f, "late_fusion", **kwargs) for f in (frame, shuffled))
    assert np.array_equal(a.scores, b.scores) and np.array_equal(a.truth, b.truth)


def test_probabilities_of_extreme_logits_stay_finite():
    assert probabilities(np.array([[1000.0, -1000.0]]), "classification").tolist() == [[1.0, 0.0]]
    assert probabilities(np.array([[1000.0, -1000.0]]), "multilabel").tolist() == [[1.0, 0.0]]


def test_unknown_metric_and_wrong_task_name_the_choices():
    with pytest.raises(InputError) as error:
        find_metric("acuracy")
    assert error.value.argument == "metric" and "accuracy" in error.value.remedy
    with pytest.raises(InputError) as error:
        find_metric("mae", "classification")
    assert "accuracy" in error.value.allowed and "mae" not in error.value.allowed.split(", ")


def break_columns(frame):
    return frame.drop(columns="truth")


def break_duplicate(frame):
    return pd.concat([frame, frame.iloc[:1]])


def break_seed(frame):
    return frame.drop(index=0)


def break_class(frame):
    return frame.assign(truth="violet")


@pytest.mark.parametrize(
    ("broken", "received"),
    [(break_columns, "truth"), (break_duplicate, "twice"), (break_seed, "seed 1"), (break_class, "violet")],
)
def test_a_broken_table_is_refused(broken, received):
    with pytest.raises(InputError) as error:
        read_predictions(broken(classified()), "late_fusion", task="classification", classes=CLASSES, part="test")
    assert received in error.value.received and error.value.remedy


@pytest.mark.parametrize(
    ("change", "argument"),
    [
        ({"outputs": np.array([[np.nan, 0.0]])}, "outputs"),
        ({"outputs": np.zeros((1, 3))}, "outputs"),
        ({"truth": np.array([-1])}, "truth"),
        ({"part": "train"}, "part"),
        ({"task": "ranking"}, "task"),
    ],
)
def test_outputs_that_fit_no_label_are_refused(change, argument):
    good = {"outputs": np.zeros((1, 2)), "truth": np.array([0]), "part": "test", "task": "classification"}
    given = {**good, **change}
    outputs, truth = given.pop("outputs"), given.pop("truth")
    with pytest.raises(InputError) as error:
        prediction_frame(outputs, truth, ["r"], model="m", seed=0, fold=0, classes=("n", "y"), **given)
    assert error.value.argument == argument


def test_unknown_model_names_the_nearest():
    with pytest.raises(InputError) as error:
        read_predictions(classified(), "late_fuson", task="classification", classes=CLASSES, part="test")
    assert "late_fusion" in error.value.remedy
