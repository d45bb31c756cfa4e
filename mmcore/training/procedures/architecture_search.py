"""MFAS: search which layers of which encoders a fusion should join, then train the network that was found.

    1. every encoder is trained alone with its modality, and frozen;
    2. iterations x levels times: extend the current architectures by every layer at this level; score them by the
       surrogate (at the very first step: train them all); draw `samples` of them by p_i ~ score_i^(1 / T); train
       these for a few epochs; teach the surrogate what they reached; lower T;
    3. the best architecture is trained again with all parameters, from the encoders of step 1.

Reference: Perez-Rua, Vielzeuf, Pateux, Baccouche, Jurie 2019, MFAS: multimodal fusion architecture search (CVPR).
Departs from the published code, which never does step 3, leaves encoders in training mode during the search (so that
the statistics of their normalisation drift), drops each encoder's first layer and repeats temperatures; and from the
paper in its budget, which is small by default: a thousand rows take seconds. Any number of modalities.
Where a level has more than `POOL` possible layers, or the first step more than `first` candidates, drawn ones are used.
The best of equals has fewest layers, then came first. Validation rows score candidates as well as epochs, so the
validation metric is optimistic, as after any search; test rows are never read.
A search that was killed trains none of its finished candidates again: each has a seed of its own, named after its
architecture, so its score does not depend on what was trained before it.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from mmcore.atomic import write_json
from mmcore.errors import InputError
from mmcore.models.fusions.searched import ACTIVATIONS, Architecture, SearchedFusion
from mmcore.models.randomness import seeded
from mmcore.seeds import stream, stream_seed
from mmcore.training.checkpoint import fit_key
from mmcore.training.devices import deterministic_algorithms
from mmcore.training.fitting import FitResult, fit
from mmcore.training.metrics import find_validation_metric
from mmcore.training.procedures.architectures import (
    START_TEMPERATURE,
    extensions,
    layer_choices,
    sampled,
    temperature,
)
from mmcore.training.procedures.candidates import CandidateOptions, Features, features_of, train_candidate
from mmcore.training.procedures.setting import Setting, read_setting
from mmcore.training.procedures.single import built
from mmcore.training.procedures.surrogate import Surrogate
from mmcore.training.targets import Part

if TYPE_CHECKING:
    from mmcore.training.methods import Training

POOL = 1000


@dataclass(frozen=True)
class Budget:
    """How much is searched: see `train`."""

    iterations: int
    levels: int
    samples: int
    first: int
    depth: int
    hidden: int
    activations: int
    candidate_epochs: int
    candidate_batch_size: int

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            if type(value) is not int or value < 1:
                raise InputError(name, value, "an integer, 1 or more", "Correct the value.")
        if self.activations > len(ACTIVATIONS):
            raise InputError("activations", self.activations, f"1 to {len(ACTIVATIONS)}", "Correct the value.")


def train(
    training: Training,
    *,
    iterations: int = 3,
    levels: int = 2,
    samples: int = 8,
    first: int = 32,
    depth: int = 3,
    hidden: int = 16,
    activations: int = 2,
    candidate_epochs: int = 7,
    candidate_batch_size: int = 32,
) -> FitResult:
    """Return the found network, trained; `details["search"]` holds the architecture and every score.

    Args:
        training: method, data and options; those of `fit` hold for the encoders alone and for the final training.
        iterations: times that the levels are gone through.
        levels: fusion layers at most.
        samples: architectures that are trained at each step.
        first: architectures that are trained at the first step, at most.
        depth: layers of each encoder to choose from.
        hidden: features of a fusion layer.
        activations: so many of `ACTIVATIONS` to choose from.
        candidate_epochs: of each candidate; 1, 3, 7, .. end with a cycle of the learning rate.
        candidate_batch_size: rows an update of a candidate.

    Raises:
        InputError: for a number out of range, or whatever `fit` refuses.
        NonFiniteLossError: when training diverges, with the batch's sample ids.
    """
    budget = Budget(
        iterations, levels, samples, first, depth, hidden, activations, candidate_epochs, candidate_batch_size
    )
    setting = read_setting(training)
    alone = {name: _encoder_alone(training, setting, budget, name) for name in training.modalities}
    models: list[SearchedFusion] = [result.model for result in alone.values()]  # type: ignore[misc]
    with deterministic_algorithms(setting.options.deterministic):
        record = _Search(training, setting, budget, models).run()
    architecture = record["architecture"]
    model = built(training, architecture=architecture, depth=depth, hidden=hidden)
    for encoder, trained in zip(model.encoders, models):  # type: ignore[arg-type]
        known = trained.encoders[0].state_dict()
        encoder.load_state_dict({name: known[name] for name in encoder.state_dict()})
    final = fit(
        model,
        training.ds,
        objective=training.method.objective,
        label=training.label,
        rows=training.rows,
        seed=training.seed,
        **training.fit,
    )
    pretrained = {name: result.best_metric for name, result in alone.items()}
    return dataclasses.replace(final, details={"pretrained": pretrained, "search": record})


def _encoder_alone(training: Training, setting: Setting, budget: Budget, name: str) -> FitResult:
    """Return the fit of one modality's layered encoder with a fusion layer of its own."""
    seed = stream_seed(training.seed, "pretraining", name)
    spec, choices = training.ds.spec.modality(name), dict(training.build.get("encoders") or {})
    own = {key: value for key, value in training.build.items() if key in ("width", "dropout")}
    arguments: dict[str, Any] = {**own, "depth": budget.depth, "hidden": budget.hidden}
    if name in choices:
        arguments["encoders"] = {name: choices[name]}
    with seeded(stream_seed(seed, "initialisation", training.method.model)):
        model = SearchedFusion([spec], setting.label.n_outputs, task=setting.label.task, **arguments)
    model.configuration = {  # type: ignore[assignment]
        "name": training.method.model,
        "modalities": [name],
        "label": setting.label.column,
        "seed": seed,
        "arguments": arguments,
    }
    place = None if setting.place is None else setting.place / f"pretraining-{name}"
    options = {**training.fit, "checkpoint_dir": place}
    return fit(model, training.ds, label=training.label, rows=training.rows, seed=seed, **options)


