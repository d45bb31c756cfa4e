"""`interplay add`: look into a user's files, guess what is what, and write the dataset's block into `params.yaml`.

The block is inserted as lines; every other byte of the file stays. Guesses are shown with what was left out and why;
nothing is guessed where two answers are equally likely. Before anything is written the files are read once with the
block, so that a block that stands is one that reads (folders excepted, where reading decodes every file).
"""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import yaml

from flows.guess import Guess, guess_arrays
from flows.guess_table import guess_folder, guess_table
from mmcore.atomic import atomic_file
from mmcore.data.formats import read
from mmcore.data.formats.table import read_frame
from mmcore.errors import InputError, counted
from tasks.parameters import PARAMETERS_FILE, check_parameters, load_parameters

_LONGEST_LINE = 4096  # a modality stays on one line, however many columns it names


def add_dataset(root: Path, name: str, source: Path, *, label: str | None = None, write: bool = True) -> str:
    """Return the block for `source` as YAML with remarks, after writing it into `params.yaml` unless `write` is False.

    Raises:
        InputError: for a name that exists or is not allowed, a file that is missing, broken or of an unknown kind, or
            what cannot be guessed: the label, or what makes a modality.
        ParametersError: when the file is not valid, before or after; it is then unchanged.
    """
    known = load_parameters(root).datasets
    if name in known:
        raise InputError("name", f"'{name}'", "a name that params.yaml does not have yet", "Choose another name.")
    if not re.fullmatch(r"[a-z][a-z0-9_-]*", name):
        raise InputError("name", f"'{name}'", "small letters, digits, _ and -, a letter first", "Choose another name.")
    if not (root / source).exists():
        raise InputError("--from", f"no such file {source}", "a file or a folder", "Correct the path.")
    guess = guess_source(root, source, label)
    if len(guess.source.get("modalities", "any")) < 2:
        only = next(iter(guess.source["modalities"]), "none")
        remedy = (
            "Name columns MODALITY_COLUMN (voice_pitch, face_smile), or write the block by hand: docs/your-data.md."
        )
        raise InputError("--from", f"one modality ({only}) in {source}", "two modalities or more", remedy)
    described = _try(root, name, guess.source)
    path = root / PARAMETERS_FILE
    text = insert_block(path.read_text(encoding="utf-8"), name, {"source": guess.source})
    check_parameters(yaml.safe_load(text))
    if write:
        with atomic_file(path) as aside:
            aside.write_text(text, encoding="utf-8")
    done = f"Added to {PARAMETERS_FILE}. Look it over, then: interplay run --dataset {name}"
    lines = [*described, *guess.remarks, done if write else "Not written."]
    return block_text(name, {"source": guess.source}, 0) + "\n".join(lines)


def guess_source(root: Path, source: Path, label: str | None) -> Guess:
    """Return the `source` block for a file or folder, by what its name ends in."""
    path = root / source
    if path.is_dir():
        guess, reader = guess_folder(path, label), "folders"
    elif path.suffix.lower() == ".npz":
        guess, reader = guess_arrays(path, label), "npz"
    elif path.suffix.lower() in (".csv", ".tsv", ".parquet"):
        guess, reader = guess_table(read_frame(path, source.as_posix()), label), "table"
    elif path.suffix.lower() in (".pkl", ".pickle"):
        if label is not None:
            raise InputError("--label", f"'{label}'", "none: these files name their labels", "Leave --label out.")
        guess, reader = _guess_affect(), "affect"
    else:
        remedy = "Convert it to npz or parquet, or name a reader in params.yaml by hand; docs/your-data.md shows how."
        allowed = ".npz, .csv, .tsv, .parquet, .pkl or a folder with an index table"
        raise InputError("--from", source.name, allowed, remedy)
    return Guess({"reader": reader, "path": source.as_posix(), **guess.source}, guess.remarks)


