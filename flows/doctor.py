"""`interplay doctor`: what could stand in the way of a run, each problem with its remedy."""

from __future__ import annotations

import os
import re
import shutil
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from flows.server import answers
from mmcore.errors import InputError
from tasks.parameters import ParametersError, load_parameters
from tasks.reproduce import run_dvc

_LEAST_DISK_GB = 2.0


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    title: str
    status: str
    found: str
    remedy: str = ""


def examine(root: Path) -> list[Finding]:
    """Return every finding, in a fixed order."""
    return [
        _python(), *_versions(root), _device(), _disk(root), _parameters(root), *_sources(root), _pdf(), _server(),
        *_remotes(root),
    ]  # fmt: skip


def _python() -> Finding:
    version = sys.version.split()[0]
    good = sys.version_info >= (3, 11)
    return Finding("Python", "passed" if good else "failed", version, "" if good else "Use Python 3.11 or newer.")


def _versions(root: Path) -> list[Finding]:
    """Compare what is installed with the lock: above prefect's undeclared bounds no schedule ever fires."""
    lock = root / "requirements.lock"
    if not lock.is_file():
        return [Finding("Packages", "warning", "no requirements.lock here", "Run from the project's root.")]
    wrong = []
    for name, wanted in re.findall(r"^([A-Za-z0-9._-]+)==(\S+)$", lock.read_text(encoding="utf-8"), re.MULTILINE):
        try:
            installed = metadata.version(name).split("+")[0]
        except metadata.PackageNotFoundError:
            installed = "none"
        if installed != wanted:
            wrong.append(f"{name} {installed} instead of {wanted}")
    if wrong:
        found = "; ".join(wrong[:5]) + (f" and {len(wrong) - 5} more" if len(wrong) > 5 else "")
        return [Finding("Packages", "failed", found, "Run 'make setup'.")]
    return [Finding("Packages", "passed", "as in requirements.lock")]


def _device() -> Finding:
    import torch

    if torch.cuda.is_available():
        return Finding("Device", "passed", f"{torch.cuda.device_count()} x {torch.cuda.get_device_name(0)}")
    return Finding("Device", "passed", f"CPU, {os.cpu_count()} cores")


def _disk(root: Path) -> Finding:
    free = shutil.disk_usage(root.resolve()).free / 1e9
    good = free >= _LEAST_DISK_GB
    remedy = "" if good else "Free some: 'dvc gc -w' removes versions that nothing uses from the cache."
    return Finding("Disk", "passed" if good else "failed", f"{free:.1f} GB free", remedy)


def _parameters(root: Path) -> Finding:
    try:
        names = list(load_parameters(root).datasets)
    except ParametersError as error:
        found = f"{len(error.problems)} problem{'s' * (len(error.problems) > 1)}"
        return Finding("params.yaml", "failed", found, "\n".join(str(problem) for problem in error.problems))
    return Finding("params.yaml", "passed", f"{len(names)} datasets: {', '.join(names)}")


def _sources(root: Path) -> list[Finding]:
    try:
        blocks = load_parameters(root).datasets
    except ParametersError:
        return []
    missing = [f"{name}: {block.source.get('path')}" for name, block in blocks.items()
               if not (root / str(block.source.get("path", ""))).exists()]  # fmt: skip
    if missing:
        return [Finding("Sources", "failed", "; ".join(missing), "Run 'make data', or correct the paths.")]
    return [Finding("Sources", "passed", f"{len(blocks)} of {len(blocks)} there")]


def _pdf() -> Finding:
    try:
        import weasyprint  # noqa: F401
    except OSError as error:
        remedy = "Install Pango (Debian: apt-get install libpangoft2-1.0-0), or set report.pdf to false."
        return Finding("PDF", "failed", str(error).splitlines()[0], remedy)
    return Finding("PDF", "passed", "Pango is there")


def _server() -> Finding:
    url = os.environ.get("PREFECT_API_URL")
    if not url:
        return Finding("Server", "passed", "not asked for; runs are direct", "'interplay up' starts one.")
    if answers(url):
        return Finding("Server", "passed", f"answers at {url}")
    return Finding("Server", "failed", f"nothing answers at {url}", "Run 'interplay up', or unset PREFECT_API_URL.")


def _remotes(root: Path) -> list[Finding]:
    if not (root / ".dvc").is_dir():
        return [Finding("DVC", "failed", "no .dvc here", "Run from the project's root; in a new one, 'dvc init'.")]
    try:
        listed = run_dvc(root, "remote", "list").split()
    except InputError as error:
        return [Finding("DVC", "failed", error.received, "Run 'dvc init' in a git repository.")]
    if not listed:
        return [Finding("Remote", "passed", "none; data stay in .dvc/cache", "'dvc remote add -d' to share them.")]
    return [Finding("Remote", "passed", ", ".join(listed[::2]))]
