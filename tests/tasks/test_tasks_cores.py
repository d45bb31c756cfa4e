"""The cores of a dataset that is at work beside others."""

from __future__ import annotations

import os

import pytest

from tasks.cores import CORES, own_cores, shared_cores


@pytest.mark.parametrize(("cores", "at_once", "share"), [(2, 2, "1"), (8, 2, "4"), (7, 2, "3"), (2, 4, "1")])
def test_datasets_at_once_share_the_cores(
    monkeypatch: pytest.MonkeyPatch, cores: int, at_once: int, share: str
) -> None:
    monkeypatch.setenv(CORES, str(cores))
    assert shared_cores(at_once) == {CORES: share}


@pytest.mark.parametrize("text", ["", "0", "-1", "many"])
def test_without_a_share_all_cores_are_ones_own(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(CORES, text)
    assert own_cores() == os.cpu_count()
