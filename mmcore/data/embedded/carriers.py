"""Find the file inside an installed package that carries a dataset, without importing the package.

The distribution's record names the file, `importlib.metadata` its place; version and sha256 are checked before a byte
of it is interpreted.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
from dataclasses import dataclass
from pathlib import Path

from mmcore.errors import InputError


@dataclass(frozen=True)
class Carrier:
    """A package that ships a dataset: its name, the oldest version allowed and why, the file and its sha256.

    Example:
        >>> Carrier("seglearn", (1, 2, 5), "another file", "seglearn/data/watch_dataset.npy", "0" * 64).requirement
        'seglearn>=1.2.5'
    """

    package: str
    oldest: tuple[int, ...]
    reason: str
    file: str
    sha256: str

    @property
    def requirement(self) -> str:
        """What pip is asked for."""
        return f"{self.package}>={'.'.join(map(str, self.oldest))}"


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file, in hexadecimal.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "a"
        >>> _ = path.write_bytes(b"")
        >>> file_sha256(path)[:8]
        'e3b0c442'
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def version_numbers(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a version.

    Example:
        >>> version_numbers("2026.1"), version_numbers("1.2.5rc1")
        ((2026, 1), (1, 2, 5))
    """
    numbers = []
    for part in version.split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        numbers.append(int(digits))
    return tuple(numbers)


def is_installed(carrier: Carrier) -> bool:
    """Return whether the package is installed, in whatever version."""
    try:
        importlib.metadata.distribution(carrier.package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def find_carrier(carrier: Carrier) -> Path:
    """Return the place of the carrier's file.

    Raises:
        InputError: where the package is missing or too old, or its file is missing or another one.
    """
    install = f"Run: pip install --no-deps '{carrier.requirement}'"
    try:
        distribution = importlib.metadata.distribution(carrier.package)
    except importlib.metadata.PackageNotFoundError as error:
        raise InputError(
            f"package {carrier.package}", "nothing installed", carrier.requirement, f"{install}."
        ) from error
    if version_numbers(distribution.version) < carrier.oldest:
        received = f"version {distribution.version}, {carrier.reason}"
        raise InputError(f"package {carrier.package}", received, carrier.requirement, f"{install}.")
    place = Path(str(distribution.locate_file(carrier.file)))
    if not place.is_file():
        received = f"version {distribution.version} without {carrier.file}"
        raise InputError(f"package {carrier.package}", received, carrier.file, f"{install} --force-reinstall.")
    found = file_sha256(place)
    if found != carrier.sha256:
        received = f"{carrier.file} with sha256 {found}"
        remedy = f"{install} --force-reinstall; a newer version with other data needs a new checksum here."
        raise InputError(f"package {carrier.package}", received, carrier.sha256, remedy)
    return place
