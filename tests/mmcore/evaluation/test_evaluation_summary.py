"""Subsets, calibration and the summary: identities, simulated truths, and the contract of evaluation.json."""

import json
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss, log_loss

from mmcore.atomic import canonical_json
from mmcore.errors import InputError
from mmcore.evaluation.calibration import (
    calibration,
    calibration_error,
    equal_count_bins,
    equal_width_bins,
    wilson,
)
from mmcore.evaluation.interval import metric_interval
from mmcore.evaluation.missing import modality_subsets, subset_table
from mmcore.evaluation.predictions import Predicted, prediction_frame, read_predictions
from mmcore.evaluation.summary import evaluate
from mmcore.evaluation.verdict import decide

CLASSES = ("zero", "one")
BITS = np.array([[i >> 1 & 1, i & 1] for i in range(400)])  # every combination equally often
XOR = BITS[:, 0] ^ BITS[:, 1]
IDS = [f"r{i:03d}" for i in range(400)]


def xor_logits(rows, present):
    """A model that solved XOR: certain with both bits, undecided (a tie, so class 0) with fewer."""
    logits = np.zeros((len(rows), 2))
    if len(present) == 2:
        logits[np.arange(len(rows)), XOR[rows]] = 5.0
    return logits


def frame(logits, model, part="test", seed=0, groups=None, ids=IDS, truth=XOR):
    return prediction_frame(logits, truth, ids, model=model, seed=seed, fold=0, part=part, task="classification",
                            classes=CLASSES, groups=groups)  # fmt: skip


def xor_predictions(groups=None):
    rng = np.random.default_rng(0)
    rows = np.arange(400)
    frames = []
    for part in ("valid", "test"):
        for seed in (0, 1):
            for model in ("unimodal:a", "unimodal:b", "late_fusion"):
                frames.append(frame(rng.normal(size=(400, 2)), model, part, seed, groups))
            frames.append(frame(xor_logits(rows, ("a", "b")), "early_fusion", part, seed, groups))
    return pd.concat(frames, ignore_index=True)


META = [
    {"model": "unimodal:a", "modalities": ["a"], "n_parameters": 10, "flops": 20},
    {"model": "unimodal:b", "modalities": ["b"], "n_parameters": 10, "flops": 20},
    {"model": "late_fusion", "modalities": ["a", "b"], "n_parameters": 20, "flops": 40},
    {"model": "early_fusion", "modalities": ["a", "b"], "n_parameters": 30, "flops": 60},
]


def masked_frames(groups=None):
    """Predictions with only each subset present."""
    rows = np.arange(400)
    return {subset: frame(xor_logits(rows, subset), "early_fusion", groups=groups)
            for subset in modality_subsets(["a", "b"])}  # fmt: skip


def test_subsets_are_all_of_them_and_then_few():
    for m in (1, 2, 3, 6, 8):
        assert len(modality_subsets([f"m{k}" for k in range(m)])) == 2**m - 1
    nine = modality_subsets([f"m{k}" for k in range(9)])
    assert [len(subset) for subset in nine] == [1] * 9 + [8] * 9 + [9]
    assert len(modality_subsets([f"m{k}" for k in range(9)], limit=9)) == 511
    with pytest.raises(InputError):
        modality_subsets(["a", "a"])


def test_xor_shows_as_an_interaction_in_the_subset_table():
    masked = masked_frames()
    subsets = subset_table(masked, predictions=xor_predictions(), model="early_fusion", modalities=["a", "b"],
                           classes=CLASSES)  # fmt: skip
    value = {tuple(entry["present"]): entry["absent_at_test"]["value"] for entry in subsets}
    assert value == {("a",): 0.5, ("b",): 0.5, ("a", "b"): 1.0}
    interaction = value["a", "b"] - value["a",] - value["b",] + 0.5  # v(ab) - v(a) - v(b) + v(none)
    assert interaction == 0.5
    trained = {tuple(entry["present"]): entry["trained_on"]["value"] for entry in subsets}
    assert trained["a", "b"] == 1.0 and trained["a",] < 0.6


def test_a_subset_of_another_modality_is_refused():
    with pytest.raises(InputError) as error:
        subset_table({("c",): frame(xor_logits(np.arange(400), ()), "early_fusion")}, predictions=xor_predictions(),
                     model="early_fusion", modalities=["a", "b"], classes=CLASSES)  # fmt: skip
    assert error.value.argument == "masked"


