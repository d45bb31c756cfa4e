"""Read Hateful Memes: pictures with their text, and whether the two together are hateful.

Layout: a folder with `img/<id>.png` and one json object a line in `train.jsonl`, `dev_seen.jsonl` and
`test_seen.jsonl`: {"id": 42953, "img": "img/42953.png", "label": 0, "text": "..."}; 1 is hateful. Without a name of
your own, valid is the first of dev_seen, dev_unseen, dev and test the first of test_seen, test_unseen, test that is
there, and the notes say which. `test.jsonl` of the first release has no labels: its rows stay, unlabelled, and are
counted; nothing can be evaluated on them.

Licence: the Hateful Memes dataset licence of Meta (research, no redistribution); the user accepts it and downloads the
archive from the challenge's page. The content is offensive.

Reference: Kiela et al., The Hateful Memes Challenge, NeurIPS 2020. Traps avoided: `dev_seen` and `dev_unseen` overlap,
so one file makes a part, and an id in two parts is an error; many texts occur again with another picture and the other
label (benign confounders), so `groups: text` with `split: [0.7, 0.15, 0.15]` keeps them together.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from mmcore.data import Dataset
from mmcore.data.formats import folders
from mmcore.data.formats.files import inside, missing_file, source_path
from mmcore.data.formats.options import COMMON, Option
from mmcore.data.formats.pictures import KINDS, MODALITY_OPTIONS, image_and_text, picture_places, read_pictures, texts
from mmcore.data.formats.rows import build, read_rows
from mmcore.errors import InputError, unknown_name

CLASSES = ("benign", "hateful")
CANDIDATES = {
    "train": ("train.jsonl",),
    "valid": ("dev_seen.jsonl", "dev_unseen.jsonl", "dev.jsonl"),
    "test": ("test_seen.jsonl", "test_unseen.jsonl", "test.jsonl"),
}
OPTIONS = (
    Option("modalities", "modalities", "the one image and the one text (default both, images at 224 x 224)"),
    *(
        Option(f"{part}_file", "text", f"the jsonl of {part} (default {', '.join(c)})")
        for part, c in CANDIDATES.items()
    ),
    *(option for option in folders.OPTIONS if option.name == "missing"),
)
_OWN = ("modalities", "label", "task", "classes", "sample_id")
INHERITED = tuple(option for option in COMMON if option.name not in _OWN)
MODALITY_KINDS = KINDS
_FIELDS = {"id": (int, str), "img": (str,), "text": (str,)}

__all__ = ["MODALITY_OPTIONS", "read_hateful_memes"]


def read_hateful_memes(source: Mapping[str, Any], root: Path, *, name: str) -> Dataset:
    """Return the memes: an image (N, height, width, channels) uint8, a text, label `label` (benign, hateful).

    Args:
        source: the block of params.yaml; `modalities: {image: {kind: image, size: [96, 96]}, text: text}`.
        root: the project's root.
        name: of the dataset.

    Raises:
        InputError: for a missing file, a line that is no such object (its number is named), or an id in two parts.
    """
    folder = source_path(source["path"], root, folder=True)
    blocks = image_and_text(source, {"column": "img"}, {"column": "text"})
    files = {part: _file(folder, part, source) for part in CANDIDATES}
    found = [{**row, "split": part} for part, file in files.items() for row in _lines(file, source["path"])]
    frame = pd.DataFrame(found, columns=["id", "img", "text", "label", "split"])
    twice = frame.loc[frame["id"].duplicated(), "id"]
    if len(twice):
        row = frame[frame["id"] == twice.iloc[0]]
        received = f"id {twice.iloc[0]} in {' and '.join(row['split'])}, and {len(twice) - 1} more"
        raise InputError("path", received, "each id once", "Use dev_seen with test_seen, or both unseen ones.")
    columns = {column: frame[column] for column in ("id", "img", "text", "split")}
    columns["label"] = frame["label"].astype("Int64")
    block = {"sample_noun": "meme", "split": "split", **source, "label": "label", "sample_id": "id"}
    rows = read_rows({**block, "task": "classification"}, columns, len(frame), classes=CLASSES)
    kept = frame.iloc[rows.kept].reset_index(drop=True)
    modalities = {}
    for modality, options in blocks.items():
        argument = f"modalities.{modality}"
        if options["kind"] == "text":
            modalities[modality] = texts(_column(kept, options, argument).tolist())
        else:
            _column(kept, options, argument)
            places = picture_places(kept, options["column"], folder, argument, source.get("missing", "error"))
            modalities[modality] = read_pictures(places, options, argument)
    unlabelled = kept["label"].isna().groupby(kept["split"]).sum()
    reading = {
        "files": {part: file.name for part, file in files.items()},
        "unlabelled": {str(part): int(count) for part, count in unlabelled.items() if count},
    }
    return build(block, rows, modalities, name=name, annotations={"reading": reading})


def _column(frame: pd.DataFrame, options: Mapping[str, Any], argument: str) -> pd.Series:
    if options["column"] not in ("img", "text"):
        raise unknown_name(f"{argument}.column", options["column"], ("img", "text"))
    return frame[options["column"]]


def _file(folder: Path, part: str, source: Mapping[str, Any]) -> Path:
    option = f"{part}_file"
    if option in source:
        place = inside(folder, source[option], option)
        if not place.is_file():
            raise missing_file(option, source[option], place)
        return place
    for candidate in CANDIDATES[part]:
        if (folder / candidate).is_file():
            return folder / candidate
    beside = ", ".join(sorted(file.name for file in folder.glob("*.jsonl"))) or "no .jsonl"
    allowed = f"{' or '.join(CANDIDATES[part])} in {source['path']}; there is {beside}"
    raise InputError(option, "no such file", allowed, f"Name the file with '{option}'.")


def _lines(file: Path, shown: str) -> list[dict[str, Any]]:
    """The objects of a jsonl, each checked."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise InputError("path", f"{shown}/{file.name}, no UTF-8 ({error})", "json lines", "Copy it again.") from error
    rows = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"line {number} of {shown}/{file.name}"
        try:
            value = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError("path", f"{where}, which breaks off or is no json ({error})", "a json object a line",
                             "Copy the file again.") from error  # fmt: skip
        rows.append(_checked(value, where))
    if not rows:
        raise InputError("path", f"{shown}/{file.name} without a line", "a json object a line", "Copy it again.")
    return rows


def _checked(value: Any, where: str) -> dict[str, Any]:
    remedy = "Use the files of the challenge as they are."
    layout = '{"id": ..., "img": "img/....png", "label": 0 or 1, "text": "..."}'
    if not isinstance(value, dict):
        raise InputError("path", f"a {type(value).__name__} in {where}", layout, remedy)
    for field, types in _FIELDS.items():
        if field not in value or not isinstance(value[field], types) or isinstance(value[field], bool):
            received = f"{field} {value[field]!r} in {where}" if field in value else f"no {field} in {where}"
            raise InputError("path", received, layout, remedy)
    label = value.get("label")
    if label is not None and (isinstance(label, bool) or label not in (0, 1)):
        raise InputError("label", f"{label!r} in {where}", "0 or 1, or none", remedy)
    return {"id": str(value["id"]), "img": value["img"], "text": value["text"], "label": label}
