"""The table of samples: what each column must hold, and the parquet file it is stored in.

`sample_id` (unique), label columns (null where unlabelled), `split`, optional `fold` and `group`, `has_<modality>`.
The file carries no pandas metadata, so its bytes depend on the content alone and any reader sees plain columns.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mmcore.data.spec import SPLITS, DatasetSpec, LabelSpec
from mmcore.errors import InputError, counted, nearest_name, unknown_name

_LABEL_TYPES = {"classification": pa.string(), "regression": pa.float64(), "multilabel": pa.list_(pa.string())}


def sample_schema(spec: DatasetSpec, columns: list[str]) -> pa.Schema:
    """Return the columns of `samples.parquet` in their order, for those of fold and group that `columns` has."""
    fields = [pa.field("sample_id", pa.string())]
    fields += [pa.field(x.column, _LABEL_TYPES[x.task]) for x in spec.labels]
    fields.append(pa.field("split", pa.string()))
    fields += [pa.field(c, t) for c, t in (("fold", pa.int64()), ("group", pa.string())) if c in columns]
    fields += [pa.field(f"has_{m.name}", pa.bool_()) for m in spec.modalities]
    return pa.schema(fields)


def check_samples(samples: pd.DataFrame, spec: DatasetSpec) -> None:
    """Raise where the table breaks the contract.

    Raises:
        InputError: for a missing or unknown column, an id that is missing or twice, an unknown split, a sample without
            group, or a label outside its classes.
    """
    columns = list(samples.columns)
    wanted = sample_schema(spec, columns).names
    for column in wanted:
        if column not in columns:
            raise InputError("samples", f"no column '{column}'", ", ".join(wanted), "Add the column.")
    for column in columns:
        if column not in wanted:
            raise unknown_name("samples column", str(column), wanted)
    check_sample_ids(samples["sample_id"])
    check_split(samples["split"])
    for column in ("group", *(f"has_{m.name}" for m in spec.modalities)):
        if column in columns and samples[column].isna().any():
            row = samples["sample_id"][samples[column].isna()].iloc[0]
            raise InputError(column, f"nothing for sample '{row}'", "a value for every sample", "Fill the column.")
    for label in spec.labels:
        _check_classes(samples[label.column], label)


def check_sample_ids(ids: pd.Series) -> None:
    """Raise an `InputError` that names the ids that are missing or occur twice."""
    if ids.isna().any():
        row = int(np.flatnonzero(ids.isna())[0])
        raise InputError("sample_id", f"nothing in row {row}", "a unique name for every sample", "Name every sample.")
    repeated = ids[ids.duplicated()].unique()
    if len(repeated):
        names = ", ".join(f"'{r}'" for r in repeated[:5]) + (", ..." if len(repeated) > 5 else "")
        raise InputError("sample_id", f"more than once: {names}", "each id once", "Rename or remove the duplicates.")


def check_split(split: pd.Series) -> None:
    """Raise an `InputError` that names the first value that is not train, valid or test."""
    for value in split.unique():
        if value not in SPLITS:
            raise unknown_name("split", str(value), SPLITS)


def check_leakage(groups: pd.Series, parts: pd.Series, what: str) -> None:
    """Raise where a group lies in two parts.

    Args:
        groups: leakage unit of each sample.
        parts: split or fold of each sample; missing ones do not count.
        what: `split` or `fold`, for the message.

    Raises:
        InputError: naming the first such group and its parts.
    """
    placed = pd.DataFrame({"group": groups.to_numpy(), "part": parts.to_numpy()}).dropna()
    n_parts = placed.groupby("group", sort=True)["part"].nunique()
    leaking = n_parts[n_parts > 1]
    if len(leaking):
        group = leaking.index[0]
        found = ", ".join(str(p) for p in sorted(placed["part"][placed["group"] == group].unique()))
        more = f" and {len(leaking) - 1} more groups" if len(leaking) > 1 else ""
        received = f"group '{group}' in {found}{more}"
        raise InputError(what, received, f"each group in one {what}", "Move the whole group into one of them.")


def _check_classes(values: pd.Series, label: LabelSpec) -> None:
    if label.task == "regression":
        return
    found: set[str] = set()
    for value in values:
        if isinstance(value, str):
            found.add(value)
        elif isinstance(value, list):
            found.update(value)
    for name in sorted(found - set(label.classes or ())):
        near = nearest_name(name, label.classes or ())
        remedy = f"Did you mean '{near}'?" if near else "Correct the label, or add it to classes."
        raise InputError(label.column, f"'{name}'", ", ".join(label.classes or ()), remedy)


def write_samples(samples: pd.DataFrame, spec: DatasetSpec, path: Path) -> None:
    """Write the table to a parquet file whose bytes depend on the content alone.

    Raises:
        InputError: where the table breaks the contract.
    """
    check_samples(samples, spec)
    schema = sample_schema(spec, list(samples.columns))
    columns = [pa.array(samples[f.name], type=f.type, from_pandas=True) for f in schema]
    table = pa.Table.from_arrays(columns, schema=schema)
    pq.write_table(table, path, compression="zstd", row_group_size=1 << 16)


def read_samples(path: Path, spec: DatasetSpec) -> pd.DataFrame:
    """Return the table of a `samples.parquet`.

    Raises:
        InputError: for a missing or unreadable file, another row count, a column of another type, or a broken contract.
    """
    if not path.is_file():
        raise InputError(path.name, "no such file", f"a file in {path.parent}", "Write the dataset again.")
    try:
        table = pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(path.name, str(error), "a parquet file", "Write the dataset again.") from error
    if table.num_rows != spec.n_samples:
        allowed = f"{spec.n_samples} rows, as n_samples in dataset.json"
        raise InputError(path.name, counted(table.num_rows, "row"), allowed, "Write the dataset again.")
    columns = {}
    expected = sample_schema(spec, table.column_names)
    for name in table.column_names:
        column = table.column(name)
        if name in expected.names:
            wanted = expected.field(name).type
            try:
                column = column.cast(wanted)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
                raise InputError(f"samples column {name}", column.type, wanted, "Write the column anew.") from error
        columns[name] = _to_series(column, name)
    samples = pd.DataFrame(columns)
    check_samples(samples, spec)
    return samples


def _to_series(column: pa.ChunkedArray, name: str) -> pd.Series:
    if pa.types.is_list(column.type):
        return list_series(column.to_pylist(), name)
    if pa.types.is_string(column.type):
        return pd.Series(column.to_pylist(), name=name, dtype="str")
    if name == "fold":
        return pd.Series(column.to_pylist(), name=name, dtype="Int64")
    return column.to_pandas().rename(name)


def list_series(lists: list[list[str] | None], name: str) -> pd.Series:
    """Return a column of lists (None where unlabelled), also where all have the same length.

    Example:
        >>> list_series([["a"], ["b"]], "x").tolist()
        [['a'], ['b']]
    """
    values = np.empty(len(lists), dtype=object)
    for i, entry in enumerate(lists):
        values[i] = entry
    return pd.Series(values, name=name, dtype=object)
