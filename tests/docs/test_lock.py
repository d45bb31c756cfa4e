"""The lock holds what its packages need under every Python that the project supports, not only under this one."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCK = Path(__file__).resolve().parents[2] / "requirements.lock"
# Declared, and imported by nothing that runs here.
NOT_NEEDED = {("bokeh-sampledata", "shapely")}


def locked(version: str) -> set[str]:
    """Names that the lock installs under a version of Python."""
    lines = [line for line in LOCK.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    wanted = [Requirement(line) for line in lines]
    environment = {"python_full_version": version, "python_version": version.rpartition(".")[0]}
    return {canonicalize_name(w.name) for w in wanted if w.marker is None or w.marker.evaluate(environment)}


def missing(version: str) -> list[str]:
    """Requirements of locked packages that the lock does not hold."""
    names = locked(version)
    environment = {"python_full_version": version, "python_version": version.rpartition(".")[0], "extra": ""}
    found = []
    for name in sorted(names):
        try:
            declared = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue  # locked for another version of Python than this one
        for requirement in map(Requirement, declared):
            needed = canonicalize_name(requirement.name)
            applies = requirement.marker is None or requirement.marker.evaluate(environment)
            if applies and needed not in names and (name, needed) not in NOT_NEEDED:
                found.append(f"{name} needs {requirement}")
    return found


@pytest.mark.parametrize("version", ["3.11.0", "3.11.2", "3.11.9", "3.12.8", "3.13.1"])
def test_every_requirement_is_locked(version):
    assert missing(version) == []


def test_a_forgotten_requirement_is_found(tmp_path, monkeypatch):
    shorter = tmp_path / "requirements.lock"
    lines = LOCK.read_text(encoding="utf-8").splitlines()
    shorter.write_text("\n".join(line for line in lines if not line.startswith("async-timeout")), encoding="utf-8")
    monkeypatch.setattr(f"{__name__}.LOCK", shorter)
    assert any("async-timeout" in line for line in missing("3.11.2"))
