"""`interplay leaderboard` ranks what every dataset has, by test scores of all modalities and no noise."""

from __future__ import annotations

import json
import shutil

import pandas as pd
import pytest
from projects import ROOT

from flows.leaderboard import BEST_UNIMODAL, collected_scores, ranked
from mmcore.errors import InputError

VALUES = {"planted": {"unimodal:alpha": 0.5, "unimodal:beta": 0.6, "late_fusion": 0.7, "early_fusion": 0.9},
          "movies": {"unimodal:critic": 0.8, "late_fusion": 0.7, "early_fusion": 0.75, "mult": 0.99}}  # fmt: skip
BEST = {"planted": "unimodal:alpha", "movies": "unimodal:critic"}


def results(root, names=tuple(VALUES), metric="accuracy"):
    shutil.copy(ROOT / "params.yaml", root)
    for name in names:
        learn = root / "results" / name / "learn"
        learn.mkdir(parents=True)
        models = [{"model": m, "modalities": [m.partition(":")[2]] if ":" in m else ["x", "y"]} for m in VALUES[name]]
        (learn / "verdict.json").write_text(json.dumps({"best_unimodal": BEST[name]}))
        (learn / "evaluation.json").write_text(json.dumps({"metric": metric, "models": models}))
        common = {"dataset": name, "seed": None, "split": "test", "noise": None, "metric": metric}
        rows = [
            {**common, "model": e["model"], "subset": "+".join(e["modalities"]), "value": VALUES[name][e["model"]]}
            for e in models
        ]
        masked = [{**rows[-1], "subset": "x", "value": 0.0}, {**rows[-1], "noise": "x", "value": 0.0}]
        pd.DataFrame(rows + masked).to_parquet(learn / "scores.parquet")
    return root


def test_only_the_best_unimodal_of_validation_takes_part(tmp_path):
    scores, metrics = collected_scores(results(tmp_path))
    found = {(row.dataset, row.model): row.value for row in scores.itertuples()}
    assert found["planted", BEST_UNIMODAL] == 0.5 and found["movies", BEST_UNIMODAL] == 0.8
    assert not any(model.startswith("unimodal:") for _, model in found)
    assert {name: metric.name for name, metric in metrics.items()} == {"planted": "accuracy", "movies": "accuracy"}


def test_ranks_are_over_models_that_every_dataset_has(tmp_path):
    """planted: early, late, single; movies: single, early, late. Mean ranks 1.5, 2.5 and 2."""
    board, left_out = ranked(results(tmp_path))
    assert {e.model: e.mean_rank for e in board.entries} == {
        "early_fusion": 1.5,
        "late_fusion": 2.5,
        BEST_UNIMODAL: 2.0,
    }
    assert left_out == ["mult"]


def test_without_results_it_says_what_to_do(tmp_path):
    shutil.copy(ROOT / "params.yaml", tmp_path)
    with pytest.raises(InputError, match="interplay run"):
        ranked(tmp_path)
    with pytest.raises(InputError, match="two or more"):
        ranked(results(tmp_path, ("movies",)))


def test_errors_in_units_of_their_own_are_scaled_before_they_are_compared(tmp_path):
    assert ranked(results(tmp_path, metric="mae"))[0].differences == "scaled"
    shutil.rmtree(tmp_path / "results")
    assert ranked(results(tmp_path))[0].differences == "raw"
