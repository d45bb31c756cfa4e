"""Smartwatch: 140 recordings of seven shoulder exercises by ten people, wrist accelerometer and gyroscope at 50 Hz.

Source: PyPI seglearn 1.2.5 (BSD-3), one object pickle of lists and arrays, read through the restricted unpickler.
Reference: Burns et al., Shoulder physiotherapy exercise recognition, Physiological Measurement 39 (2018) 075007,
arXiv:1802.01489. Acceleration is in g, rotation in rad/s. Two recordings for each person and exercise, one per arm.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mmcore.atomic import atomic_file
from mmcore.data.embedded.carriers import Carrier
from mmcore.data.unpickle import load_object_npy
from mmcore.errors import InputError

CARRIER = Carrier(
    "seglearn",
    (1, 2, 5),
    "whose data were not checked",
    "seglearn/data/watch_dataset.npy",
    "eb122f23cdf06ef6bd6c6c5312958ec5cf9d038e2e6d457b8081662c75a42537",
)
FILE = "recordings.npz"
AXES = ("ax", "ay", "az", "wx", "wy", "wz")
RATE = 50.0


def write(carrier: Path, target: Path) -> None:
    """Write `recordings.npz` into `target` from the carrier's pickle.

    Keys: `accelerometer_values`, `gyroscope_values` (total, 3) float32, `offsets` (141,), `exercise`, `person` (140,)
    text, `arm` (140,) text, `rate` () in Hz. The same carrier gives the same bytes.

    Raises:
        InputError: where the pickle is refused or its layout is another one.
    """
    content = load_object_npy(carrier).item()
    if not isinstance(content, dict) or tuple(content.get("X_labels", ())) != AXES:
        received = content.get("X_labels") if isinstance(content, dict) else type(content).__name__
        raise InputError("X_labels", received, ", ".join(AXES), "Reinstall the package; its file is another one.")
    recordings = [np.asarray(recording) for recording in content["X"]]
    values = np.concatenate(recordings).astype(np.float32)
    if values.shape[1] != len(AXES) or not np.isfinite(values).all():
        raise InputError("X", f"shape {values.shape}", f"finite numbers of {len(AXES)} axes", "Reinstall the package.")
    names = np.array(content["y_labels"], dtype=str)
    with atomic_file(target / FILE) as aside, aside.open("wb") as file:
        np.savez(
            file,
            accelerometer_values=values[:, :3],
            gyroscope_values=values[:, 3:],
            offsets=np.concatenate([[0], np.cumsum([len(r) for r in recordings])]).astype(np.int64),
            exercise=names[np.asarray(content["y"])],
            person=np.array([f"person {int(p):02d}" for p in content["subject"]], dtype=str),
            arm=np.where(np.asarray(content["side"]) == 1, "right", "left"),
            rate=np.array(RATE),
        )
