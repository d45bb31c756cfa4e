"""`dvc repro` through the command line: what runs, what does not, and that the same inputs give the same bytes."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from projects import MOODS, edit_parameters, environment, interplay, make_project, stages_run, tiny, toy_table


def digests(root: Path) -> dict[str, str]:
    """Path -> sha256 of everything that the pipeline emitted."""
    files = [path for top in ("reports", "results", "data/prepared") for path in sorted((root / top).rglob("*"))]
    kept = [path for path in files if path.is_file() and path.name not in (".gitignore", "cost.json")]
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in kept}


STAGES = [f"{name}@planted-tiny" for name in ("prepare", "estimate", "select", "learn", "report")] + ["index"]


def test_a_report_stands_at_the_end(finished):
    page = (finished / "reports" / "planted-tiny" / "index.html").read_text(encoding="utf-8")
    assert "planted-tiny" in page
    assert (finished / "reports" / "index.html").is_file()


def test_nothing_to_do_runs_no_stage(finished):
    assert stages_run(interplay(finished, "run")) == []


def test_a_second_clone_gives_the_same_bytes(finished, tmp_path):
    other = make_project(tmp_path / "elsewhere" / "deeper", tiny)
    ran = stages_run(interplay(other, "run"))
    assert [name for name in ran if name != "bank"] == STAGES and ran.count("bank") == 1  # which has nothing to compute
    assert (other / "dvc.lock").read_bytes() == (finished / "dvc.lock").read_bytes()
    assert digests(other) == digests(finished)


@pytest.mark.parametrize(
    ("setting", "stages"),
    [
        ("explain.n_repeats=2", ["learn@planted-tiny", "report@planted-tiny", "index"]),
        ("schedule.cron=0 4 * * *", []),
        ("validate.min_class_rows=20", ["prepare@planted-tiny", "report@planted-tiny", "index"]),
    ],
)
def test_a_changed_parameter_reruns_only_what_depends_on_it(copy_of_finished, setting, stages):
    ran = stages_run(interplay(copy_of_finished, "run", "-S", setting))
    # The card, and with it the index, changes only where a number of it does.
    assert [name for name in ran if name != "index"] == [name for name in stages if name != "index"]


def test_a_new_dataset_and_then_new_rows_of_it_run_that_dataset_only(copy_of_finished):
    edit_parameters(copy_of_finished, lambda content: content["datasets"].update(moods=MOODS))
    table = copy_of_finished / "mine" / "moods.csv"
    table.parent.mkdir()
    for n in (400, 440):
        toy_table(n).to_csv(table, index=False)
        ran = stages_run(interplay(copy_of_finished, "run"))
        assert {"prepare@moods", "estimate@moods", "learn@moods", "report@moods", "index"} <= set(ran)
        assert not [name for name in ran if "planted-tiny" in name]


@pytest.mark.parametrize(
    ("moment", "later_s"),
    [
        (r"train planted-tiny: [3-6] of", 0),
        *(
            pytest.param(moment, later_s, marks=pytest.mark.slow)
            for moment, later_s in (
                ("Running stage 'prepare@", 2.0),
                ("Running stage 'prepare@", 5.0),
                ("Running stage 'estimate@", 2.5),
                (r"train planted-tiny: (\d+) of \1 ", 0.5),
                ("Running stage 'report@", 1.5),
            )
        ),
    ],
)
def test_a_killed_run_is_completed_by_the_next_one(finished, tmp_path, moment, later_s):
    """SIGKILL somewhere on the way: what stands is old or new, never half; the next run ends as if nothing happened."""
    project = make_project(tmp_path / "project", tiny)
    command = [sys.executable, "-m", "flows.cli", "run"]
    with subprocess.Popen(
        command, cwd=project, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    ) as child:  # fmt: skip
        # What the run says, and not the clock, decides the step: machines and their loads differ.
        assert any(re.search(moment, line) for line in child.stderr)
        time.sleep(later_s)
        os.killpg(child.pid, signal.SIGKILL)
    assert not (project / "reports" / "index.html").exists()
    interplay(project, "run")
    assert (project / "dvc.lock").read_bytes() == (finished / "dvc.lock").read_bytes()
    assert digests(project) == digests(finished)


def test_a_full_disk_leaves_the_previous_results(copy_of_finished):
    before = digests(copy_of_finished)
    program = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "import runpy; sys.argv = ['prepare', '--dataset', 'planted-tiny']\n"
        "runpy.run_module('flows.prepare', run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=copy_of_finished, env=environment(PYTHONDONTWRITEBYTECODE="1"),
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert "disk: received" in done.stderr and "Free some" in done.stderr
    assert "Traceback" not in done.stderr
    assert digests(copy_of_finished) == before


def test_quarantined_rows_are_set_aside_with_reasons(toy_project):

    table = toy_table()
    table.loc[3, "voice_pitch"] = float("inf")
    project = toy_project(table)
    command = [sys.executable, "-m", "flows.prepare", "--dataset", "moods"]
    subprocess.run(command, cwd=project, env=environment(), check=True)
    checks = json.loads((project / "results" / "moods" / "checks.json").read_text())
    assert checks["n_quarantined"] == 1
    assert checks["quarantine"] == [{"sample_id": "row0003", "reasons": ["voice holds an infinite number"]}]
    aside = list((project / ".interplay" / "prepare").glob("*/quarantine.parquet"))
    assert pd.read_parquet(aside[0])["reasons"].to_list() == ["voice holds an infinite number"]