def simulated(scores, seed=1, groups=None):
    """Labels drawn from the very probabilities that the model states."""
    rng = np.random.default_rng(seed)
    truth = (rng.random(len(scores)) < scores[:, 1]).astype(int)
    n = len(scores)
    units = np.arange(n) if groups is None else groups
    return Predicted("m", "classification", CLASSES, truth, scores.argmax(axis=1)[None], scores[None],
                     np.arange(n).astype(str), units, "sample" if groups is None else "group", (0,))  # fmt: skip


def test_a_perfectly_calibrated_predictor_is_found_calibrated():
    p = np.random.default_rng(2).random(20_000)
    result = calibration(simulated(np.stack([1 - p, p], axis=1)))
    assert result["ece"] < 0.02 and result["ece_equal_count"] < 0.02
    # the expectations of p(1-p) and of the binary entropy under uniform p: Brier 2 / 6, log loss 1 / 2
    assert result["brier"] == pytest.approx(1 / 3, abs=0.01)
    assert result["log_loss"] == pytest.approx(0.5, abs=0.01)
    inside = [b["low"] <= b["confidence"] <= b["high"] for b in result["bins"]]
    assert sum(inside) >= len(inside) - 1
    assert sum(b["n"] for b in result["bins"]) == 20_000


def test_an_overconfident_predictor_is_found_out():
    p = np.random.default_rng(3).random(20_000)
    sharper = np.stack([1 - p, p], axis=1) ** 3
    sharper /= sharper.sum(axis=1, keepdims=True)
    honest = simulated(np.stack([1 - p, p], axis=1))
    boast = Predicted(**{**vars(honest), "scores": sharper[None]})
    result = calibration(boast)
    assert result["ece"] > 0.08
    assert all(b["high"] < b["confidence"] for b in result["bins"] if 0.6 < b["confidence"] < 0.95)


def test_brier_and_log_loss_equal_scikit_learn():
    p = np.random.default_rng(4).random(200)
    predicted = simulated(np.stack([1 - p, p], axis=1))
    result = calibration(predicted)
    assert result["log_loss"] == pytest.approx(log_loss(predicted.truth, predicted.scores[0]))
    # the sum over two classes is twice the binary score
    assert result["brier"] == pytest.approx(2 * brier_score_loss(predicted.truth, p))


def test_bins_by_hand():
    confidence, hit = np.array([0.55, 0.58, 0.95]), np.array([1.0, 0.0, 1.0])
    assert equal_width_bins(confidence, 10).tolist() == [5, 5, 9]
    assert equal_width_bins(np.array([0.6, 1.0]), 10).tolist() == [5, 9]  # an edge belongs to the bin below it
    # |1 - 1.13| / 3 + |1 - 0.95| / 3
    assert calibration_error(confidence, hit, equal_width_bins(confidence, 10)) == pytest.approx(0.18 / 3)
    counts = np.bincount(equal_count_bins(np.linspace(0.5, 1, 100), 4))
    assert counts.max() - counts.min() <= 1
    low, high = wilson(0, 10)
    assert low == 0.0 and high == pytest.approx(0.2775, abs=1e-4)


def test_a_certain_error_is_counted_not_hidden():
    scores = np.array([[1.0, 0.0]] * 4)
    predicted = simulated(scores)
    wrong = Predicted(**{**vars(predicted), "truth": np.array([1, 0, 0, 0])})
    result = calibration(wrong)
    assert result["n_probabilities_raised"] == 1 and np.isfinite(result["log_loss"])


def test_groups_widen_the_bins():
    p = np.full(400, 0.8)
    truth_by_group = np.repeat(np.arange(8) != 0, 50)
    predicted = simulated(np.stack([1 - p, p], axis=1), groups=np.repeat(np.arange(8), 50))
    grouped = calibration(Predicted(**{**vars(predicted), "truth": truth_by_group.astype(int)}))["bins"][0]
    rows = calibration(Predicted(**{**vars(predicted), "truth": truth_by_group.astype(int), "units": np.arange(400)}))
    assert grouped["high"] - grouped["low"] > 2 * (rows["bins"][0]["high"] - rows["bins"][0]["low"])


