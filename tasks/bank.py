"""Fill the bank of worlds and trials, from which models are selected."""

from __future__ import annotations

import hashlib
from pathlib import Path

import yaml

from mmcore.atomic import canonical_json, write_json
from mmcore.errors import InputError
from mmcore.selection.bank.building import Filled, fill_bank
from mmcore.selection.bank.worlds import BankSettings
from tasks.progress import reporter
from tasks.tracking import task

SETTINGS = Path("bank.yaml")
TABLES = Path("mmcore/bank")
DIGESTS = Path("bank.lock")
FINISHED = Path(".interplay/bank")


def read_settings(root: Path) -> BankSettings:
    """Return what `bank.yaml` asks for.

    Raises:
        InputError: for a file that is missing, no mapping, or wrong in one of its values.
    """
    path = root / SETTINGS
    if not path.is_file():
        raise InputError("bank", f"no {path}", "a file that says what the bank holds", "Take it back from the commit.")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise InputError("bank", f"{path}: {error}", "YAML", "Correct the file.") from error
    if not isinstance(values, dict):
        raise InputError("bank", f"{path}: {type(values).__name__}", "a mapping", "Correct the file.")
    return BankSettings.read(values)


def digests_of(tables: Path) -> dict[str, str]:
    """Return file name -> sha256 of the tables."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(tables.glob("*.csv"))}


@task
def fill_tables(root: Path) -> Filled:
    """Compute the rows that `bank.yaml` asks for and the tables lack; rows that are there stay as they are."""
    with reporter("bank") as report:
        found = fill_bank(read_settings(root), root / TABLES, root / FINISHED, progress=report)
    digests, path = digests_of(root / TABLES), root / DIGESTS
    if not path.is_file() or path.read_text(encoding="utf-8") != canonical_json(digests):
        write_json(path, digests)
    return found
