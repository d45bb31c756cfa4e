"""`interplay leaderboard`: the models of every dataset that has results, ranked over datasets."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from mmcore.errors import InputError
from mmcore.evaluation.leaderboard import Leaderboard, leaderboard
from mmcore.evaluation.metrics import Metric, find_metric
from tasks.parameters import load_parameters
from tasks.places import Places

BEST_UNIMODAL = "best unimodal"
COLUMNS = ("model", "mean rank", "scaled mean", "wins")


def collected_scores(root: Path) -> tuple[pd.DataFrame, dict[str, Metric]]:
    """Return `dataset model value` on test rows, and the metric of each dataset.

    Of the unimodal models only the one that was best on validation rows takes part, as "best unimodal".
    """
    frames, metrics = [], {}
    for name in load_parameters(root).datasets:
        learn = Places(name, root).learn
        if not (learn / "scores.parquet").is_file():
            continue
        verdict = json.loads((learn / "verdict.json").read_text(encoding="utf-8"))
        metric = json.loads((learn / "evaluation.json").read_text(encoding="utf-8"))["metric"]
        table = pd.read_parquet(learn / "scores.parquet")
        models = json.loads((learn / "evaluation.json").read_text(encoding="utf-8"))["models"]
        whole = {entry["model"]: "+".join(entry["modalities"]) for entry in models}
        plain = table[
            table["noise"].isna() & table["seed"].isna() & (table["split"] == "test") & (table["metric"] == metric)
            & (table["subset"] == table["model"].map(whole))
        ].drop_duplicates("model")  # fmt: skip
        single = plain["model"].str.startswith("unimodal:")
        kept = plain[~single | (plain["model"] == verdict["best_unimodal"])].copy()
        kept.loc[kept["model"] == verdict["best_unimodal"], "model"] = BEST_UNIMODAL
        frames.append(kept[["dataset", "model", "value"]])
        metrics[name] = find_metric(metric)
    if not frames:
        raise InputError("results", "no dataset with results", "two or more", "Run 'interplay run' first.")
    return pd.concat(frames, ignore_index=True), metrics


def ranked(root: Path) -> tuple[Leaderboard, list[str]]:
    """Return the leaderboard of the models that every dataset has, and the names of those left out.

    Differences are compared as they are only where one metric between 0 and 1 is that of every dataset: two errors in
    units of their own, or an accuracy and an F1, have no common scale, and are scaled within each dataset.

    Raises:
        InputError: for fewer than two datasets with results, or two models that all of them have.
    """
    scores, metrics = collected_scores(root)
    counts = scores["model"].value_counts()
    everywhere = sorted(counts.index[counts == len(metrics)])
    left_out = sorted(set(counts.index) - set(everywhere))
    shared = scores[scores["model"].isin(everywhere)]
    alike = len({metric.name for metric in metrics.values()}) == 1 and all(m.fraction for m in metrics.values())
    directions = {name: metric.higher_is_better for name, metric in metrics.items()}
    return leaderboard(shared, directions, differences="raw" if alike else "scaled"), left_out


def leaderboard_rows(board: Leaderboard) -> list[list[str]]:
    """Return the rows of the table."""
    return [
        [e.model, f"{e.mean_rank:.2f}", "-" if e.scaled_mean is None else f"{e.scaled_mean:.2f}", f"{e.wins:.1f}"]
        for e in board.entries
    ]
