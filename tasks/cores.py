"""How many of this machine's cores are one process's own: datasets at work side by side share them.

    cores of a dataset = floor(cores / datasets at once), one at the least

More processes than cores finish no sooner, and each one pays for its own imports, which are seconds.
"""

from __future__ import annotations

import os

CORES = "INTERPLAY_CORES"
"""The variable that tells a stage its share; not set, all cores are its own."""


def shared_cores(at_once: int) -> dict[str, str]:
    """Return the environment for each of `at_once` children that work side by side.

    Example:
        >>> shared_cores(10_000)
        {'INTERPLAY_CORES': '1'}
    """
    return {CORES: str(max(1, own_cores() // at_once))}


def own_cores() -> int:
    """Return the cores that this process may keep busy, at least one."""
    share = os.environ.get(CORES, "")
    return int(share) if share.isdecimal() and int(share) else os.cpu_count() or 1
