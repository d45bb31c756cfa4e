"""Preprocessing of a whole dataset: fitted on its training rows, stored as JSON and npz, applied to any rows.

Each modality goes through the transformer of its kind (`KINDS`). A transformer is fitted on the rows that are both in
the training part and present; rows of other parts, labels and absent rows have no influence. Absent rows come out as
zeros (ragged: no step) and stay absent. What happened is in `annotations["preprocessing"][modality]`.

With folds, some training rows of the split are rows that a fold tests. Centring and scaling a column does no harm then:
models standardise again on each fold's own training rows. What is more than that (imputed values, a vocabulary, its
weights and directions, constants of groups, a choice of the logarithm) has been fitted on rows that a fold tests,
without their labels, and no fold undoes it: the record then says `fitted_across_folds: true`, else false. It is absent
where no training row has a fold. Whether a step is more than scaling is `Kind.more_than_scaling`.
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

from mmcore.atomic import atomic_file, write_json
from mmcore.data.dataset import Array, Dataset, spec_of_array
from mmcore.data.preprocess.contract import Fitted, Output, Rows
from mmcore.data.preprocess.kinds import check_options, conflicts, kind_of, options_of
from mmcore.data.ragged import Ragged
from mmcore.data.spec import ModalitySpec
from mmcore.errors import InputError

FORMAT = 1
STATE_FILE, ARRAYS_FILE = "preprocessing.json", "preprocessing.npz"


@dataclass(frozen=True, eq=False)
class Step:
    """One modality's preprocessing: its kind, its complete options, the fitted state, and what comes out of it.

    `output` holds kind, columns, rate and the shape of one sample, so that rows which all lack the modality get
    zeros of the right shape.
    """

    modality: str
    kind: str
    options: dict[str, Any]
    fitted: Fitted
    output: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Preprocessing:
    """What was fitted, one step a modality.

    Example:
        >>> from mmcore.data import from_arrays
        >>> ds = from_arrays({"a": np.array([[1.0], [3.0]])}, labels=[0, 1], name="my", split=["train", "train"])
        >>> fit_preprocessing(ds, {}, seed=0).apply(ds)["a"].ravel().tolist()
        [-1.0, 1.0]
    """

    steps: tuple[Step, ...]

    def __repr__(self) -> str:
        return f"Preprocessing({', '.join(f'{s.modality}: {s.kind}' for s in self.steps)})"

    def apply(self, ds: Dataset) -> Dataset:
        """Return `ds` with every modality as float32 numbers.

        Args:
            ds: the dataset of the fit, or new rows with the same modalities and kinds.

        Raises:
            InputError: where modalities, kinds, columns or rates differ from the fit, or a value cannot be used.
        """
        fitted, given = {s.modality: s.kind for s in self.steps}, {m.name: m.kind for m in ds.spec.modalities}
        if fitted != given:
            remedy = "Give the modalities of the fit, or fit again."
            raise InputError("modalities", given, f"{fitted}, as in the fit", remedy)
        arrays, specs, records = {}, {}, {}
        folds = ds.folds
        folded = folds is not None and bool((folds[ds.rows("train")] >= 0).any())
        for step in self.steps:
            present = ds.presence(step.modality)
            rows = _rows(ds, step.modality, np.flatnonzero(present))
            output = _apply_step(step, rows) if len(rows) else _nothing(step, ds[step.modality])
            array = _among_absent(output.values, present)
            arrays[step.modality] = array
            specs[step.modality] = spec_of_array(step.modality, array, kind=output.kind, rate=output.rate, unit=None)
            records[step.modality] = _record(step, output, folded)
        # Names of the raw columns would no longer fit the arrays; those of the new ones are in the records.
        return ds.replace(arrays, specs=specs).annotate(preprocessing=records, columns={})

    def save(self, directory: str | Path) -> None:
        """Write `preprocessing.json` and `preprocessing.npz` into `directory`; the same state gives the same bytes."""
        folder = Path(directory)
        folder.mkdir(parents=True, exist_ok=True)
        arrays = {f"{s.modality}/{key}": value for s in self.steps for key, value in sorted(s.fitted.arrays.items())}
        with atomic_file(folder / ARRAYS_FILE) as aside, aside.open("wb") as content:
            np.savez(content, **arrays)  # type: ignore[arg-type]
        steps = [
            {
                "modality": step.modality,
                "kind": step.kind,
                "options": step.options,
                "settings": step.fitted.settings,
                "output": step.output,
            }
            for step in self.steps
        ]
        digest = hashlib.sha256((folder / ARRAYS_FILE).read_bytes()).hexdigest()
        write_json(folder / STATE_FILE, {"format": FORMAT, "arrays_sha256": digest, "steps": steps})


def fit_preprocessing(ds: Dataset, options: Mapping[str, Any], *, seed: int) -> Preprocessing:
    """Return the preprocessing of `ds`, fitted on its training rows that are present.

    Args:
        ds: the dataset.
        options: `{kind: {option: value}, modality: {option: value}}`; see `mmcore.data.preprocess.kinds.KINDS`.
        seed: the start vector of truncated SVD; nothing else draws.

    Raises:
        InputError: for the first problem of `options` (`check_options` lists all), a modality that no training row
            has, or values that cannot be used.
        NotBuiltYetError: for sets and graphs.
    """
    problems = check_options(options, {m.name: m.kind for m in ds.spec.modalities})
    for modality in ds.spec.modalities if not problems else ():
        kind_of(modality.kind, modality.name)
        # A kind's block and a modality's may contradict each other only once they are put together.
        problems += conflicts(modality.name, options_of(options, modality.name, modality.kind))
    if problems:
        raise problems[0]
    training = ds.rows("train")
    steps: list[Step] = []
    for modality in ds.spec.modalities:
        chosen = training[ds.presence(modality.name)[training]]
        if not len(chosen):
            remedy = "Put rows with this modality into the training part, or remove the modality."
            raise InputError(modality.name, "no training row that has it", "at least one", remedy)
        steps.append(_fit_step(ds, modality, chosen, options_of(options, modality.name, modality.kind), seed))
    return Preprocessing(tuple(steps))


def load_preprocessing(directory: str | Path) -> Preprocessing:
    """Return what `Preprocessing.save` wrote.

    Raises:
        InputError: where a file is missing, of another format, or not the one that was saved.
    """
    folder = Path(directory)
    for name in (STATE_FILE, ARRAYS_FILE):
        if not (folder / name).is_file():
            raise InputError("directory", f"no {name} in {folder}", "a saved preprocessing", "Run prepare again.")
    try:
        state = json.loads((folder / STATE_FILE).read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise InputError(STATE_FILE, str(error), "valid JSON", "Run prepare again.") from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        received = state.get("format") if isinstance(state, dict) else type(state).__name__
        raise InputError(STATE_FILE, f"format {received}", f"format {FORMAT}", "Fit the preprocessing again.")
    if hashlib.sha256((folder / ARRAYS_FILE).read_bytes()).hexdigest() != state["arrays_sha256"]:
        raise InputError(ARRAYS_FILE, "other content", f"the file {STATE_FILE} names", "Run prepare again.")
    with np.load(folder / ARRAYS_FILE, allow_pickle=False) as content:
        arrays = {key: content[key] for key in content.files}
    steps = []
    for entry in state["steps"]:
        start = f"{entry['modality']}/"
        own = {key[len(start) :]: value for key, value in arrays.items() if key.startswith(start)}
        fitted = Fitted(entry["settings"], own)
        steps.append(Step(entry["modality"], entry["kind"], entry["options"], fitted, entry["output"]))
    return Preprocessing(tuple(steps))


def _rows(ds: Dataset, name: str, chosen: np.ndarray) -> Rows:
    array, spec, groups = ds[name], ds.spec.modality(name), ds.groups
    declared = (ds.spec.annotations.get("columns") or {}).get(name)
    return Rows(
        name,
        spec.kind,
        array.select(chosen) if isinstance(array, Ragged) else array[chosen],
        spec.rate,
        None if declared is None else tuple(declared),
        None if groups is None else groups[chosen],
        ds.samples["sample_id"].astype(str).to_numpy()[chosen].tolist(),
    )


def _fit_step(ds: Dataset, modality: ModalitySpec, chosen: np.ndarray, options: dict[str, Any], seed: int) -> Step:
    fitted = kind_of(modality.kind, modality.name).fit(_rows(ds, modality.name, chosen), options, seed)
    unknown = Step(modality.name, modality.kind, options, fitted, {})
    example = _apply_step(unknown, _rows(ds, modality.name, chosen[:1]))
    values = example.values
    shape = values.sample_shape if isinstance(values, Ragged) else values.shape[1:]
    output = {"kind": example.kind, "shape": list(shape), "columns": list(example.columns), "rate": example.rate}
    return dataclasses.replace(unknown, output=output)


def _nothing(step: Step, array: Array) -> Output:
    """What comes out where no row has the modality: no row, of the shape that the fit gave."""
    kind, columns, rate = step.output["kind"], tuple(step.output["columns"]), step.output["rate"]
    if step.output["shape"][0] is None:
        times = np.zeros((0, 2)) if isinstance(array, Ragged) and array.times is not None else None
        flat = np.zeros((0, *step.output["shape"][1:]), dtype=np.float32)
        return Output(Ragged(flat, np.zeros(1, dtype=np.int64), times), kind, columns, rate)
    return Output(np.zeros((0, *step.output["shape"]), dtype=np.float32), kind, columns, rate)


def _apply_step(step: Step, rows: Rows) -> Output:
    """Apply one step; what does not fit in float32 is an error, never an infinity."""
    with np.errstate(over="ignore"):
        output = kind_of(step.kind, step.modality).apply(step.fitted, rows, step.options)
    values = output.values.values if isinstance(output.values, Ragged) else output.values
    finite = np.isfinite(values)
    if not finite.all():
        column = output.columns[int(np.argwhere(~finite)[0][-1]) % len(output.columns)]
        received = f"a value of {column} beyond the range of float32"
        raise InputError(step.modality, received, "values below 3.4e38 after scaling", "Use scaling: standard.")
    return output


def _among_absent(values: Array, present: np.ndarray) -> Array:
    """The present rows at their places among zeros (ragged: among empty sequences)."""
    if present.all():
        return values
    if isinstance(values, Ragged):
        lengths = np.zeros(len(present), dtype=np.int64)
        lengths[present] = values.lengths
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        return Ragged(values.values, offsets, values.times)
    spread = np.zeros((len(present), *values.shape[1:]), dtype=values.dtype)
    spread[present] = values
    return spread


def _record(step: Step, output: Output, folded: bool) -> dict[str, Any]:
    across = kind_of(step.kind, step.modality).more_than_scaling(step.fitted, output.record, step.options)
    return {
        "kind": step.kind,
        "output_kind": output.kind,
        "options": step.options,
        "columns": list(output.columns),
        **output.record,
        **({"fitted_across_folds": across} if folded else {}),
    }
