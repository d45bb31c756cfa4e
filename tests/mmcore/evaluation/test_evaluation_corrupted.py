"""Outputs under noise: equal to corrupting by hand, flat where a modality is not used, level / k for k at once."""

import numpy as np
import pytest

from mmcore.data import from_arrays
from mmcore.data.corruption import corrupt
from mmcore.errors import InputError
from mmcore.evaluation.corrupted import LEVELS, predict_corrupted
from mmcore.evaluation.predictions import prediction_frame, read_predictions
from mmcore.evaluation.robustness import performance_curve, relative_robustness, robustness


def planted(n=600):
    """The label is the sign of a; b is a noisy copy."""
    rng = np.random.default_rng(0)
    a = rng.normal(size=(n, 1))
    b = a + 0.7 * rng.normal(size=(n, 1))
    return from_arrays({"a": a, "b": b}, labels=(a[:, 0] > 0).astype(int), seed=0, name="planted")


def logits(*weights):
    def predict(ds, rows):
        z = sum(w * ds[m][rows, 0] for m, w in zip("ab", weights, strict=True))
        return np.stack([-z, z], axis=1)

    return predict


def curve(ds, predict, modalities, model, **options):
    rows = ds.rows("test")
    found = {}
    for level, outputs in predict_corrupted(predict, ds, rows, modalities, seed=0, **options).items():
        ids = ds.samples["sample_id"].to_numpy(str)[rows]
        frame = prediction_frame(outputs, ds.labels()[rows], ids, model=model, seed=0, fold=0, part="test",
                                 task="classification", classes=["0", "1"])  # fmt: skip
        found[level] = read_predictions(frame, model, task="classification", classes=["0", "1"], part="test")
    return performance_curve(found, "accuracy", noise=f"{modalities}")


def test_a_modality_that_is_not_used_leaves_a_flat_curve():
    ds = planted()
    flat = curve(ds, logits(1.0, 0.0), "b", "unimodal:a")
    assert set(flat.values) == {1.0} and relative_robustness(flat) == pytest.approx(1.0)
    falling = curve(ds, logits(1.0, 0.0), "a", "unimodal:a")
    assert falling.values[0] == 1.0 and falling.values[-1] < 0.8


def test_fusing_a_copy_is_effectively_robust_to_noise_in_the_other():
    ds = planted()
    alone = curve(ds, logits(1.0, 0.0), "a", "late_fusion")  # stands in for the model it is compared with
    both = curve(ds, logits(1.0, 1.0), "a", "early_fusion")
    assert robustness(both, alone).effective > 0.3 and robustness(alone, alone).effective == 0.0


def test_outputs_are_those_of_corrupting_the_whole_dataset():
    ds, rows = planted(60), np.array([5, 40, 3])
    outputs = predict_corrupted(logits(1.0, 0.5), ds, rows, ["a", "b"], seed=3, methods={"a": "gaussian"})
    assert tuple(outputs) == LEVELS
    for level in (0.0, 0.3, 1.0):
        noisy = corrupt(corrupt(ds, "a", level / 2, seed=3, method="gaussian"), "b", level / 2, seed=3)
        assert np.array_equal(outputs[level], logits(1.0, 0.5)(noisy, rows))


@pytest.mark.parametrize(
    "change",
    [
        {"modalities": "c"},
        {"modalities": []},
        {"modalities": ["a", "a"]},
        {"levels": (0.1, 0.2)},
        {"levels": ()},
        {"levels": (0.0, 0.2, 0.1)},
        {"levels": (0.0, 1.2)},
        {"methods": {"a": "typos"}, "levels": (0.0, 0.5)},
        {"methods": {"c": "gaussian"}},
        {"predict": lambda ds, rows: np.zeros(len(rows))},
    ],
)
def test_bad_input_is_refused(change):
    given = {
        "predict": logits(1.0, 0.0),
        "ds": planted(60),
        "rows": np.arange(4),
        "modalities": "a",
        "seed": 0,
        **change,
    }
    with pytest.raises(InputError):
        predict_corrupted(given.pop("predict"), given.pop("ds"), given.pop("rows"), given.pop("modalities"), **given)
