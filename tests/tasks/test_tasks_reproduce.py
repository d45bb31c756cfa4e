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
