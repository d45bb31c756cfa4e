"""How many threads a machine lends changes no bit of what is fitted: centroids, axes, symbols, directions."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
FITS = """
import hashlib
import numpy as np
from scipy.sparse import random_array
from mmcore.align.correlation import fit_correlation
from mmcore.data.preprocess.text import leading_directions
from mmcore.information.discretise import cross_fit, fit

def digest(*arrays):
    return hashlib.sha256(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)).hexdigest()

draws = np.random.default_rng(0)
x = draws.normal(size=(3000, 40))
for _ in range(3):
    fitted = fit(x, 12, components=10, seed=0)
    print(digest(fitted.centroids, fitted.projection), digest(fitted.apply(x)))
print(digest(cross_fit(x, 12, np.arange(3000) % 3)[0]))
for shape in ((3000, 800), (300, 900)):  # truncated, and dense
    matrix = random_array(shape, density=0.02, rng=np.random.default_rng(0), format="csr")
    print(digest(*leading_directions(matrix, 64 if shape[0] == 3000 else 900, 0)))
views = fit_correlation(x, x[:, :20] + draws.normal(size=(3000, 20)))
print(digest(views.weights1, views.weights2, views.project1(x)))
"""


def digests(threads: int) -> list[str]:
    limits = {name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    environment = {**os.environ, **limits}
    command = [sys.executable, "-c", FITS]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_one_thread_and_four_give_the_same_bits():
    one, four = digests(1), digests(4)
    assert one == four and len(one) == 7
    assert len(set(one[:3])) == 1
