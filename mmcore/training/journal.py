"""The journal of a tuning on disk: finished trials of one search, one JSON line each, as optuna's journal storage.

One process at a time holds it. A line that a killed process did not finish is cut off, so that its trial is run again;
a journal of another method, space, data or seed is refused.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmcore.errors import InputError

if TYPE_CHECKING:
    from optuna.study import Study


@contextlib.contextmanager
def quiet_optuna() -> Iterator[None]:
    """Run the block with optuna's own messages off; the former level is restored.

    Example:
        >>> import optuna
        >>> before = optuna.logging.get_verbosity()
        >>> with quiet_optuna():
        ...     optuna.logging.get_verbosity() == optuna.logging.WARNING
        True
        >>> optuna.logging.get_verbosity() == before
        True
    """
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


@contextlib.contextmanager
def opened_study(journal: str | Path | None, name: str, described: dict[str, Any]) -> Iterator[Study]:
    """Yield the study of exactly this search, with the trials that its journal holds; nobody else may add to it.

    Args:
        journal: the file (None: a study in memory).
        name: of the method.
        described: JSON-able; two searches with equal descriptions are one.

    Raises:
        InputError: for a journal of another search, or a damaged one.

    Example:
        >>> import tempfile
        >>> place = Path(tempfile.mkdtemp()) / "tuning.log"
        >>> with quiet_optuna(), opened_study(place, "late_fusion", {"seed": 0}) as study:
        ...     len(study.trials)
        0
    """
    import filelock
    import optuna
    from optuna.storages.journal import JournalFileBackend, JournalStorage

    digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()
    title = f"{name} {digest[:20]}"
    if journal is None:
        yield optuna.create_study(direction="maximize", study_name=title)
        return
    place = Path(journal)
    place.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(place.with_name(f".{place.name}.held")):
        _drop_unfinished_line(place)
        # Of a process that was killed while it wrote: nobody else holds it, because we hold the file.
        place.with_name(f"{place.name}.lock").unlink(missing_ok=True)
        storage = JournalStorage(JournalFileBackend(str(place)))
        _check_same_search(storage, place, title, described)
        study = optuna.create_study(direction="maximize", study_name=title, storage=storage, load_if_exists=True)
        if "search" not in study.user_attrs:
            study.set_user_attr("search", described)
        yield study


def _check_same_search(storage: Any, place: Path, title: str, described: dict[str, Any]) -> None:
    for other in storage.get_all_studies():
        if other.study_name != title:
            found = other.user_attrs.get("search", {})
            differing = [key for key in described if found.get(key) != described[key]]
            received = f"{place.name} of '{other.study_name}', with another {', '.join(differing)}"
            raise InputError("journal", received, f"one of '{title}'", "Delete the file, or name another one.")


def _drop_unfinished_line(place: Path) -> None:
    """Cut off a last line that a killed process did not finish; its trial will be run again.

    Raises:
        InputError: where any other line is not one of a journal.
    """
    if not place.exists():
        return
    content = place.read_bytes()
    end = content.rfind(b"\n") + 1
    for number, line in enumerate(content[:end].splitlines(), start=1):
        try:
            json.loads(line)
        except ValueError as error:
            received = f"{place.name}, damaged in line {number}"
            raise InputError("journal", received, "a journal of this tuning", "Delete the file.") from error
    if end < len(content):
        with place.open("rb+") as file:
            file.truncate(end)
