"""Compiled loops: compiled once and said, taken from the disk in silence, again when their text changes."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numba import njit

from mmcore import compiling
from mmcore.models.compiled import arithmetic, attention, dropout, loading, low_rank, products, recurrence, tiles
from mmcore.models.compiled.eligibility import readable

ROOT = Path(__file__).resolve().parents[3]
LOOPS = {
    "attention_loops": (arithmetic, attention),
    "dropout_loops": (arithmetic, dropout),
    "low_rank_loops": (arithmetic, tiles, low_rank),
    "product_loops": (arithmetic, tiles, products),
    "recurrence_loops": (arithmetic, tiles, recurrence),
}


def test_what_is_compiled_is_loaded_without_a_word():
    for name in LOOPS:
        getattr(loading, name)()
    limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    command = [sys.executable, "-m", "mmcore.models.compiled.loading"]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **limits}, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("name", LOOPS)
def test_a_change_of_any_text_that_is_compiled_is_another_key(name, monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(compiling, "sources", lambda modules: asked.append(tuple(modules)) or 0)
    getattr(loading, name).__wrapped__()
    assert asked == [LOOPS[name]]
    monkeypatch.undo()
    for module in LOOPS[name]:
        before = compiling.sources(LOOPS[name])
        changed = tmp_path / "changed.py"
        changed.write_text(Path(module.__file__).read_text() + "\n")
        with monkeypatch.context() as patch:
            patch.setattr(module, "__file__", str(changed))
            assert compiling.sources(LOOPS[name]) != before


def test_compiling_several_functions_is_said_once(capsys):
    @njit
    def first(x):
        return x + 1

    @njit
    def second(x):
        return x + 2

    compiling.compile_for([(first, [np.float32(1)]), (second, [np.float32(1)])], "example", 3)
    said = capsys.readouterr().err
    assert said == "Compiling the example, in each process, for want of a folder to keep it in; about 3 s\n"
    with pytest.raises(TypeError):
        first("text")


def test_what_has_no_numbers_in_memory_is_not_readable():
    import torch

    x = torch.ones(2)
    seen = []
    torch.func.vmap(lambda y: seen.append(readable(y)) or y)(x)
    assert readable(x) and seen == [False] and not readable(x.to("meta"))
