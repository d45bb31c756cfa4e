"""Read a dataset from one csv or parquet table: one row a sample, a group of columns a modality.

Text modalities join their columns; tabular ones are numbers, then one column a value of each category (one-hot), then
one a member of each comma list (multi-hot). Vocabularies hold the values most frequent in the train rows; any other
value counts in the column `<name>: other`, and nothing at all is a row of zeros. A row in which every column of a
modality is null lacks the modality. Column names are recorded in the dataset's annotations.

A csv is read as text throughout and converted here, so that an id `007` stays an id and a director named `None` exists.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from mmcore.data import Dataset
from mmcore.data.formats.files import source_path
from mmcore.data.formats.label_rows import label_names
from mmcore.data.formats.options import KIND, RATE, UNIT, Option
from mmcore.data.formats.rows import Modality, build, kept_rows, read_rows
from mmcore.data.formats.table_rows import MISSING, as_numbers, number_columns, raise_problems, table_problems
from mmcore.data.labels import class_name
from mmcore.errors import InputError, unknown_name

OPTIONS: tuple[Option, ...] = ()
MODALITY_KINDS = ("tabular", "text", "timeseries", "embedding")
MODALITY_OPTIONS = (
    KIND,
    Option("columns", "names", "the columns, of numbers or of text"),
    Option("prefix", "text", "take every column whose name starts with this"),
    Option("categories", "names", "columns of categories: one-hot"),
    Option("lists", "names", "columns of lists parted by commas: multi-hot"),
    Option("max_categories", "count", "how many values of a category or list get a column of their own (default 30)"),
    Option("log", "names", "columns of numbers to read as log(1 + x)"),
    Option("presence", "name or names", "present where one of these columns holds something (default: all of its own)"),
    Option("separator", "text", "what to put between joined texts (default ' ; ')"),
    Option("max_characters", "count", "cut joined texts to this length (default: none)"),
    RATE,
    UNIT,
)
_COLUMN_OPTIONS = ("columns", "categories", "lists", "log", "presence")


def read_table(source: Mapping[str, Any], root: Path, *, name: str) -> Dataset:
    """Return the dataset that `source` describes.

    Args:
        source: the block of params.yaml; e.g. `modalities: {market: {columns: [price], lists: [tags], kind: tabular}}`.
        root: the project's root.
        name: of the dataset.

    Raises:
        InputError: for a missing or broken file, an unknown column, or rows with problems (all of them together).

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "a.csv").write_text("y,m_a,m_b\\n" + "0,1,2\\n1,3,\\n" * 10)
        >>> block = {"reader": "table", "path": "a.csv", "label": "y"}
        >>> block["modalities"] = {"market": {"prefix": "m_", "kind": "tabular"}}
        >>> read_table(block, folder, name="tiny")["market"].shape
        (20, 2)
    """
    frame = read_frame(source_path(source["path"], root), source["path"])
    blocks = {m: dict(b) for m, b in source["modalities"].items()}
    check_columns(frame, source, blocks)
    frame = convert(frame, source)
    frame = frame.iloc[kept_rows(source, frame, len(frame))].reset_index(drop=True)
    raise_problems(table_problems(frame, source), source)
    rows = read_rows(source, frame, len(frame))
    train = rows.split == "train"
    return build(source, rows, {m: table_modality(frame, block, train) for m, block in blocks.items()}, name=name)


def read_frame(path: Path, shown: str) -> pd.DataFrame:
    """Return the table at `path`: a csv as text with null for empty cells, a parquet as it is.

    Raises:
        InputError: for another ending, a broken file, or a table without rows.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "a.csv"
        >>> _ = path.write_text("id,y\\n007,1\\n")
        >>> read_frame(path, "a.csv").loc[0, "id"]
        '007'
    """
    ending = path.suffix.lower()
    try:
        if ending == ".parquet":
            frame = pd.read_parquet(path)
        elif ending in (".csv", ".tsv"):
            separator = "\t" if ending == ".tsv" else ","
            frame = pd.read_csv(path, sep=separator, dtype="str", na_values=[""], keep_default_na=False)
        else:
            raise InputError("path", shown, "a .csv, .tsv or .parquet", "Convert the table to one of these.")
    except (pa.ArrowInvalid, OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        received = f"{shown}, which is broken ({error})"
        raise InputError("path", received, f"a whole {ending} file", "Copy the file again, or save it anew.") from error
    if frame.empty:
        raise InputError("path", f"{shown} without a row", "at least one row", "Name a table with rows.")
    if ending != ".parquet" and not isinstance(frame.index, pd.RangeIndex):
        # pandas takes the first of too many cells as an index, which would shift every column by one
        raise InputError("path", f"{shown} with more cells a row than names", "one name a column", "Name every column.")
    frame.columns = [str(column) for column in frame.columns]
    return frame.reset_index(drop=True)


def convert(frame: pd.DataFrame, source: Mapping[str, Any]) -> pd.DataFrame:
    """Return `frame` with the label, fold and `where` columns as numbers where every entry is one.

    Example:
        >>> convert(pd.DataFrame({"y": ["0", "NA", "1"]}), {"label": "y"})["y"].tolist()
        [0, <NA>, 1]
    """
    folds = source.get("folds")
    named = [*label_names(source).values(), *(source.get("where") or {}), folds if isinstance(folds, str) else ""]
    converted = frame.copy(deep=False)
    for column in named:
        if column in frame and not pd.api.types.is_numeric_dtype(frame[column]):
            converted[column] = _as_it_reads(frame[column])
    return converted


def _as_it_reads(values: pd.Series) -> pd.Series:
    """A column of text as whole numbers, as numbers, or as the text it is with the usual words for null as null."""
    text = values.mask(values.isna() | values.astype(str).str.strip().isin(MISSING))
    numbers, wrong = as_numbers(text)
    if wrong.any() or text.isna().all():
        return text
    whole = (
        bool((numbers[~np.isnan(numbers)] % 1 == 0).all()) and not text.dropna().str.contains(".", regex=False).any()
    )
    return pd.Series(numbers, index=values.index).astype("Int64" if whole else "float64")


def check_columns(frame: pd.DataFrame, source: Mapping[str, Any], blocks: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise for a column that is not there, a modality without columns, or a label among the inputs."""
    known = list(frame.columns)
    for option in ("groups", "split", "folds", "sample_id"):
        if isinstance(source.get(option), str) and source[option] not in known:
            raise unknown_name(option, source[option], known)
    labels = set(label_names(source).values())
    for column in labels:
        if column not in known:
            raise unknown_name("label", column, known)
    for modality, block in blocks.items():
        argument = f"modalities.{modality}"
        for option in _COLUMN_OPTIONS:
            for column in _names(block.get(option)):
                if column not in known:
                    raise unknown_name(f"{argument}.{option}", column, known)
        inputs = _inputs(frame, block)
        if not inputs:
            received = f"prefix {block['prefix']!r}" if "prefix" in block else "no columns"
            raise InputError(argument, received, ", ".join(known), "Name columns, a prefix, categories or lists.")
        leaked = sorted(labels & set(inputs))
        if leaked:
            remedy = "Name the inputs without it: a label among the inputs answers itself."
            raise InputError(argument, f"the label column {', '.join(leaked)}", "columns other than the label", remedy)


