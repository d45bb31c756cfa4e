"""`interplay doctor`: each thing that can stand in the way is found, and named with its remedy."""

from __future__ import annotations

import shutil
from importlib import metadata
from pathlib import Path

import pytest
from projects import ROOT, edit_parameters, interplay

from flows import doctor
from flows.doctor import Finding, examine


@pytest.fixture(autouse=True)
def no_server(monkeypatch):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """What doctor looks at, of a project that is well."""
    for name in ("params.yaml", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc" / "config").touch()

    def keep_planted(content: dict) -> None:
        content["datasets"] = {"planted": content["datasets"]["planted"]}
        content["datasets"]["planted"]["source"]["path"] = "params.yaml"

    edit_parameters(tmp_path, keep_planted)
    return tmp_path


def found(place: Path, title: str) -> Finding:
    return next(finding for finding in examine(place) if finding.title == title)


def test_every_problem_has_a_remedy(tmp_path):
    findings = examine(tmp_path)
    assert {f.title for f in findings if f.status == "failed"} >= {"params.yaml", "DVC"}
    assert all(f.remedy for f in findings if f.status != "passed")


def test_a_project_that_is_well(place):
    assert [f for f in examine(place) if f.title not in ("Packages", "Disk", "PDF") and f.status != "passed"] == []


def test_packages_are_compared_with_the_lock(place):
    lock = place / "requirements.lock"
    lock.write_text(f"numpy=={metadata.version('numpy')}\n")
    assert found(place, "Packages").status == "passed"
    lock.write_text("numpy==0.1\nno-such-package==1.0\n")
    finding = found(place, "Packages")
    assert finding.status == "failed" and "make setup" in finding.remedy
    assert "instead of 0.1" in finding.found and "no-such-package none instead of 1.0" in finding.found
    lock.unlink()
    assert found(place, "Packages").status == "warning"


def test_parameters_with_problems(place):
    edit_parameters(place, lambda content: content["train"].update(epochs=0, epoch=1))
    finding = found(place, "params.yaml")
    assert (finding.status, finding.found) == ("failed", "2 problems") and "Did you mean 'epochs'?" in finding.remedy


def test_source_that_is_not_there(place):
    edit_parameters(place, lambda content: content["datasets"]["planted"]["source"].update(path="gone.npz"))
    finding = found(place, "Sources")
    assert (finding.status, finding.found) == ("failed", "planted: gone.npz") and finding.remedy


def test_server_that_does_not_answer(place, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    finding = found(place, "Server")
    assert finding.status == "failed" and "interplay up" in finding.remedy


def test_full_disk(place, monkeypatch):
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**12, 10**12, 10**8))
    finding = found(place, "Disk")
    assert (finding.status, finding.found) == ("failed", "0.1 GB free") and "dvc gc" in finding.remedy


def test_remote_is_named(place):
    (place / ".dvc" / "config").write_text("['remote \"store\"']\n    url = /elsewhere\n")
    assert found(place, "Remote").found == "store"


def test_exit_code(tmp_path):
    done = interplay(ROOT, "doctor", check=False, PREFECT_API_URL="http://127.0.0.1:9/api")
    assert done.returncode == 1 and "nothing answers" in " ".join(done.stdout.split())
    assert "Traceback" not in done.stderr
