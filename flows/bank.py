"""DVC stage `bank`: what every method reaches in the synthetic worlds; only what is missing is computed."""

from __future__ import annotations

import sys
from pathlib import Path

from mmcore.errors import InputError
from mmcore.selection.bank.building import Filled
from tasks.bank import fill_tables
from tasks.tracking import flow, quiet_environment


@flow
def bank(root: Path = Path()) -> Filled:
    """Fill the tables of the bank."""
    return fill_tables(root)


if __name__ == "__main__":
    quiet_environment()
    try:
        found = bank()
    except InputError as error:
        sys.exit(f"bank stopped; its tables are untouched, and what was finished is kept.\n{error}")
    print(f"bank: {found.kept} trials kept, {found.computed} computed, {found.dropped} dropped")