def _guess_affect() -> Guess:
    remark = "Classes: label > 0 or not, by video. For the numbers themselves: task: regression."
    return Guess({"groups": "video"}, [remark])


def _try(root: Path, name: str, source: dict[str, Any]) -> list[str]:
    """Read the files as the first stage will, and return what came out in words."""
    if source["reader"] == "folders":
        return []
    try:
        dataset = read({"seed": 0, **source}, root, name=name)
    except InputError as error:
        if source["reader"] != "affect" or error.argument != "aligned":
            raise
        source["aligned"] = False  # its modalities have steps of their own
        dataset = read({"seed": 0, **source}, root, name=name)
    spec = dataset.spec.label()
    found = counted(len(spec.classes), "class") if spec.classes else spec.task
    parts = ", ".join(f"{m.name} ({m.kind})" for m in dataset.spec.modalities)
    return [f"Read as {len(dataset):,} samples with {found} of '{spec.column}': {parts}."]


def block_text(name: str, block: dict[str, Any], indent: int) -> str:
    """Return `{name: block}` as YAML lines, each modality on one line.

    Example:
        >>> print(block_text("a", {"source": {"label": "y", "modalities": {"m": {"kind": "text"}}}}, 0), end="")
        a:
          source:
            label: y
            modalities:
              m: {kind: text}
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.comments import CommentedMap, CommentedSeq

    def styled(value: Any, depth: int) -> Any:
        if isinstance(value, dict):
            made: Any = CommentedMap({key: styled(item, depth + 1) for key, item in value.items()})
            # name, source, modalities, then one modality: flow style from there on
            if depth >= 4 or (depth == 3 and not any(isinstance(v, dict | str) for v in value.values())):
                made.fa.set_flow_style()
            return made
        if isinstance(value, list):
            made = CommentedSeq(value)
            made.fa.set_flow_style()
            return made
        return value

    writer = YAML(typ="rt")
    writer.width = _LONGEST_LINE
    out = io.StringIO()
    writer.dump(styled({name: block}, 0), out)
    return "".join(" " * indent + line for line in out.getvalue().splitlines(keepends=True))


def insert_block(text: str, name: str, block: dict[str, Any]) -> str:
    """Return `text` with the block as the last of `datasets:`; every line that stood there stays as it was.

    Raises:
        InputError: where `datasets:` is not written one dataset a line, so that there is no place to insert at.

    Example:
        >>> print(insert_block("datasets:\\n  a: {}  # mine\\n\\nseed: 1\\n", "b", {"source": {}}), end="")
        datasets:
          a: {}  # mine
          b:
            source: {}
        <BLANKLINE>
        seed: 1
    """
    lines = text.splitlines(keepends=True)
    start = next((i for i, line in enumerate(lines) if re.match(r"datasets:\s*(#.*)?$", line)), None)
    if start is None:
        remedy = "Write 'datasets:' on a line of its own and the datasets below it, indented."
        raise InputError(PARAMETERS_FILE, "datasets in another style", "one block a dataset", remedy)
    inside = [i for i in range(start + 1, len(lines)) if re.match(r"\s+[^\s#]", lines[i])]
    end = next((i for i in range(start + 1, len(lines)) if re.match(r"[^\s#]", lines[i])), len(lines))
    inside = [i for i in inside if i < end]
    indent = len(lines[inside[0]]) - len(lines[inside[0]].lstrip())
    if not lines[inside[-1]].endswith("\n"):
        lines[inside[-1]] += "\n"
    made = "".join([*lines[: inside[-1] + 1], block_text(name, block, indent), *lines[inside[-1] + 1 :]])
    expected = yaml.safe_load(text)
    expected["datasets"][name] = block
    if yaml.safe_load(made) != expected:
        remedy = "Write the block by hand: 'interplay add ... --dry-run' prints it."
        raise InputError(PARAMETERS_FILE, "a layout that cannot be added to", "datasets in block style", remedy)
    return made
