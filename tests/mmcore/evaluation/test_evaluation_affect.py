"""AUPRC and the affect literature's scores against scikit-learn, torchmetrics and counts by hand."""

import numpy as np
import pytest
from sklearn import metrics as reference

from mmcore.errors import InputError
from mmcore.evaluation.interval import leave_one_out
from mmcore.evaluation.metrics import METRICS, find_metric, metrics_for, score
from mmcore.evaluation.predictions import Predicted


def predicted(task, truth, prediction, scores, classes=()):
    n = len(truth)
    return Predicted("m", task, tuple(classes), truth, prediction, scores, np.arange(n).astype(str), np.arange(n),
                     "sample", tuple(range(len(prediction))))  # fmt: skip


def sentiment(truth, guess):
    truth, guess = np.asarray(truth, dtype=float), np.atleast_2d(np.asarray(guess, dtype=float))
    return predicted("regression", truth, guess, guess[..., None])


def labelled(n_classes, n=200, seed=0, decimals=None):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, n_classes, n)
    scores = rng.dirichlet(np.ones(n_classes), (2, n)) + 0.3 * np.eye(n_classes)[truth]
    scores = scores / scores.sum(axis=-1, keepdims=True)
    scores = scores if decimals is None else scores.round(decimals)
    return predicted("classification", truth, scores.argmax(axis=-1), scores, [f"c{k}" for k in range(n_classes)])


@pytest.mark.parametrize("decimals", [None, 1])
def test_auprc_equals_scikit_learn_ties_included(decimals):
    two, many = labelled(2, decimals=decimals), labelled(4, decimals=decimals)
    for s in range(2):
        expected = reference.average_precision_score(two.truth, two.scores[s, :, 1])
        assert score(two, "auprc")[s] == pytest.approx(expected, abs=1e-12)
        expected = reference.average_precision_score(np.eye(4)[many.truth], many.scores[s], average="macro")
        assert score(many, "auprc")[s] == pytest.approx(expected, abs=1e-12)


def test_auprc_and_f1_equal_torchmetrics():
    torch = pytest.importorskip("torch")
    from torchmetrics.functional import classification as other

    p = labelled(4)
    scores, truth = torch.tensor(p.scores[0]), torch.tensor(p.truth)
    found = other.multiclass_average_precision(scores, truth, num_classes=4, average="macro")
    assert score(p, "auprc")[0] == pytest.approx(float(found), abs=1e-6)
    found = other.multiclass_f1_score(scores, truth, num_classes=4, average="weighted")
    assert score(p, "f1_weighted")[0] == pytest.approx(float(found), abs=1e-6)
    rng = np.random.default_rng(1)
    many = rng.random((100, 3)) < 0.4
    marks = predicted("multilabel", many, np.zeros((1, 100, 3), bool), rng.random((1, 100, 3)), "abc")
    found = other.multilabel_average_precision(torch.tensor(marks.scores[0]), torch.tensor(many).long(), num_labels=3)
    assert score(marks, "auprc")[0] == pytest.approx(float(found), abs=1e-6)


def test_auprc_limits():
    truth = np.array([0] * 30 + [1] * 10)
    perfect = np.stack([1.0 - truth, truth], axis=-1)[None].astype(float)
    flat = np.full((1, 40, 2), 0.5)
    assert score(predicted("classification", truth, truth[None], perfect, "ab"), "auprc")[0] == 1.0
    # all tied: one threshold, whose precision is the share of positives
    assert score(predicted("classification", truth, truth[None], flat, "ab"), "auprc")[0] == 0.25
    none = predicted("classification", np.zeros(5, int), np.zeros((1, 5), int), np.full((1, 5, 2), 0.5), "ab")
    assert np.isnan(score(none, "auprc")).all()


def test_affect_scores_by_hand():
    # truth:  -3   -1.5  0    0.5  2.4  2.5  3       guess rounded and clipped to 3, then to 2
    truth = [-3.0, -1.5, 0.0, 0.5, 2.4, 2.5, 3.0]
    guess = [-4.1, -2.4, 0.4, -.1, 1.6, 2.0, 9.0]  # fmt: skip
    p = sentiment(truth, guess)
    # to 3: -3=-3, -2=-2 (1.5 to even), 0=0, 0=-0, 2=2, 2=2 (2.5 to even), 3=3
    assert score(p, "acc7")[0] == 1.0
    p5 = sentiment([2.6, 2.6, -3.0, 1.4], [1.6, 1.4, -2.0, 1.6])
    assert score(p5, "acc7")[0] == 0.0 and score(p5, "acc5")[0] == 0.5  # 2=2, 2!=1, -2=-2, 1!=2
    # nonzero rows: six; signs right but for 0.5 against -.1
    assert score(p, "acc2")[0] == pytest.approx(5 / 6)


def test_weighted_f1_takes_the_support_of_the_truth_not_of_the_predictions():
    rng = np.random.default_rng(3)
    truth = np.concatenate([rng.uniform(0.1, 3, 90), rng.uniform(-3, -0.1, 10), np.zeros(20)])
    guess = rng.normal(0.2, 1.0, 120)
    p, keep = sentiment(truth, guess), truth != 0
    right = reference.f1_score(truth[keep] > 0, guess[keep] > 0, average="weighted")
    swapped = reference.f1_score(guess[keep] > 0, truth[keep] > 0, average="weighted")
    assert score(p, "f1_nonzero")[0] == pytest.approx(right, abs=1e-12)
    assert abs(right - swapped) > 0.05  # the published order of arguments gives another number here
    assert score(p, "acc2")[0] == pytest.approx(reference.accuracy_score(truth[keep] > 0, guess[keep] > 0))


def test_leaving_rows_out_by_sums_equals_recomputing_for_affect():
    rng = np.random.default_rng(4)
    p = sentiment(rng.uniform(-3, 3, 30).round(), rng.normal(0, 1.5, (2, 30)))
    for metric in metrics_for("regression", ["affect"]):
        _, without = leave_one_out(p, metric)
        again = [leave_one_out(p.keep(np.arange(30) != i), metric)[0] for i in range(30)]
        assert without == pytest.approx(again)


def test_only_zeros_leave_two_classes_undefined():
    p = sentiment([0.0, 0.0], [1.0, -1.0])
    assert np.isnan(score(p, "acc2")).all() and np.isnan(score(p, "f1_nonzero")).all()


def test_affect_needs_the_tag_and_the_scale():
    usual = {m.name for m in metrics_for("regression")}
    assert usual == {"mae", "mse", "pearson"}
    assert {m.name for m in metrics_for("regression", ["affect"])} - usual == {"acc7", "acc5", "acc2", "f1_nonzero"}
    assert not any(m.tags for m in METRICS if "classification" in m.tasks)
    with pytest.raises(InputError) as error:
        score(sentiment([1.0, 4.0], [1.0, 1.0]), "acc7")
    assert error.value.argument == "truth"
    with pytest.raises(InputError) as error:
        metrics_for("regression", ["afect"])
    assert "affect" in error.value.remedy
    with pytest.raises(InputError):
        find_metric("acc7", "classification")
