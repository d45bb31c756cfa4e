"""What read-only commands show: datasets and their progress, a stored joint distribution, a directory's atoms."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from mmcore.errors import InputError
from tasks.parameters import load_parameters
from tasks.places import Places


def dataset_rows(root: Path) -> list[list[str]]:
    """Return a row for each dataset of `params.yaml`: name, reader, source, samples, verdict."""
    rows = []
    for name, block in load_parameters(root).datasets.items():
        places = Places(name, root)
        checks = _read(places.checks)
        verdict = _read(places.learn / "verdict.json")
        samples = f"{checks['n_accepted']:,}" if checks else "not prepared"
        found = verdict["verdict"].replace("_", " ") if verdict else "no verdict yet"
        rows.append([name, str(block.source.get("reader")), str(block.source.get("path")), samples, found])
    return rows


def _read(path: Path) -> dict[str, Any] | None:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def load_joint(path: Path) -> np.ndarray:
    """Return the array of an npy file.

    Raises:
        InputError: when the file is missing, is no npy file, or holds objects.
    """
    if not path.is_file():
        raise InputError("joint", f"no such file {path}", "an npy file of shape (|X1|, |X2|, |Y|)", "Correct the path.")
    remedy = "Write it with numpy.save(path, array), an array of plain numbers."
    try:
        joint = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        # numpy's own words advise to allow pickles, which run code
        raise InputError(
            "joint", f"{path}, which is no npy file or holds objects", "an npy file of numbers", remedy
        ) from error
    if not isinstance(joint, np.ndarray) or joint.dtype.kind not in "biuf":
        received = f"{path} of {joint.dtype}" if isinstance(joint, np.ndarray) else f"{path} with several arrays"
        raise InputError("joint", received, "an npy file of numbers", remedy)
    return joint


def estimate_directory(root: Path, directory: Path) -> dict[str, Any]:
    """Return the content of `estimate.json` for a dataset directory; needs no project, but uses its settings if any."""
    from mmcore.data import load_dataset
    from mmcore.information.pairs import estimate_dataset

    inside = (root / "params.yaml").is_file()
    parameters = load_parameters(root) if inside else None
    options = parameters.estimate.options if parameters else {}
    seed = parameters.seed if parameters else 0
    return estimate_dataset(load_dataset(directory), label=None, options=options, seed=seed)
