"""Each encoder is first trained alone with its modality; then all are trained jointly from there.

    e_m <- argmin L(h_m(e_m(x_m)), y)  for every m;   then min over all of L(h(fusion(e_1, .., e_M)), y)

Reference: Du et al. 2023, On uni-modal feature learning in supervised multi-modal learning (ICML), section 4, which
finds that joint training alone leaves weaker modalities untrained; the two steps as in the official baselines of
Wang, Tran, Feiszli 2020 (CVPR), section 4 ("pre-training and fine-tuning").
Assumes a model put together from encoders and a fusion. Seeds of the pretraining are named after the modality, so that
of one does not depend on which others there are.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmcore.errors import InputError
from mmcore.models import build_model
from mmcore.seeds import stream_seed
from mmcore.training.fitting import FitResult, fit
from mmcore.training.procedures.single import built

if TYPE_CHECKING:
    from mmcore.training.methods import Training


def train(training: Training) -> FitResult:
    """Return the jointly tuned model; `details` holds what each modality reached alone."""
    model = built(training)
    encoders = getattr(model, "encoders", None)
    if encoders is None or not hasattr(model, "fusion"):
        raise InputError("model", training.method.model, "one of encoders and a fusion", "Pretrain a fusion model.")
    options = dict(training.fit)
    place = options.pop("checkpoint_dir", None)
    own = {key: value for key, value in training.build.items() if key in ("width", "dropout")}
    choices = dict(training.build.get("encoders") or {})
    alone: dict[str, Any] = {}
    for name, encoder in zip(training.modalities, encoders):
        seed = stream_seed(training.seed, "pretraining", name)
        chosen: dict[str, Any] = {"encoders": {name: choices[name]}} if name in choices else {}
        single = build_model(
            "unimodal", training.ds.spec, modality=name, label=training.label, seed=seed, **own, **chosen
        )
        result = fit(
            single,
            training.ds,
            label=training.label,
            rows=training.rows,
            seed=seed,
            checkpoint_dir=None if place is None else Path(place) / f"pretraining-{name}",
            **options,
        )
        encoder.load_state_dict(result.model.encoders[0].state_dict())  # type: ignore[index,union-attr]
        alone[name] = result.best_metric
    joint = fit(
        model,
        training.ds,
        objective=training.method.objective,
        label=training.label,
        rows=training.rows,
        seed=training.seed,
        checkpoint_dir=place,
        **options,
    )
    return dataclasses.replace(joint, details={"pretrained": alone})