def _names(value: object) -> list[str]:
    return [value] if isinstance(value, str) else list(value) if isinstance(value, list) else []


def _inputs(frame: pd.DataFrame, block: Mapping[str, Any]) -> list[str]:
    return [*number_columns(frame, block), *block.get("categories", ()), *block.get("lists", ())]


def table_modality(frame: pd.DataFrame, block: Mapping[str, Any], train: np.ndarray) -> Modality:
    """Return one modality of the table.

    Args:
        frame: the table, N rows.
        block: the modality's options.
        train: (N,) bool, the rows that vocabularies are taken from.

    Returns:
        text: (N,) str; tabular and embedding: (N, d) float32; timeseries: (N, T, 1) float32.

    Example:
        >>> frame = pd.DataFrame({"age": ["3", None], "tags": ["a, b", None]})
        >>> block = {"kind": "tabular", "columns": ["age"], "lists": ["tags"]}
        >>> table_modality(frame, block, np.array([True, True])).columns
        ['age', 'tags: a', 'tags: b', 'tags: other']
    """
    inputs = _inputs(frame, block)
    telling = _names(block.get("presence")) or inputs
    present = np.column_stack([~_null(frame[c]) for c in telling]).max(axis=1)
    kind, unit = block["kind"], block.get("unit")
    rate = float(block["rate"]) if "rate" in block else None
    if kind == "text":
        return Modality(_joined(frame[inputs], block, present), kind, present, rate, unit)
    parts: list[np.ndarray] = []
    names: list[str] = []
    for column in number_columns(frame, block):
        numbers = as_numbers(frame[column])[0]
        parts.append(np.log1p(numbers) if column in block.get("log", ()) else numbers)
        names.append(f"log(1 + {column})" if column in block.get("log", ()) else column)
    limit = int(block.get("max_categories", 30))
    for column in (*block.get("categories", ()), *block.get("lists", ())):
        members = _members(frame[column], listed=column in block.get("lists", ()))
        vocabulary = _vocabulary([m for m, used in zip(members, train, strict=True) if used], limit)
        parts += list(_indicators(members, vocabulary).T)
        names += [f"{column}: {value}" for value in (*vocabulary, "other")]
    values = np.column_stack(parts).astype(np.float32)
    values = values[:, :, None] if kind == "timeseries" else values
    return Modality(values, kind, present, rate, unit, columns=names)


