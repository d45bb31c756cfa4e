"""The peers: where each runs, how long it may, and how it is measured, one process a case.

dit and BROJA_2PID (inside idtxl-uv, on ECOS) get an environment of their own, since what they depend on is not pinned
here. It is made once, under `.interplay/bench-venv`; where the network refuses, the rows say so.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = ROOT / ".interplay" / "bench-venv"
WORKER = Path(__file__).with_name("worker.py")


@dataclasses.dataclass(frozen=True)
class Peer:
    """A peer: its name in the worker, its title, and the packages it needs beyond this project's (none: runs here)."""

    name: str
    title: str
    packages: tuple[tuple[str, ...], ...] = ()


PEERS = (
    Peer("ours", "ours"),
    Peer("clarabel", "cvxpy + Clarabel"),
    # idtxl-uv asks for much that BROJA_2PID does not use, hence --no-deps.
    Peer("broja", "BROJA_2PID", (("ecos==2.0.14",), ("--no-deps", "idtxl-uv==1.6.1"))),
    Peer("dit", "dit", (("dit==2.3",),)),
)


def environment(peers: tuple[Peer, ...]) -> dict[str, str]:
    """Make the environment of the peers that need one; return why a peer cannot run, by name."""
    python = ENVIRONMENT / "bin" / "python"
    wanted = [peer for peer in peers if peer.packages]
    if wanted and not python.exists():
        venv.create(ENVIRONMENT, with_pip=True, clear=True)
    refused = {}
    for peer in wanted:
        mark = ENVIRONMENT / f"{peer.name}.installed"
        if mark.exists():
            continue
        for packages in peer.packages:
            command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
            except subprocess.TimeoutExpired:
                refused[peer.name] = "no answer from the package index"
                break
            if done.returncode:
                refused[peer.name] = (done.stderr.strip().splitlines() or ["pip failed"])[-1]
                break
        else:
            mark.touch()
    return refused


def run(peer: Peer, tables: Path, limit: float) -> dict[str, Any]:
    """Return what the worker measured, or {"failed": ...} or {"limit": seconds}."""
    python = str(ENVIRONMENT / "bin" / "python") if peer.packages else sys.executable
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    command = [python, "-W", "ignore", str(WORKER), peer.name, str(tables), str(limit)]
    variables = {**os.environ, **threads, "PYTHONPATH": str(ROOT) if not peer.packages else ""}
    try:
        # The limit is of CPU time, so that a busy machine changes nothing; the wall clock only stops what hangs.
        done = subprocess.run(command, capture_output=True, text=True, timeout=10 * limit, check=False, env=variables)
    except subprocess.TimeoutExpired:
        return {"limit": limit}
    if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        return {"limit": limit}
    if done.returncode or not done.stdout.strip():
        return {"failed": (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1][:80]}
    return json.loads(done.stdout.strip().splitlines()[-1])
