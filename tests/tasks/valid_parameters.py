"""A small project: parameters that are valid, for tests to break one thing at a time."""

from __future__ import annotations

from typing import Any

PARAMETERS: dict[str, Any] = {
    "seed": 7,
    "datasets": {
        "films": {
            "source": {
                "reader": "npz", "path": "data/raw/films.npz", "label": "fresh",
                "modalities": {"sound": {"kind": "tabular"}, "sight": {"kind": "tabular"}},
            },
        },
    },
    "validate": {
        "max_quarantine_share": 0.1, "min_class_rows": 10, "max_missing_share": 0.5, "max_class_imbalance": 3.0,
        "max_drift": 0.5, "max_label_drift": 0.05, "max_missing_drift": 0.1, "data_docs": False,
    },
    "preprocess": {},
    "estimate": {
        "method": "clusters", "clusters": "auto", "max_clusters": 20, "components": 5, "n_folds": 5, "n_boot": 20,
        "level": 0.95, "label_bins": 4, "compare": [], "rows": "all", "n_null": 20, "solver": "auto", "tol": 1e-9,
        "max_gap": 1e-6, "max_residual": 1e-6, "min_rows_per_cell": 1.0, "too_few_rows": "fail",
        "discretiser": "kmeans", "rows_per_cell": 5.0, "correction": "matched", "interval": "bias_aware",
        "max_bias_share": 0.5,
    },
    "select": {"top": 1, "budget": None, "bank": True, "advice": None},
    "train": {
        "models": [], "encoders": {}, "metric": "auto", "tune_trials": 0, "retrain_subsets": None, "devices": 1,
        "compile": False, "deterministic": False,
        "seeds": [0, 1], "epochs": 2, "batch_size": 16, "learning_rate": 0.01, "weight_decay": 0.1, "patience": 2,
        "width": 8, "dropout": 0.1, "modality_dropout": 0.1, "device": "auto", "precision": "32-true", "threads": 1,
        "workers": 1,
    },
    "evaluate": {
        "level": 0.95, "metric": "auto", "min_gain": 0.0, "interval": "leave_one_out", "metric_tags": [],
        "noise_levels": [0.5, 1.0], "noise_models": "deciding",
        "noise_seeds": 1, "coverage": 0.9, "slices": [],
    },
    "explain": {
        "n_repeats": 2, "interactions": "proposed", "atom_rows": 1000, "n_boot": 10, "masked_rows": 20,
        "masked_draws": 5,
    },
    "report": {"pdf": False},
    "schedule": {
        "cron": "0 3 * * *", "timezone": "UTC", "datasets": [], "publish": ".interplay/published", "push": False,
        "lock_timeout_s": 5,
    },
}  # fmt: skip
