"""Gradient Blending: each modality's own loss beside the joint one, weighted by what it gains over what it overfits.

    min  sum_k w_k L_k,   streams k: every modality and all together,   w_k = G_k / (Z O_k^2) over a window of epochs

`offline`: each stream is trained alone from the initial weights for one window, then everything with those weights.
`online`: at the start of every super-epoch copies of the current model are trained, one a stream, for a window, and the
model itself then trains for as many epochs with the weights that these give.
Reference: Wang, Tran, Feiszli 2020, What makes training multi-modal classification networks hard? (CVPR), algorithms 1
and 2; see `blending` for the weights.
Held-out losses come from a share of the training rows that no stream is trained on: seeded, stratified by label, groups
never divided. Offline they are given back, so that the final training sees every training row, as other methods do.
Online they are not, because a stream that had trained on them would seem not to overfit later. Validation rows choose
the epoch and nothing else.
The model is an ordinary late fusion; the heads of its streams end with the training. Copies start with a fresh
optimizer; that of the model goes on through all super-epochs.
"""

from __future__ import annotations

import copy
import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmcore.atomic import write_json
from mmcore.data.split import split_rows
from mmcore.errors import InputError, unknown_name
from mmcore.models.cost import count_parameters
from mmcore.models.randomness import seeded
from mmcore.seeds import stream_seed
from mmcore.training.checkpoint import TrainingState, checkpoint_path, fit_key, read_state
from mmcore.training.devices import deterministic_algorithms
from mmcore.training.fitting import FitResult
from mmcore.training.loop import Learner, LearningPart, train_epoch
from mmcore.training.metrics import find_validation_metric
from mmcore.training.procedures.blending import POLICIES, blend_weights
from mmcore.training.procedures.setting import Setting, diverged, read_setting
from mmcore.training.procedures.single import built
from mmcore.training.procedures.streams import StreamLoss, stream_losses
from mmcore.training.running import Keeper, advance, described_fit, learner_for, on_device, prepare
from mmcore.training.targets import Part, training_parts

if TYPE_CHECKING:
    from mmcore.models.assembly import FusedModel
    from mmcore.training.methods import Training

MODES = ("offline", "online")
SUPER_EPOCHS = 3


