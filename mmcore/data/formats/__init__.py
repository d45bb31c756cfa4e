"""Readers: from files that users already have to a `Dataset`, by the `source:` block of params.yaml.

`READERS` is the table of what there is; `check_source` finds every problem of a block without touching a file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmcore.data import Dataset
from mmcore.data.formats import (
    affect,
    affect_layout,
    avmnist,
    cifar_esc,
    clotho,
    enrico,
    flickr,
    folders,
    hateful_memes,
    kinetics,
    layout,
    mimic,
    mmimdb,
    mult,
    npz,
    pictures,
    planted,
    push,
    stocks,
    table,
    vision_touch,
    vqa,
)
from mmcore.data.formats.checking import modality_problems, option_problems
from mmcore.data.formats.label_rows import label_names
from mmcore.data.formats.options import COMMON, TYPES, Option
from mmcore.data.formats.rows import NOUNS
from mmcore.data.formats.table_rows import table_problems
from mmcore.data.spec import check_label_column
from mmcore.errors import InputError, unknown_name

__all__ = [
    "READERS", "TYPES", "Option", "Reader", "check_source", "find_reader", "modality_names", "read", "table_problems",
]  # fmt: skip


@dataclass(frozen=True)
class Reader:
    """One format: its name, the function that reads it, a summary, and the options it takes.

    `kinds` are the kinds of modality it reads; empty where its modalities are not declared. `modalities` are those it
    makes of a source that names none; empty where it must name them, or where only the files know.
    """

    name: str
    function: Callable[..., Dataset]
    summary: str
    options: tuple[Option, ...]
    modality_options: tuple[Option, ...] = ()
    kinds: tuple[str, ...] = ()
    modalities: tuple[str, ...] = ()


def _with_common(own: tuple[Option, ...], common: tuple[Option, ...] = COMMON) -> tuple[Option, ...]:
    named = {option.name for option in own}
    return (*(option for option in common if option.name not in named), *own)


_PLANTED = tuple(option for option in COMMON if option.name in ("reader", *NOUNS))

READERS = (
    Reader(
        "npz",
        npz.read_npz,
        "arrays by key in one .npz file",
        _with_common(npz.OPTIONS),
        npz.MODALITY_OPTIONS,
        npz.MODALITY_KINDS,
    ),
    Reader(
        "table",
        table.read_table,
        "groups of columns of one csv or parquet",
        _with_common(table.OPTIONS),
        table.MODALITY_OPTIONS,
        table.MODALITY_KINDS,
    ),
    Reader(
        "folders",
        folders.read_folders,
        "image and wav files listed by an index table",
        _with_common(folders.OPTIONS),
        folders.MODALITY_OPTIONS,
        folders.MODALITY_KINDS,
    ),
    Reader(
        "affect",
        affect.read_affect,
        "pickles of the MultiBench affect sets, without running code",
        _with_common(affect.OPTIONS, affect.INHERITED),
        affect.MODALITY_OPTIONS,
        affect.MODALITY_KINDS,
        affect_layout.NAMES,
    ),
    Reader(
        "mult",
        mult.read_mult,
        "MulT's own pickles of MOSI, MOSEI and IEMOCAP, without running code",
        _with_common(mult.OPTIONS, mult.INHERITED),
        mult.MODALITY_OPTIONS,
        mult.MODALITY_KINDS,
        affect_layout.NAMES,
    ),
    Reader(
        "mimic",
        mimic.read_mimic,
        "MultiBench's im.pk of MIMIC-III, without running code",
        _with_common(mimic.OPTIONS, layout.INHERITED),
        mimic.MODALITY_OPTIONS,
        mimic.MODALITY_KINDS,
        tuple(mimic.KINDS),
    ),
    Reader(
        "avmnist",
        avmnist.read_avmnist,
        "the AV-MNIST folder: written and spoken digits",
        _with_common(avmnist.OPTIONS, layout.INHERITED),
        avmnist.MODALITY_OPTIONS,
        avmnist.MODALITY_KINDS,
        tuple(avmnist.KINDS),
    ),
    Reader(
        "enrico",
        enrico.read_enrico,
        "the ENRICO folder: app screens and their wireframes",
        _with_common(enrico.OPTIONS, layout.INHERITED),
        enrico.MODALITY_OPTIONS,
        enrico.MODALITY_KINDS,
        tuple(enrico.KINDS),
    ),
    Reader(
        "mmimdb",
        mmimdb.read_mmimdb,
        "MM-IMDb's multimodal_imdb.hdf5: plots, posters, genres",
        _with_common(mmimdb.OPTIONS, layout.INHERITED),
        mmimdb.MODALITY_OPTIONS,
        mmimdb.MODALITY_KINDS,
        mmimdb.USUAL,
    ),
    Reader(
        "push",
        push.read_push,
        "the MuJoCo Push folder: windows of a robot arm's sensors",
        _with_common(push.OPTIONS, layout.INHERITED),
        push.MODALITY_OPTIONS,
        push.MODALITY_KINDS,
        tuple(push.KINDS),
    ),
    Reader(
        "vision_touch",
        vision_touch.read_vision_touch,
        "the Vision & Touch folder: steps of a robot arm at a peg",
        _with_common(vision_touch.OPTIONS, layout.INHERITED),
        vision_touch.MODALITY_OPTIONS,
        vision_touch.MODALITY_KINDS,
        tuple(vision_touch.KINDS),
    ),
    Reader(
        "stocks",
        stocks.read_stocks,
        "returns and next-day volatility from a table of prices",
        _with_common(stocks.OPTIONS, stocks.INHERITED),
        stocks.MODALITY_OPTIONS,
        stocks.MODALITY_KINDS,
    ),
    Reader(
        "kinetics",
        kinetics.read_kinetics,
        "the torch batches of Kinetics-S: video and sound",
        _with_common(kinetics.OPTIONS, kinetics.INHERITED),
        kinetics.MODALITY_OPTIONS,
        kinetics.MODALITY_KINDS,
        kinetics.NAMES,
    ),
    Reader(
        "clotho",
        clotho.read_clotho,
        "Clotho's record arrays: sounds and captions that match or not",
        _with_common(clotho.OPTIONS, clotho.INHERITED),
        clotho.MODALITY_OPTIONS,
        clotho.MODALITY_KINDS,
        tuple(clotho.EXPECTED),
    ),
    Reader(
        "cifar_esc",
        cifar_esc.read_cifar_esc,
        "HighMMT's fulldata.pt: images and sounds that fit or not",
        _with_common(cifar_esc.OPTIONS, cifar_esc.INHERITED),
        cifar_esc.MODALITY_OPTIONS,
        cifar_esc.MODALITY_KINDS,
        cifar_esc.NAMES,
    ),
    Reader(
        "hateful_memes",
        hateful_memes.read_hateful_memes,
        "Hateful Memes: json lines and pictures",
        _with_common(hateful_memes.OPTIONS, hateful_memes.INHERITED),
        hateful_memes.MODALITY_OPTIONS,
        hateful_memes.MODALITY_KINDS,
        pictures.NAMES,
    ),
    Reader(
        "flickr30k",
        flickr.read_flickr,
        "Flickr30k: images and captions that match or not",
        _with_common(flickr.OPTIONS, flickr.INHERITED),
        flickr.MODALITY_OPTIONS,
        flickr.MODALITY_KINDS,
        pictures.NAMES,
    ),
    Reader(
        "vqa",
        vqa.read_vqa,
        "tables of questions about images, by the most frequent answers",
        _with_common(vqa.OPTIONS, vqa.INHERITED),
        vqa.MODALITY_OPTIONS,
        vqa.MODALITY_KINDS,
        pictures.NAMES,
    ),
    Reader(
        "planted",
        planted.read_planted,
        "made data whose interactions are known",
        _with_common(planted.OPTIONS, _PLANTED),
        modalities=planted.NAMES,
    ),
)


def find_reader(name: str) -> Reader:
    """Return the reader called `name`.

    Raises:
        InputError: where there is none, with the nearest name.

    Example:
        >>> find_reader("table").summary
        'groups of columns of one csv or parquet'
    """
    for reader in READERS:
        if reader.name == name:
            return reader
    raise unknown_name("reader", str(name), [reader.name for reader in READERS])


def modality_names(source: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return the modalities that a `source:` block will have, or None where only its files know. No file is touched.

    Example:
        >>> modality_names({"reader": "avmnist"}), modality_names({"reader": "stocks"})
        (('image', 'audio'), None)
    """
    declared = source.get("modalities")
    if isinstance(declared, Mapping):
        return tuple(map(str, declared))
    return next((r.modalities for r in READERS if r.name == source.get("reader") and r.modalities), None)


