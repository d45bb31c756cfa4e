"""An alignment as something that is fitted, stored and applied again: `align_dataset` in two steps.

Two methods learn from train rows: `correlation` its projections, and `lag` with scope "dataset" one lag a modality. An
`Alignment` holds these, so that new rows get what the old ones got. All other methods learn nothing: they work on each
row by itself (transport over rows: on each part), and applying them means doing them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmcore.align.correlation import CanonicalCorrelation
from mmcore.align.lag import Lag
from mmcore.align.methods import check_alignment, method_named
from mmcore.align.sequences import check_reference
from mmcore.atomic import write_json
from mmcore.data import Dataset
from mmcore.errors import InputError

FORMAT = 1
STATE_FILE, CORRELATION_FILE = "alignment.json", "correlation.npz"
Learned = CanonicalCorrelation | Mapping[str, Lag] | None


@dataclass(frozen=True, eq=False)
class Alignment:
    """A fitted alignment.

    Attributes:
        method, reference: as given.
        options: all of the method's.
        modalities: name -> kind, in the dataset of the fit.
        learned: `CanonicalCorrelation`; the lag of each modality (in steps); or None where nothing is learned.
    """

    method: str
    reference: str | None
    options: Mapping[str, Any]
    modalities: Mapping[str, str]
    learned: Learned = None

    def __repr__(self) -> str:
        return f"Alignment({self.method}, {'fitted on train rows' if self.learned is not None else 'nothing fitted'})"

    def apply(self, ds: Dataset) -> tuple[Dataset, dict[str, Any]]:
        """Return the dataset aligned, and the record of what was done to each modality, as `align_dataset` does.

        Args:
            ds: the dataset of the fit, or other rows with the same modalities and kinds.

        Raises:
            InputError: where modalities or kinds differ from the fit, or what the method refuses.
        """
        given = {spec.name: spec.kind for spec in ds.spec.modalities}
        if given != dict(self.modalities):
            raise InputError("modalities", given, f"{dict(self.modalities)}, as in the fit",
                             "Give the modalities of the fit, or fit again.")  # fmt: skip
        chosen = method_named(self.method)
        learned = {} if self.learned is None else {"fitted": self.learned}
        aligned, records = chosen.function(ds, self.reference, **self.options, **learned)
        ordered = {name: records[name] for name in ds.modalities}
        record = {"method": self.method, "reference": self.reference, "options": dict(self.options)}
        return aligned, {**record, "modalities": ordered}

    def save(self, directory: str | Path) -> None:
        """Write `alignment.json`, and `correlation.npz` where there is one; the same state gives the same bytes."""
        folder = Path(directory)
        folder.mkdir(parents=True, exist_ok=True)
        content: dict[str, Any] = {
            "format": FORMAT, "method": self.method, "reference": self.reference, "options": dict(self.options),
            "modalities": dict(self.modalities), "order": list(self.modalities),
        }  # fmt: skip
        if isinstance(self.learned, CanonicalCorrelation):
            self.learned.save(folder / CORRELATION_FILE)
            content["correlation_sha256"] = hashlib.sha256((folder / CORRELATION_FILE).read_bytes()).hexdigest()
        else:
            (folder / CORRELATION_FILE).unlink(missing_ok=True)  # of an earlier fit: nobody may take it for this one's
            if self.learned is not None:
                content["lags"] = {name: _lag_content(lag) for name, lag in self.learned.items()}
        write_json(folder / STATE_FILE, content)


def fit_alignment(ds: Dataset, *, method: str = "none", reference: str | None = None, **options: Any) -> Alignment:
    """Return the alignment of `ds`, with what its method learns from train rows.

    `align_dataset(ds, **block)` is `fit_alignment(ds, **block).apply(ds)`.

    Args:
        ds: any dataset.
        method: a name of `METHODS`.
        reference: the modality that the others are aligned to, for the methods that need one.
        options: of the method; missing ones take their default.

    Raises:
        InputError: for unknown names, options of another type, a missing reference, or what the method refuses.

    Example:
        >>> from mmcore.data import from_arrays
        >>> ds = from_arrays({"a": np.eye(4), "b": np.ones((4, 2))}, labels=[0, 1, 0, 1], name="my", seed=0)
        >>> fit_alignment(ds)
        Alignment(none, nothing fitted)
    """
    chosen = method_named(method)
    if chosen.needs_reference or reference is not None:
        check_reference(ds, method, reference)
    problems = check_alignment({"method": method, "reference": reference, **options}, ds.modalities)
    if problems:
        raise problems[0]
    full = {name: options.get(name, option.default) for name, option in chosen.options.items()}
    learned = None if chosen.fit is None else chosen.fit(ds, reference, **full)
    return Alignment(method, reference, full, {spec.name: spec.kind for spec in ds.spec.modalities}, learned)


def align_dataset(
    ds: Dataset, *, method: str = "none", reference: str | None = None, **options: Any
) -> tuple[Dataset, dict[str, Any]]:
    """Return the dataset aligned by `method`, and the record of what was done to each modality.

    Args:
        ds: any dataset; it is not changed.
        method: a name of `METHODS`.
        reference: the modality that the others are aligned to, for the methods that need one.
        options: of the method, see its `options`; missing ones take their default.

    Returns:
        the dataset, and `{method, reference, options, modalities: {name: {operation, detail, ...}}}`, JSON-able.

    Raises:
        InputError: for unknown names, options of another type, a missing reference, static data where the method needs
            steps, or what the method refuses.

    Example:
        >>> from mmcore.data import from_arrays
        >>> ds = from_arrays({"a": np.eye(4), "b": np.ones((4, 2))}, labels=[0, 1, 0, 1], name="my", seed=0)
        >>> align_dataset(ds)[1]["modalities"]["a"]["operation"]
        'static'
    """
    return fit_alignment(ds, method=method, reference=reference, **options).apply(ds)


def load_alignment(directory: str | Path) -> Alignment:
    """Return what `Alignment.save` wrote.

    Raises:
        InputError: where a file is missing, of another format, or not the one that was saved.
    """
    folder = Path(directory)
    if not (folder / STATE_FILE).is_file():
        raise InputError("directory", f"no {STATE_FILE} in {folder}", "a saved alignment", "Run prepare again.")
    try:
        state = json.loads((folder / STATE_FILE).read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise InputError(STATE_FILE, str(error), "valid JSON", "Run prepare again.") from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        received = state.get("format") if isinstance(state, dict) else type(state).__name__
        raise InputError(STATE_FILE, f"format {received}", f"format {FORMAT}", "Fit the alignment again.")
    learned: Learned = None
    if "correlation_sha256" in state:
        path = folder / CORRELATION_FILE
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != state["correlation_sha256"]:
            raise InputError(CORRELATION_FILE, "other content or none", f"the file {STATE_FILE} names",
                             "Run prepare again.")  # fmt: skip
        learned = CanonicalCorrelation.load(path)
    elif "lags" in state:
        learned = {name: _lag_of(content) for name, content in state["lags"].items()}
    modalities = {name: state["modalities"][name] for name in state["order"]}
    return Alignment(state["method"], state["reference"], state["options"], modalities, learned)


def _lag_content(lag: Lag) -> dict[str, Any]:
    fields = {field.name: getattr(lag, field.name) for field in dataclasses.fields(lag)}
    return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in fields.items()}


def _lag_of(content: Mapping[str, Any]) -> Lag:
    lags, correlation = np.array(content["lags"]), np.array(content["correlation"], dtype=np.float64)
    refusals = tuple(content["refusals"])
    return Lag(**{**content, "refusals": refusals, "lags": lags, "correlation": correlation})