def test_logits_and_other_tasks_are_refused_by_calibration():
    predicted = simulated(np.array([[0.4, 0.6]] * 3))
    with pytest.raises(InputError) as error:
        calibration(Predicted(**{**vars(predicted), "scores": np.array([[[2.0, -1.0]] * 3])}))
    assert "logits" in error.value.remedy
    with pytest.raises(InputError):
        calibration(Predicted(**{**vars(predicted), "task": "regression"}))


@pytest.mark.parametrize("groups", [None, [f"p{i % 8}" for i in range(400)]])
def test_the_summary_keeps_the_contract(groups):
    predictions = xor_predictions(groups)
    verdict = decide(predictions[predictions["part"] == "valid"])
    masked = masked_frames(groups)
    subsets = subset_table(masked, predictions=predictions, model="early_fusion", modalities=["a", "b"],
                           classes=CLASSES)  # fmt: skip
    result = evaluate(predictions, verdict=verdict, task="classification", classes=CLASSES, models=META,
                      subsets=subsets, protocol={"kind": "split", "n_folds": None, "seeds": [0, 1]})  # fmt: skip
    assert {"metric", "higher_is_better", "protocol", "majority_rate", "models", "subsets", "calibration"} <= set(
        result
    )
    assert result["protocol"]["n_rows"] == 400 and result["protocol"]["n_groups"] == (8 if groups else None)
    assert [m["model"] for m in result["models"]] == [m["model"] for m in META]
    assert [m["recommended"] for m in result["models"]] == [False, False, False, True]
    by_name = {m["model"]: m for m in result["models"]}
    assert by_name["late_fusion"]["difference"] is None
    gain = by_name["early_fusion"]["difference"]
    metrics = {name: m["metrics"]["accuracy"]["value"] for name, m in by_name.items()}
    assert gain["value"] == pytest.approx(metrics["early_fusion"] - metrics["late_fusion"]) and gain["low"] > 0.3
    assert result["calibration"]["model"] == "early_fusion" and result["majority_rate"] == 0.5
    assert json.loads(canonical_json(result)) == result  # plain JSON, no NaN


def test_the_summary_equals_its_parts_and_ignores_validation_rows():
    predictions = xor_predictions()
    given = {"verdict": {"recommended": "early_fusion"}, "task": "classification", "classes": CLASSES, "models": META}
    result = evaluate(predictions, **given)
    late = read_predictions(predictions, "late_fusion", task="classification", classes=CLASSES, part="test")
    shown = dict(result["models"][2]["metrics"]["accuracy"])
    assert shown.pop("seed_deviation") == pytest.approx((late.prediction == late.truth).mean(axis=1).std(ddof=1))
    assert shown == metric_interval(late, "accuracy").to_dict()
    assert evaluate(predictions[predictions["part"] == "test"], **given) == result


def test_the_summary_refuses_what_does_not_fit():
    predictions = xor_predictions()
    given = {"task": "classification", "classes": CLASSES, "models": META}
    with pytest.raises(InputError) as error:
        evaluate(predictions, verdict={"recommended": "tensor_fusion"}, **given)
    assert "tensor_fusion" in error.value.allowed
    short = predictions[~((predictions["model"] == "late_fusion") & (predictions["sample_id"] == "r000"))]
    with pytest.raises(InputError) as error:
        evaluate(short, verdict={"recommended": "early_fusion"}, **given)
    assert "late_fusion" in error.value.received


def test_regression_has_no_calibration():
    rng = np.random.default_rng(5)
    truth = rng.normal(size=50)
    tables = [
        prediction_frame((truth + rng.normal(size=50))[:, None], truth, IDS[:50], model=m["model"], seed=0, fold=0,
                         part="test", task="regression") for m in META
    ]  # fmt: skip
    result = evaluate(pd.concat(tables), verdict={"recommended": "late_fusion"}, task="regression", classes=(),
                      models=META)  # fmt: skip
    assert result["metric"] == "mae" and result["calibration"] is None and result["majority_rate"] is None
    assert set(result["models"][0]["metrics"]) == {"mae", "mse", "pearson"}
    assert len(list(combinations("ab", 2))) == len([s for s in modality_subsets("ab") if len(s) == 2])
