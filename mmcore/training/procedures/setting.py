"""What a procedure with a loop of its own unpacks from a `Training`: checked options, the device, the task's loss."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmcore.errors import InputError, unknown_name
from mmcore.training.devices import fabric_for
from mmcore.training.loop import NonFiniteLossError
from mmcore.training.loss import ObjectiveSettings, read_objective
from mmcore.training.metrics import find_validation_metric
from mmcore.training.options import FitOptions
from mmcore.training.running import Progress
from mmcore.training.targets import Part, training_parts

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from mmcore.data import Dataset, LabelSpec
    from mmcore.training.methods import Training

_BESIDE = ("device", "devices", "checkpoint_dir", "checkpoint_seconds", "progress")


@dataclass(frozen=True)
class Setting:
    """The options of `fit` as a procedure uses them.

    Attributes:
        options: that decide the result, the fit's seed among them.
        fabric: of the device and precision.
        settings: the objective of the label's task.
        label: its specification.
        parts: labelled training and validation rows.
        place: where states are kept, or None.
        seconds: at most one write of a state in so many.
        progress: called with (epoch, epochs, metric), or None.
    """

    options: FitOptions
    fabric: Fabric
    settings: ObjectiveSettings
    label: LabelSpec
    parts: tuple[Part, Part]
    place: Path | None
    seconds: float
    progress: Progress | None

    @property
    def metric(self) -> str:
        """Name of the validation metric."""
        return find_validation_metric(self.options.metric, self.settings.task).name

    def tell(self, step: int, steps: int, metric: float) -> None:
        """Tell the caller how far a part of the procedure is."""
        if self.progress is not None:
            self.progress(step, steps, metric)


def read_setting(training: Training) -> Setting:
    """Return the setting of a training.

    Raises:
        InputError: for an unknown option or one out of range, several processes, or rows without labels.
    """
    decisive = [each.name for each in dataclasses.fields(FitOptions) if each.name != "seed"]
    given: dict[str, Any] = dict(training.fit)
    for name in given:
        if name not in (*decisive, *_BESIDE):
            raise unknown_name("fit_options", name, [*decisive, *_BESIDE])
    if given.get("devices", 1) != 1:
        allowed = f"1 for '{training.method.name}', whose loop is its own"
        raise InputError("devices", given["devices"], allowed, "Train it in one process.")
    options = FitOptions(seed=training.seed, **{name: given[name] for name in decisive if name in given})
    label = training.ds.spec.label(training.label)
    settings = read_objective(training.method.objective, label.task)
    place = given.get("checkpoint_dir")
    return Setting(
        options=options,
        fabric=fabric_for(given.get("device", "auto"), options.precision),
        settings=settings,
        label=label,
        parts=training_parts(training.ds, label, training.rows),
        place=None if place is None else Path(place),
        seconds=given.get("checkpoint_seconds", 1.0),
        progress=given.get("progress"),
    )


def diverged(ds: Dataset, part: Part, epoch: int, positions: np.ndarray) -> NonFiniteLossError:
    """Return the error for a batch, given by its positions in `part`, whose loss is not finite."""
    rows = part.rows[positions]
    return NonFiniteLossError(epoch, rows, [str(sample) for sample in ds.samples["sample_id"].iloc[rows]])
