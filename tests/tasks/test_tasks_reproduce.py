"""What `dvc repro` did and said is read correctly, and nothing of the run that starts it leaks into the child."""

from __future__ import annotations

import os
import sys
from collections import deque
from pathlib import Path

import pytest

from mmcore.errors import InputError
from tasks import reproduce as module
from tasks.gates import GateError
from tasks.reproduce import child_environment, dvc_cache, reproduce, run_dvc

TOY = """
stages:
  first:
    cmd: python -c "open('first.txt', 'w').write(open('source.txt').read())"
    deps: [source.txt]
    outs: [first.txt]
  second:
    cmd: python second.py
    deps: [first.txt, second.py]
    outs: [second.txt]
"""
FAILING = "import sys; sys.exit('second of toy stopped; the previous results are untouched.\\nage: received -1')"


@pytest.fixture
def fake_dvc(tmp_path, monkeypatch):
    """Put a package called dvc in front of the real one; it prints what the test says and exits as it says."""

    def install(prints: str, code: int) -> Path:
        package = tmp_path / "dvc"
        package.mkdir(exist_ok=True)
        (package / "__init__.py").write_text("", encoding="utf-8")
        body = f"import sys\nprint({prints!r})\nopen('asked.txt', 'a').write(' '.join(sys.argv[1:]) + '|')\n"
        (package / "__main__.py").write_text(f"{body}sys.exit({code})", encoding="utf-8")
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        return tmp_path

    return install


def test_executed_and_skipped_stages_are_told_apart(fake_dvc):
    said = (
        "Stage 'prepare@a' didn't change, skipping\nRunning stage 'estimate@a':\n> python -m flows.estimate\n"
        "Stage 'select@a' is cached - skipping run, checking out outputs\n  Running stage 'quoted':\n"
    )
    root = fake_dvc(said, 0)
    done = reproduce(root)
    assert (done.executed, done.skipped) == (("estimate@a",), 2)
    assert (root / "asked.txt").read_text(encoding="utf-8") == "repro|"


def test_named_datasets_are_targets_and_the_index_comes_last(fake_dvc):
    root = fake_dvc("Running stage 'report@a':", 0)
    reproduce(root, ["a", "b"])
    assert (root / "asked.txt").read_text(encoding="utf-8") == "repro report@a report@b|repro --single-item index|"


def test_a_failure_has_the_stages_own_words_only(fake_dvc):
    said = (
        "Running stage 'prepare@a':\n> python -m flows.prepare\nfine\nRunning stage 'estimate@a':\n> python -m x\n"
        "a warning of some library\nestimate of 'a' stopped; the previous results are untouched.\nrows: received 3\n"
        "ERROR: failed to reproduce 'estimate@a': failed to run: python -m x, exited with 1"
    )
    with pytest.raises(GateError) as caught:
        reproduce(fake_dvc(said, 1))
    assert str(caught.value).splitlines() == [
        "stage estimate@a failed.",
        "estimate of 'a' stopped; the previous results are untouched.",
        "rows: received 3",
    ]


def test_a_crash_without_own_words_shows_what_the_stage_printed():
    lines = [
        "Running stage 'learn@a':\n",
        "> python\n",
        "Traceback\n",
        "\n",
        "MemoryError\n",
        "ERROR: failed to reproduce x\n",
    ]
    words = module._failure(["learn@a"], deque(lines))
    assert words.splitlines() == ["stage learn@a failed.", "Running stage 'learn@a':", "Traceback", "MemoryError"]
    assert module._failure([], deque(["ERROR: not a DVC repository\n"])) == (
        "stage dvc repro failed.\nERROR: not a DVC repository"
    )


