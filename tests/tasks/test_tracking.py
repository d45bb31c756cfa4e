"""Direct runs never import Prefect; a dead API is said out loud and runs go on untracked."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tasks.tracking import flow, task

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
import sys
from pathlib import Path
from tasks.tracking import flow, task

@task(retries=3)
def half(n):
    return n / 2

@flow
def halves(n):
    return [half(n), half(n + 1)]

print(halves(4), "prefect" in sys.modules)
"""


def run(**environment: str) -> subprocess.CompletedProcess:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT")}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, env={**inherited, **environment}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip


def test_direct_run_does_not_import_prefect():
    done = run()
    assert done.stdout.strip() == "[2.0, 2.5] False"
    assert done.stderr == ""


def test_dead_api_is_named_and_the_run_goes_on_directly():
    done = run(PREFECT_API_URL="http://127.0.0.1:9/api")
    assert done.stdout.strip() == "[2.0, 2.5] False"
    assert "http://127.0.0.1:9/api" in done.stderr
    assert "interplay up" in done.stderr


def test_no_stage_module_imports_prefect():
    stages = ("prepare", "estimate", "select", "learn", "report", "index")
    program = (
        "import sys\n" + "\n".join(f"import flows.{name}" for name in stages) + "\nprint('prefect' in sys.modules)"
    )
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT")}
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=inherited, capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr


def test_wrapped_functions_keep_their_names():
    @flow
    def prepare(dataset: str) -> str:
        """Say so."""
        return dataset

    @task
    def read(dataset: str) -> str:
        return dataset

    assert (prepare.__name__, prepare.__doc__, read.__name__) == ("prepare", "Say so.", "read")
    assert prepare.fn("a") == "a"