def check_source(source: Mapping[str, Any]) -> list[InputError]:
    """Return every problem of a `source:` block; an empty list where there is none. No file is touched.

    Args:
        source: the block as YAML gives it.

    Example:
        >>> [str(p.argument) for p in check_source({"reader": "npz", "path": "a.npz", "lable": "y"})]
        ['lable', 'modalities']
        >>> check_source({"reader": "npzz"})[0].remedy
        "Did you mean 'npz'?"
    """
    name = source.get("reader")
    if name is None:
        names = ", ".join(reader.name for reader in READERS)
        return [InputError("reader", "nothing", names, "Add 'reader:' with one of these.")]
    try:
        reader = find_reader(name)
    except InputError as error:
        return [error]
    problems = option_problems(source, reader.options)
    problems += modality_problems(source.get("modalities"), reader.modality_options, reader.kinds)
    wrong = {problem.argument for problem in problems}
    if "label" in source and "label" not in wrong:
        problems += _label_problems(source)
    return problems


def _label_problems(source: Mapping[str, Any]) -> list[InputError]:
    """A label is stored under its name, which must be a valid one; the mapping form renames it."""
    names = label_names(source)
    if source.get("task") == "multilabel" and len(names) > 1:
        return []
    problems = []
    for stored, name in names.items():
        try:
            check_label_column(stored)
        except InputError as error:
            remedy = f"Write 'label: {{label: {name}}}' to store it under another name."
            problems.append(InputError("label", error.received, error.allowed, remedy))
    return problems


def read(source: Mapping[str, Any], root: str | Path, *, name: str) -> Dataset:
    """Return the dataset that a `source:` block describes.

    Args:
        source: the block of params.yaml.
        root: the folder that its `path` starts from.
        name: of the dataset.

    Raises:
        InputError: the first problem of the block, then those of the files.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "a.csv").write_text("y,a,b\\n" + "no,1,2\\nyes,3,4\\n" * 10)
        >>> modalities = {name: {"columns": [name], "kind": "tabular"} for name in ("a", "b")}
        >>> block = {"reader": "table", "path": "a.csv", "label": "y", "modalities": modalities}
        >>> read(block, folder, name="tiny").spec.label().classes
        ('no', 'yes')
    """
    problems = check_source(source)
    if problems:
        raise problems[0]
    return find_reader(source["reader"]).function(source, Path(root), name=name)