@dataclass(frozen=True)
class _Search:
    """The search over architectures on frozen encoders."""

    training: Training
    setting: Setting
    budget: Budget
    models: list[SearchedFusion]

    def run(self) -> dict[str, Any]:
        """Return the record: the best architecture, its score, and the steps."""
        budget, seed = self.budget, self.training.seed
        candidates = self._candidates()
        n_modalities = len(self.models)
        choices = layer_choices(
            n_modalities,
            budget.depth,
            budget.activations,
            at_most=POOL,
            generator=stream(seed, "search", "layers"),
        )
        surrogate = Surrogate(n_modalities + 1, seed=stream_seed(seed, "surrogate"))
        known: dict[Architecture, float] = {}
        current: list[Architecture] = [()]
        heat, steps = START_TEMPERATURE, []
        for step in range(budget.iterations * budget.levels):
            level = step % budget.levels
            generator = stream(seed, "search", step)
            found = extensions(current, level, choices)
            if step == 0:
                chosen = self._first(found, generator)
            else:
                chosen = sampled(found, surrogate.scores(found), heat, budget.samples, generator)
            scores = [candidates.score(architecture) for architecture in chosen]
            for architecture, score in zip(chosen, scores):
                known[architecture] = max(score, known.get(architecture, 0.0))
            surrogate.learn(known)
            current = chosen if step else sampled(chosen, scores, heat, budget.samples, generator)
            steps.append(
                {
                    "iteration": step // budget.levels,
                    "level": level,
                    "temperature": heat,
                    "candidates": len(found),
                    "trained": [[_listed(each), score] for each, score in zip(chosen, scores)],
                }
            )
            heat = temperature(step)
            self.setting.tell(step + 1, budget.iterations * budget.levels, max(known.values()))
        best = max(known, key=lambda each: (known[each], -len(each)))
        return {"architecture": _listed(best), "score": known[best], "evaluated": len(known), "steps": steps}

    def _first(self, found: list[Architecture], generator: np.random.Generator) -> list[Architecture]:
        if len(found) <= self.budget.first:
            return found
        return [found[index] for index in np.sort(generator.permutation(len(found))[: self.budget.first])]

    def _candidates(self) -> _Candidates:
        setting, ds, label = self.setting, self.training.ds, self.setting.label
        described = {
            "options": dataclasses.asdict(setting.options),
            "budget": dataclasses.asdict(self.budget),
            "dataset": [ds.spec.name, ds.spec.version, label.to_dict()],
            "device": setting.fabric.device.type,
        }
        key = fit_key(described, setting.parts, nn.ModuleList(self.models))
        task = setting.settings.task
        options = CandidateOptions(
            task=task,
            metric=find_validation_metric(setting.options.metric, task),
            outputs=label.n_outputs,
            hidden=self.budget.hidden,
            epochs=self.budget.candidate_epochs,
            batch_size=self.budget.candidate_batch_size,
            learning_rate=setting.options.learning_rate,
        )
        parts = [
            Features([features_of(model, ds, part)[0] for model in self.models], self._targets(part))
            for part in setting.parts
        ]
        place = None if setting.place is None else setting.place / f"search-{key[:20]}.json"
        return _Candidates(parts[0], parts[1], options, stream_seed(self.training.seed, "candidates"), place)

    def _targets(self, part: Part) -> torch.Tensor:
        """Return a part's labels on the device, a regression's with mean 0 and variance 1 over the training rows."""
        labels = part.labels
        if self.setting.label.task == "regression":
            train = self.setting.parts[0].labels
            labels = (labels - train.mean()) / train.std()
        first = next(self.models[0].parameters())
        targets = torch.from_numpy(labels).to(first.device)
        return targets.to(first.dtype) if targets.is_floating_point() else targets


class _Candidates:
    """Scores of architectures, each trained once; those on disk are never trained again."""

    def __init__(
        self, train: Features, valid: Features, options: CandidateOptions, seed: int, place: Path | None
    ) -> None:
        self.train, self.valid, self.options, self.seed, self.place = train, valid, options, seed, place
        stored = place is not None and place.exists()
        self.scores: dict[str, float] = (
            json.loads(place.read_text(encoding="utf-8")) if place is not None and stored else {}
        )

    def score(self, architecture: Architecture) -> float:
        """Return the validation score of an architecture, from disk where it has one there."""
        name = json.dumps(architecture)
        if name not in self.scores:
            seed = stream_seed(self.seed, name)
            self.scores[name] = train_candidate(architecture, self.train, self.valid, self.options, seed=seed)
            if self.place is not None:
                write_json(self.place, self.scores)
        return self.scores[name]


def _listed(architecture: Architecture) -> list[list[int]]:
    return [list(layer) for layer in architecture]
