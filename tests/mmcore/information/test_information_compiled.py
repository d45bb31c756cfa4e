"""The compiled kernel: one compilation serves every table, a user is told of it, and a missing cache is no error."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numba import njit
from numba.core import caching

from mmcore.information.solvers import compiled, interior, kernel

ROOT = Path(__file__).resolve().parents[3]


@njit
def nothing(a, b, tol, max_iter, it, work, best, out):
    return None


def refuse(*_):
    raise OSError("No space left on device")


def test_one_compilation_serves_every_table():
    p = np.random.default_rng(0).dirichlet(np.ones(120)).reshape(4, 5, 6)
    a, b = p.sum(axis=1), p.sum(axis=0)
    expected = interior.solve(a, b).union
    for table in (a, b):
        table.flags.writeable = False
    assert interior.solve(a, b).union == expected
    assert interior.solve(np.asfortranarray(a), np.asfortranarray(b)).union == expected
    interior.union_information_many(a[None].astype(np.float64), b[None], max_iter=np.int32(50))
    assert len(compiled.batch().signatures) == 1


def test_compiling_is_said_once(monkeypatch, capsys):
    monkeypatch.setattr(kernel, "define_batch", lambda sources: nothing)
    compiled.batch.__wrapped__()
    assert capsys.readouterr().err.count("Compiling the solver") == 1


def test_what_is_compiled_is_loaded_without_a_word():
    compiled.batch()
    limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    command = [sys.executable, "-m", "mmcore.information.solvers.compiled"]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **limits}, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_without_a_folder_it_compiles_in_memory(monkeypatch):
    monkeypatch.setattr(caching._CacheLocator, "ensure_cache_path", refuse)
    assert kernel.define_batch(0).stats.cache_path is None


def test_a_full_disk_is_a_sentence(monkeypatch, capsys):
    class Unkept:
        stats = nothing.stats
        compile = staticmethod(refuse)
        disable_compile = staticmethod(lambda: None)

    monkeypatch.setattr(kernel, "define_batch", lambda sources: Unkept)
    assert compiled.batch.__wrapped__() is Unkept
    assert "cannot be kept (No space left on device)" in capsys.readouterr().err


@pytest.mark.parametrize("module", ["kernel", "kernel_newton", "kernel_certificate"])
def test_a_change_of_any_compiled_module_is_another_key(module, monkeypatch, tmp_path):
    before = compiled._sources()
    source = getattr(compiled, module)
    changed = tmp_path / "changed.py"
    changed.write_text(Path(source.__file__).read_text() + "\n")
    monkeypatch.setattr(source, "__file__", str(changed))
    assert compiled._sources() != before
