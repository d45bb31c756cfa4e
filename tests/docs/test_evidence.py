"""What the pages point at exists: each test that `evidence.md` names, each local link of the README and the pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EVIDENCE = (ROOT / "docs" / "evidence.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_every_row_has_all_four_cells():
    rows = [line for line in EVIDENCE.splitlines() if line.startswith("| ")][2:]
    assert rows
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert len(cells) == 4 and all(cells), row


def test_every_named_test_exists():
    files = {path.name: path for path in (ROOT / "tests").rglob("test_*.py")}
    last = ""
    for name, function in re.findall(r"`(?:[\w/]*/)?(test_\w+\.py)?(?:::(test_\w+))?`", EVIDENCE):
        last = name or last
        if not (name or function):
            continue
        assert last in files, last
        if function:
            assert f"def {function}(" in files[last].read_text(encoding="utf-8"), f"{last}::{function}"
    assert last


def test_every_named_folder_exists():
    for folder in re.findall(r"`(tests/[\w/]+/)`", EVIDENCE):
        assert (ROOT / folder).is_dir(), folder


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_local_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target