def held_out_rows(training: Training, train: Part, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the training rows that streams are trained on, and those that they are judged on; both sorted.

    Raises:
        InputError: for a share outside (0, 1), or fewer than two groups.
    """
    if not 0.0 < share < 1.0:
        raise InputError("held_out", share, "a number in (0, 1)", "Give e.g. 0.2.")
    labels = train.labels
    if labels.ndim == 2 and training.ds.spec.label(training.label).task == "regression":
        labels = labels[:, 0]
    groups = None if training.ds.groups is None else training.ds.groups[train.rows]
    seed = stream_seed(training.seed, "held out")
    dealt = split_rows(labels, groups=groups, fractions=(1.0 - share, share, 0.0), seed=seed)
    return np.sort(train.rows[dealt == "train"]), np.sort(train.rows[dealt == "valid"])


def train(
    training: Training,
    *,
    mode: str = "offline",
    window: int | None = None,
    held_out: float = 0.2,
    policy: str = "relative",
) -> FitResult:
    """Return the late-fusion model; `details["blending"]` holds the weights and losses of every window.

    Args:
        training: method, data and options; `epochs` and `patience` are those of the final training.
        mode: `offline` or `online`.
        window: epochs of each stream's training (None: `epochs` offline, a third of them online); online also the
            length of a super-epoch.
        held_out: share of the training rows that the streams are judged on.
        policy: of `blend_weights`.

    Raises:
        InputError: for an unknown mode or policy, a window below 1, or whatever `fit` refuses.
        NonFiniteLossError: when training diverges, with the batch's sample ids.
    """
    if mode not in MODES:
        raise unknown_name("mode", mode, MODES)
    if policy not in POLICIES:
        raise unknown_name("policy", policy, POLICIES)
    setting = read_setting(training)
    if window is None:
        window = setting.options.epochs if mode == "offline" else -(-setting.options.epochs // SUPER_EPOCHS)
    if not isinstance(window, int) or isinstance(window, bool) or window < 1:
        raise InputError("window", window, "an integer, 1 or more", "Correct the value.")
    fitted, judged = held_out_rows(training, setting.parts[0], held_out)
    parts = training_parts(training.ds, setting.label, {"train": fitted, "valid": judged})
    blending = _Blending(training, setting, mode, window, held_out, policy, parts)
    with deterministic_algorithms(setting.options.deterministic):
        return blending.run()


@dataclass(frozen=True)
class _Blending:
    """One training by gradient blending; `parts` are the rows that streams are trained and judged on."""

    training: Training
    setting: Setting
    mode: str
    window: int
    held_out: float
    policy: str
    parts: tuple[Part, Part]

    def run(self) -> FitResult:
        """Weigh the streams, train them jointly from where a checkpoint stands, and return the best epoch."""
        train = self.setting.parts[0] if self.mode == "offline" else self.parts[0]
        learner = self._new_learner((train, self.setting.parts[1]))
        key = self._key(learner.loss, train)
        place = self.setting.place
        path = None if place is None else checkpoint_path(place, key)
        windows = _Windows(None if place is None else place / f"blending-{key[:20]}.json")
        state = TrainingState() if path is None else read_state(path, key, learner.loss, learner.optimizer)
        if self.mode == "offline":
            estimated = self._new_learner(self.parts)
            learner.loss.set_weights(self._weights(windows, 0, estimated))  # type: ignore[operator]
        if not state.finished:
            keeper = Keeper(path, key, self.setting.seconds, self.setting.progress)
            self._train_jointly(learner, train, state, keeper, windows)
        model = learner.loss.model
        model.load_state_dict(state.best_weights)
        return FitResult(
            model=model.eval(),
            history=tuple(state.history),
            metric=self.setting.metric,
            best_metric=state.best["metric"],
            best_epoch=state.best_epoch,
            checkpoint=path,
            n_parameters=count_parameters(model),
            seed=self.training.seed,
            details={"blending": self._details(windows)},
        )

    def _new_learner(self, parts: tuple[Part, Part]) -> Learner:
        """Return the untrained model with its heads, its statistics fitted on the first part."""
        model: FusedModel = built(self.training)  # type: ignore[assignment]
        if not hasattr(model, "encoders") or not hasattr(model, "fusion"):
            raise InputError("model", self.training.method.model, "one of encoders and a fusion", "Blend late fusion.")
        weight = prepare(model, self.training.ds, self.setting.label, parts)
        with seeded(stream_seed(self.training.seed, "stream heads")):
            loss = StreamLoss(model, self.setting.settings.task, loss_weight=weight)
        return learner_for(self.setting.fabric, loss, self.setting.options)  # type: ignore[arg-type]

    def _key(self, loss: Any, train: Part) -> str:
        setting = self.setting
        described = {
            **described_fit(
                setting.options, setting.settings, self.training.ds, setting.label, loss.model, setting.fabric
            ),
            "blending": [self.mode, self.window, self.held_out, self.policy],
        }
        return fit_key(described, (train, setting.parts[1], *self.parts), loss)

    def _train_jointly(
        self, learner: Learner, train: Part, state: TrainingState, keeper: Keeper, windows: _Windows
    ) -> None:
        ds, metric = self.training.ds, find_validation_metric(self.setting.options.metric, self.setting.settings.task)
        part, valid = (on_device(learner, ds, each) for each in (train, self.setting.parts[1]))
        current = -1
        with seeded(learner.options.seed, part.inputs.device):
            while not state.finished:
                epoch, segment = state.epoch + 1, state.epoch // self.window
                if self.mode == "online" and segment != current:
                    learner.loss.set_weights(self._weights(windows, segment, learner))  # type: ignore[operator]
                    current = segment
                loss, where = train_epoch(learner, part, epoch)
                if where is not None:
                    raise diverged(ds, train, epoch, where)
                losses, outputs = stream_losses(learner, valid)
                score = metric.score(outputs, valid.targets, losses[-1])
                entry = {"epoch": epoch, "loss": loss, "valid_loss": losses[-1], "metric": score}
                advance(state, entry, learner.loss.model, learner.options)
                keeper.after_epoch(state, learner)

    def _weights(self, windows: _Windows, segment: int, learner: Learner) -> list[float]:
        """Return the streams' weights from windows that start at the learner's current weights."""
        found = windows.found.setdefault(str(segment), {})
        if "weights" not in found:
            start = [on_device(learner, self.training.ds, part) for part in self.parts]
            found["start_train"], found["start_valid"] = (stream_losses(learner, part)[0] for part in start)
            ends = found.setdefault("ends", {})
            for stream in range(len(found["start_train"])):
                if str(stream) not in ends:
                    ends[str(stream)] = self._window(learner, segment, stream, (start[0], start[1]))
                    windows.write()
                self.setting.tell(self.window, self.window, -ends[str(stream)][1])
            found["end_train"] = [ends[str(stream)][0] for stream in range(len(ends))]
            found["end_valid"] = [ends[str(stream)][1] for stream in range(len(ends))]
            del found["ends"]
            four = {name: found[name] for name in ("start_train", "start_valid", "end_train", "end_valid")}
            found["weights"] = blend_weights(**four, policy=self.policy).tolist()
            windows.write()
        return found["weights"]

    def _window(
        self, learner: Learner, segment: int, stream: int, parts: tuple[LearningPart, LearningPart]
    ) -> list[float]:
        """Train a copy on one stream's loss alone; return its losses on the training and the held-out rows."""
        seed = stream_seed(self.training.seed, "window", segment, stream)
        options = dataclasses.replace(learner.options, seed=seed)
        alone: Any = copy.deepcopy(learner.loss)
        alone.set_weights([float(stream == each) for each in range(len(alone.weights))])
        apart = learner_for(self.setting.fabric, alone, options)
        with seeded(seed, parts[0].inputs.device):
            for epoch in range(1, self.window + 1):
                _, where = train_epoch(apart, parts[0], epoch)
                if where is not None:
                    raise diverged(self.training.ds, self.parts[0], epoch, where)
        return [stream_losses(apart, part)[0][stream] for part in parts]

    def _details(self, windows: _Windows) -> dict[str, Any]:
        return {
            "mode": self.mode,
            "window": self.window,
            "held_out": self.held_out,
            "policy": self.policy,
            "streams": [*self.training.modalities, "all"],
            "windows": [windows.found[segment] for segment in sorted(windows.found, key=int)],
        }


class _Windows:
    """What each window found, by the number of its super-epoch, on disk where a place is given."""

    def __init__(self, place: Path | None) -> None:
        self.place = place
        stored = place is not None and place.exists()
        self.found: dict[str, dict[str, Any]] = (
            json.loads(place.read_text(encoding="utf-8")) if place is not None and stored else {}
        )

    def write(self) -> None:
        """Write what was found to its place, if it has one."""
        if self.place is not None:
            write_json(self.place, self.found)