def test_the_child_knows_nothing_of_the_run_that_starts_it(monkeypatch):
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", "outer")
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:4200/api")
    monkeypatch.delenv("DVC_NO_ANALYTICS", raising=False)
    environment = child_environment()
    assert not [key for key in environment if key.startswith("PREFECT__")]
    assert environment["PREFECT_API_URL"] == "http://127.0.0.1:4200/api"
    assert environment["DVC_NO_ANALYTICS"] == "1"
    assert environment["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)


def test_dvcs_own_words_are_kept(tmp_path):
    with pytest.raises(InputError, match="DVC repository") as caught:
        run_dvc(tmp_path, "status")
    assert caught.value.argument == "dvc status"


def test_real_dvc_runs_what_changed_and_keeps_a_failure(tmp_path, capfd):
    run_dvc(tmp_path, "init", "--no-scm", "--quiet")
    (tmp_path / "dvc.yaml").write_text(TOY, encoding="utf-8")
    (tmp_path / "source.txt").write_text("one", encoding="utf-8")
    (tmp_path / "second.py").write_text("open('second.txt', 'w').write('done')", encoding="utf-8")
    assert reproduce(tmp_path).executed == ("first", "second")
    again = reproduce(tmp_path)
    assert (again.executed, again.skipped) == ((), 2)
    (tmp_path / "second.py").write_text(FAILING, encoding="utf-8")
    with pytest.raises(GateError) as caught:
        reproduce(tmp_path)
    assert str(caught.value).splitlines() == [
        "stage second failed.",
        "second of toy stopped; the previous results are untouched.",
        "age: received -1",
    ]
    assert dvc_cache(tmp_path) == (tmp_path / ".dvc" / "cache" / "files" / "md5").resolve().parents[1]
    assert capfd.readouterr().out == ""


SIDE_BY_SIDE = """
stages:
  prepare:
    foreach: [a, b, c]
    do:
      cmd: python prepare.py ${item}
      deps: [prepare.py]
      outs: ["out/${item}.txt"]
  report:
    foreach: [a, b, c]
    do:
      cmd: python -c "open('report-${item}.txt', 'w').write('${item}')"
      deps: ["out/${item}.txt"]
      outs: ["report-${item}.txt"]
  index:
    cmd: python -c "open('index.txt', 'w').write('all')"
    deps: [report-a.txt, report-b.txt, report-c.txt]
    outs: [index.txt]
"""
MEETING = """
import pathlib, sys, time
pathlib.Path('out').mkdir(exist_ok=True)
me, other = sys.argv[1], {'a': 'b', 'b': 'a'}.get(sys.argv[1])
pathlib.Path(f'met-{me}').touch()
deadline = time.monotonic() + 60
while other and not pathlib.Path(f'met-{other}').exists():
    if time.monotonic() > deadline:
        sys.exit('nobody came')
    time.sleep(0.02)
pathlib.Path(f'out/{me}.txt').write_text(me)
"""


def side_by_side_project(place: Path, prepare: str) -> Path:
    place.mkdir()
    run_dvc(place, "init", "--no-scm", "--quiet")
    (place / "dvc.yaml").write_text(SIDE_BY_SIDE, encoding="utf-8")
    (place / "params.yaml").write_text("datasets: {a: 1, b: 2, c: 3}\n", encoding="utf-8")
    (place / "prepare.py").write_text(prepare, encoding="utf-8")
    return place


def test_datasets_side_by_side_leave_what_one_after_another_leaves(tmp_path):
    alone = side_by_side_project(tmp_path / "alone", MEETING.replace("while other", "while False"))
    serial = reproduce(alone)
    together = side_by_side_project(tmp_path / "together", MEETING)
    found = reproduce(together, at_once=["a", "b", "c"], jobs=2)
    assert sorted(found.executed) == sorted(serial.executed)
    assert found.executed[-1] == "index"
    assert (found.skipped, serial.skipped) == (0, 0)
    order = [line for line in (together / "dvc.lock").read_text(encoding="utf-8").splitlines() if line[:3].strip()]
    assert order == [line for line in (alone / "dvc.lock").read_text(encoding="utf-8").splitlines() if line[:3].strip()]
    again = reproduce(together, at_once=["a", "b", "c"], jobs=2)
    assert (again.executed, again.skipped) == ((), 7)


def test_a_dataset_that_fails_stops_the_rest_but_not_the_one_under_way(tmp_path):
    words = "prepare of a stopped; the previous results are untouched."
    failing = f"import sys\nif sys.argv[1] == 'a':\n    sys.exit({words!r})\n"
    root = side_by_side_project(
        tmp_path / "project", failing + MEETING.replace("while other", "time.sleep(3)\nwhile False")
    )
    with pytest.raises(GateError, match="stage prepare@a failed"):
        reproduce(root, at_once=["a", "b", "c"], jobs=2)
    assert (root / "report-b.txt").is_file()
    assert not (root / "met-c").exists()
    assert not (root / "index.txt").exists()