def _null(values: pd.Series) -> np.ndarray:
    if pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        return values.isna().to_numpy(dtype=bool)
    return (values.isna() | (values.astype(str).str.strip() == "")).to_numpy(dtype=bool)


def _joined(texts: pd.DataFrame, block: Mapping[str, Any], present: np.ndarray) -> np.ndarray:
    separator, longest = block.get("separator", " ; "), block.get("max_characters")
    rows = texts.astype("str").fillna("").to_numpy()
    joined = [
        separator.join(x.strip() for x in row if x.strip())[:longest] if ok else "" for row, ok in zip(rows, present)
    ]
    return np.array(joined, dtype=str)


def _members(values: pd.Series, *, listed: bool) -> list[tuple[str, ...]]:
    """The values of each row: none where null, one of a category, several of a comma list."""
    empty = _null(values)
    texts: list[tuple[str, ...]] = []
    for value, null in zip(values, empty, strict=True):
        texts.append(() if null else (class_name(value).strip(),))
    if not listed:
        return texts
    return [tuple(dict.fromkeys(x.strip() for text in row for x in text.split(",") if x.strip())) for row in texts]


def _vocabulary(members: Sequence[tuple[str, ...]], limit: int) -> list[str]:
    """The `limit` most frequent values, ties by name, sorted by name."""
    counts = Counter(value for row in members for value in row)
    return sorted(sorted(counts, key=lambda value: (-counts[value], value))[:limit])


def _indicators(members: Sequence[tuple[str, ...]], vocabulary: Sequence[str]) -> np.ndarray:
    """(N, K + 1): 1 where the row has the value; the last column for any value outside the vocabulary."""
    position = {value: i for i, value in enumerate(vocabulary)}
    table = np.zeros((len(members), len(vocabulary) + 1))
    for row, values in enumerate(members):
        table[row, [position.get(value, len(vocabulary)) for value in values]] = 1.0
    return table
