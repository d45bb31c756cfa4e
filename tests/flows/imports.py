"""Which modules of the project a module reaches through its imports, read from the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("mmcore", "tasks", "flows")


def module_path(name: str) -> Path | None:
    path = ROOT.joinpath(*name.split("."))
    if path.with_suffix(".py").is_file():
        return path.with_suffix(".py")
    return path / "__init__.py" if (path / "__init__.py").is_file() else None


def running(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node that can run: not what stands under `if TYPE_CHECKING`."""
    yield tree
    for child in ast.iter_child_nodes(tree):
        if not (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"):
            yield from running(child)


def imported(path: Path) -> set[str]:
    """Names of project modules that the file imports anywhere, also inside functions."""
    found = set()
    for node in running(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.split(".")[0] in PACKAGES and module_path(name)}


def reached(start: str, opaque: tuple[str, ...] = ()) -> set[str]:
    """Every module that `start` reaches; those under `opaque` prefixes are named but not followed."""
    seen, todo = set(), [start]
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        if not name.startswith(opaque or ("\0",)):
            path = module_path(name)
            assert path is not None
            todo += imported(path)
            todo += floor(name)
    return seen


def floor(name: str) -> list[str]:
    """Every module of the mmcore floor that `name` stands on: dvc.yaml names floors, and some load names lazily."""
    parts = name.split(".")
    place = ROOT / "mmcore" / parts[1] if parts[0] == "mmcore" and len(parts) > 1 else None
    if place is None or not place.is_dir():
        return []
    files = (path.relative_to(ROOT).with_suffix("") for path in place.rglob("*.py"))
    return [".".join(file.parts).removesuffix(".__init__") for file in files]
