"""Where a source's files lie, and what to say when one does not."""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath

from mmcore.errors import InputError, nearest_name


def source_path(path: str, root: Path, *, folder: bool = False) -> Path:
    """Return the place of a source's `path` under `root` (absolute paths stay as they are).

    Raises:
        InputError: where nothing, or a file in place of a folder, lies there; names what lies beside it.

    Example:
        >>> source_path(".", Path("."), folder=True).is_dir()
        True
    """
    place = root / path
    if place.is_dir() if folder else place.is_file():
        return place
    what = "folder" if folder else "file"
    if place.exists():
        raise InputError("path", f"{path}, which is no {what}", f"a {what}", f"Name the {what} itself.")
    embedded = PurePosixPath(path).parts[:2] == ("data", "raw")
    raise missing_file("path", path, place, embedded=embedded)


def missing_file(argument: str, path: str, place: Path, *, embedded: bool = False) -> InputError:
    """Return the error for a file that is not there: its path, what lies beside it, and the nearest name.

    Example:
        >>> missing_file("path", "no.npz", Path("/nowhere/no.npz")).received
        'no.npz, which does not exist'
    """
    folder = place.parent
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    beside = sorted(item.name for item in folder.iterdir()) if folder.is_dir() else []
    wanted = place.relative_to(folder).parts[0] if place != folder else place.name
    near = nearest_name(wanted, beside)
    listed = ", ".join(beside[:10]) + (", ..." if len(beside) > 10 else "")
    where = path[: -len(place.name)] or "./" if folder == place.parent else f"'{folder.name}'"
    allowed = f"a file that exists; in {where} lie: {listed}" if beside else f"a file that exists; {where} is empty"
    if near:
        remedy = f"Did you mean '{near}'?"
    elif embedded:
        remedy = "Extract the embedded data with 'python -m mmcore.data.embedded', or correct the path."
    else:
        remedy = "Correct the path, or put the file there."
    return InputError(argument, f"{path}, which does not exist", allowed, remedy)


def inside(folder: Path, item: str, argument: str) -> Path:
    """Return the place of `item` under `folder`, wherever an index table says it lies.

    Raises:
        InputError: for an absolute path, one with `..`, or one that a symbolic link leads out of `folder`.

    Example:
        >>> inside(Path("photos"), "a/b.png", "file").as_posix()
        'photos/a/b.png'
    """
    parts = {*PurePosixPath(item).parts, *PureWindowsPath(item).parts}
    rooted = PurePosixPath(item).is_absolute() or bool(PureWindowsPath(item).anchor)
    place = folder / item
    if not item or "\0" in item or rooted or ".." in parts or not place.resolve().is_relative_to(folder.resolve()):
        raise InputError(argument, repr(item), "a path inside the folder", "Write paths relative to the source's path.")
    return place
