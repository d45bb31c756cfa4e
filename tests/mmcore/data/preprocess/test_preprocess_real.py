"""Real recordings: a linear model on the summary features finds what is known to be there."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, StratifiedKFold, cross_val_score

from mmcore.data import from_arrays
from mmcore.data.preprocess import fit_preprocessing

DATA = Path(__file__).resolve().parents[5] / "shared" / "data"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DATA.is_dir(), reason="the folder ../shared/data is not there"),
]


def accuracy(features, labels, folds, groups=None):
    model = LogisticRegression(max_iter=2000, C=0.1)
    return cross_val_score(model, features, labels, cv=folds, groups=groups).mean()


def test_force_tells_robot_failures_apart():
    with np.load(DATA / "robot_failures" / "robot_failures.npz") as content:
        first = content["task"] == 1
        force, labels = content["force"][first], content["y"][first]
    ds = from_arrays({"force": force}, labels=labels, name="robot", kinds={"force": "timeseries"}, seed=0)
    features = fit_preprocessing(ds, {}, seed=0).apply(ds)["force"]
    majority = np.bincount(labels).max() / len(labels)
    found = accuracy(features, labels, StratifiedKFold(5, shuffle=True, random_state=0))
    assert found > majority + 0.4  # 0.93 against 0.39


def test_scaling_within_persons_helps_to_see_stress_in_new_persons():
    with np.load(DATA / "stress_predict" / "stress_predict_30s.npz") as content:
        labels, persons = content["y"], content["subject"].astype(str)
        signals = {name: content[name].astype(np.float32) for name in ("acc", "eda", "hr", "temp")}
    kinds = dict.fromkeys(signals, "timeseries")
    ds = from_arrays(signals, labels=labels, name="stress", groups=persons, kinds=kinds, seed=0)
    found = {}
    for per_group in (False, True):
        out = fit_preprocessing(ds, {"timeseries": {"per_group": per_group}}, seed=0).apply(ds)
        features = np.hstack([out[name] for name in out.modalities])
        found[per_group] = accuracy(features, labels, GroupKFold(5), persons)
    assert found[True] > found[False] + 0.02
    assert found[True] > np.bincount(labels).max() / len(labels) + 0.04
