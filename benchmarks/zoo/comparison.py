"""One row measured: the reference's fidelity to its published time, and ours beside it.

Whether a reference is as slow as it should be is read from proportions. With L the time of a fixed `nn.LSTM` step
here and t the least time of a reference here, its relative time is t / L; the published table implies t' / L', where t'
is its least published time and L', which was not published, is inferred. The anchors are rows made of torch's own
layers only (late fusion on AV-MNIST, MIMIC and MOSI: convolutions, norms and GRUs in which nothing of ours could be
slow); the LSTM's step and theirs are taken to shrink alike from that machine to this one,

    L' = L * geometric mean over anchors of (t'_anchor / t_anchor).

A reference whose relative time is more than 30 % above the implied one is a defect of the reference, not a win of ours.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import numpy as np

from benchmarks.zoo.measurement import Step, Timing, lstm_step, peak_bytes, seconds
from benchmarks.zoo.published import PUBLISHED
from benchmarks.zoo.reference import reference_step
from benchmarks.zoo.rows import Row, draw

ANCHORS = ("LF AV-MNIST", "LF MIMIC", "LF MOSI")
ALLOWED_EXCESS = 1.3
LSTM_STEPS = 5


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What a row gave: seconds and peak bytes of both sides, and why ours is missing where it is.

    `published` is the reference's time with the loss that the published time includes; it differs for fusions alone.
    `lstm` is the LSTM's least time at each moment; all moments have as many steps.
    """

    row: Row
    reference: Timing
    reference_bytes: int
    published: Timing
    lstm: tuple[float, ...]
    ours: Timing | None = None
    ours_bytes: int | None = None
    reason: str = ""

    @property
    def ratio(self) -> float | None:
        """The reference's median time over ours."""
        return None if self.ours is None else self.reference.median / self.ours.median

    @property
    def relative(self) -> float:
        """The reference's least time over the LSTM's, of the moment where that is lowest: a slow one slows both."""
        moments = np.array_split(self.published.times, len(self.lstm))
        return float(min(times.min() / lstm for times, lstm in zip(moments, self.lstm)))

    def __add__(self, later: Comparison) -> Comparison:
        """Return the same row with the steps of another moment, too."""
        ours = None if self.ours is None or later.ours is None else self.ours + later.ours
        return dataclasses.replace(
            self,
            reference=self.reference + later.reference,
            published=self.published + later.published,
            lstm=self.lstm + later.lstm,
            ours=ours,
        )


def compare(row: Row, steps: int | None = None) -> Comparison:
    """Measure a row; `steps` replaces the row's own number."""
    from benchmarks.zoo.ours import NotThereError, our_step

    data, count = draw(row), steps or row.steps
    sides, reason = {"reference": reference_step(row, data)}, ""
    try:
        sides["ours"] = our_step(row, data)
    except NotThereError as missing:
        reason = str(missing)
    yardstick: dict[str, Step] = {"lstm": lstm_step()}
    before = seconds(yardstick, LSTM_STEPS)["lstm"].least
    times = seconds(sides, count, row.calls)
    if row.loss == "fusion":
        times |= seconds({"published": reference_step(row, data, as_published=True)}, count, row.calls)
    lstm = min(before, seconds(yardstick, LSTM_STEPS)["lstm"].least)
    held = {name: peak_bytes(side) for name, side in sides.items()}
    published = times.get("published", times["reference"])
    return Comparison(
        row, times["reference"], held["reference"], published, (lstm,), times.get("ours"), held.get("ours"), reason
    )


def published_lstm(found: Mapping[str, Comparison]) -> float | None:
    """Return the seconds of the LSTM's step on the machine of the published table; None without an anchor."""
    logs = [math.log(PUBLISHED[name].least / 1000 / found[name].relative) for name in ANCHORS if name in found]
    return math.exp(sum(logs) / len(logs)) if logs else None


def implied(name: str, lstm: float) -> float:
    """Return the relative time that the published table implies for a row."""
    return PUBLISHED[name].least / 1000 / lstm
