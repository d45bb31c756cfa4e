"""The benchmark's tables are what their names say, a row says what was measured, and the worker measures in seconds."""

import json
import subprocess
import sys

import numpy as np
import pytest

from benchmarks import peers
from benchmarks.cases import CASES, Case
from benchmarks.decompositions import _hopeless
from benchmarks.report import row
from mmcore.information import pid

# Griffith and Koch (2014), the table of canonical gates: bits of R, U1, U2, S.
KNOWN = {"AND": (0.311, 0, 0, 0.5), "XOR": (0, 0, 0, 1), "RDNXOR": (1, 0, 0, 1), "RDNUNQXOR": (1, 1, 1, 1)}


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.cells * case.size < 100_000], ids=lambda case: case.name
)
def test_tables_have_the_shape_that_is_printed(case):
    tables = case.tables()
    assert tables.shape == (case.size, *case.shape)
    assert tables.sum(axis=(1, 2, 3)) == pytest.approx(1.0)
    assert (tables == case.tables()).all()


@pytest.mark.parametrize("name", KNOWN)
def test_gates_are_the_gates(name):
    case = next(case for case in CASES if case.name == name)
    assert list(pid.decompose(case.tables()[0]).atoms.values()) == pytest.approx(KNOWN[name], abs=1e-3)


def test_a_row_states_ratio_error_and_goal():
    own = {"seconds": 0.002, "atoms": [0.1, 0.2, 0.3, 0.4], "gap": 1e-10, "megabytes": 1.0}
    slow = {"seconds": 0.02, "atoms": [0.1, 0.2, 0.3, 0.4001], "gap": None, "megabytes": 7.0}
    found = {"ours": own, "clarabel": slow, "broja": {"limit": 12.0}, "dit": {"failed": "no answer"}}
    cells = row(Case("a", (2, 2, 2), goal=5), found)
    assert cells == ["a", "2 ms, 1e-10, 1", "20 ms, 10x, 1e-04, 7", "> 12 s", "failed: no answer", "10 (5)"]


def test_a_peer_past_its_limit_is_asked_again_only_with_more_time_a_cell():
    assert not _hopeless(Case("a", (10, 10, 5)), None)
    assert _hopeless(Case("a", (10, 10, 5)), (400, 12.0))
    assert not _hopeless(Case("a", (10, 10, 5), limit=60.0), (400, 12.0))


def test_the_worker_measures_one_table(tmp_path):
    case = next(case for case in CASES if case.name == "SUM")
    np.save(tmp_path / "tables.npy", case.tables())
    command = [sys.executable, str(peers.WORKER), "ours", str(tmp_path / "tables.npy"), "20"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=peers.ROOT, check=True)
    found = json.loads(done.stdout)
    assert 0 < found["seconds"] < 0.1
    assert found["gap"] <= 1e-9
    assert found["atoms"] == pytest.approx([0.5, 0, 0, 1.0], abs=1e-9)  # H(A) is shared, the rest needs both
