"""The information page: each block stands alone and prints what it says; its tables name what the code has."""

from __future__ import annotations

import contextlib
import io
import json
import re

import pytest
import yaml
from documented_tables import ROOT

from mmcore.information.estimators import available_estimators
from mmcore.information.measures import available_measures
from mmcore.information.uncertainty.assess import CORRECTIONS, INTERVALS

PAGE = (ROOT / "docs" / "information.md").read_text(encoding="utf-8")
EXPERIMENTS = (ROOT / "docs" / "experiments.md").read_text(encoding="utf-8")
BIBLIOGRAPHY = (ROOT / "docs" / "bibliography.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S)


def rows(page: str, head: str) -> list[str]:
    """The first cells of the table whose head begins with `head`."""
    body = page.split(f"| {head} |", 1)[1].split("\n\n")[0]
    return re.findall(r"^\| `([^`]+)` \|", body, re.M)


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_block_prints_what_it_says(block):
    said = [match[1] for match in re.finditer(r"^ *print\(.*?\) +# (.*)$", block, re.M)]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(block, "information.md", "exec"), {"__name__": "page"})
    lines = printed.getvalue().splitlines()
    assert lines
    assert [line for line in said if line not in lines] == []


def test_tables_name_every_estimator_and_measure():
    assert rows(PAGE, "`method` | for | assumes | how it can fail | options worth knowing") == [
        name for name in ("clusters", "posteriors", "neighbours", "gaussian", "batch") if name in available_estimators()
    ]
    assert len(available_estimators()) == 5
    assert rows(PAGE, "`method` | redundancy (or synergy) is | known failure") == available_measures()
    for name in (*CORRECTIONS, *INTERVALS):
        assert f"`{name}`" in PAGE, name


def test_every_experiment_has_its_row():
    stages = yaml.safe_load((ROOT / "experiments" / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    assert sorted(rows(EXPERIMENTS, "name | what is computed again | what must hold | found")) == sorted(stages)


def test_counts_of_passed_checks_are_those_of_the_records():
    for line in re.findall(r"^\| `\w+` \|.*$", EXPERIMENTS, re.M):
        name, found = line.split("`")[1], line.rstrip("| ").rsplit("| ", 1)[1]
        said = re.match(r"(\d+) of (\d+) inside", found)
        if said is None:
            assert found == "not yet recorded", name
            continue
        record = ROOT / "experiments" / "results" / name / "record.json"
        checks = json.loads(record.read_text(encoding="utf-8"))["checks"]
        assert (int(said[1]), int(said[2])) == (sum(check["passed"] for check in checks), len(checks)), name


def test_references_are_numbered_without_gaps_and_those_cited_exist():
    numbers = [int(number) for number in re.findall(r"^(\d+)\. ", BIBLIOGRAPHY, re.M)]
    assert numbers == list(range(1, len(numbers) + 1))
    for page in sorted((ROOT / "docs").glob("*.md")):
        text = re.sub(r"^```.*?^```|`[^`]*`", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
        cited = [int(number) for number in re.findall(r"\[(\d+)\](?!\()", text)]
        assert [number for number in cited if not 1 <= number <= len(numbers)] == [], page.name
