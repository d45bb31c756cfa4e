"""What is wrong with the schedule: datasets that do not exist, times that never come, a folder that must stay."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from mmcore.errors import InputError, nearest_name, unknown_name

_CRON_FIELDS = 5


def schedule_problems(schedule: Mapping[str, Any], datasets: list[str], root: Path) -> list[InputError]:
    """Return every problem of the `schedule` block that its types do not show.

    Example:
        >>> [str(problem) for problem in schedule_problems({"timezone": "Europe/Berln"}, [], Path())]
        ["schedule.timezone: received 'Europe/Berln'; allowed: an IANA name such as UTC. Did you mean 'Europe/Berlin'?"]
    """
    named = schedule.get("datasets")
    problems = [
        unknown_name("schedule.datasets", name, datasets)
        for name in (named if isinstance(named, list) else [])
        if isinstance(name, str) and name not in datasets
    ]
    for key, check in (("cron", _cron_problems), ("timezone", _timezone_problems)):
        value = schedule.get(key)
        problems += check(value) if isinstance(value, str) else []
    publish = schedule.get("publish")
    return problems + (_publish_problems(publish, root) if isinstance(publish, str) else [])


def _cron_problems(cron: str) -> list[InputError]:
    from cronsim import CronSim, CronSimError

    allowed, remedy = "five fields: minute hour day month weekday", "Write for example '0 3 * * *' for three at night."
    if len(cron.split()) != _CRON_FIELDS:
        return [InputError("schedule.cron", repr(cron), allowed, remedy)]
    try:
        next(CronSim(cron, datetime(2026, 1, 1)))
    except CronSimError as error:
        return [InputError("schedule.cron", f"{cron!r} ({error})", allowed, remedy)]
    except StopIteration:
        return [InputError("schedule.cron", f"{cron!r}, which never comes", allowed, remedy)]
    return []


def _timezone_problems(name: str) -> list[InputError]:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        near = nearest_name(name, sorted(available_timezones()))
        remedy = f"Did you mean '{near}'?" if near else "Write for example Europe/Berlin."
        return [InputError("schedule.timezone", repr(name), "an IANA name such as UTC", remedy)]
    return []


def _publish_problems(publish: str, root: Path) -> list[InputError]:
    """The published folder is replaced as a whole, so it must hold nothing else: not the sources, not the clone."""
    place = (root / publish).resolve()
    kept = [(root / name).resolve() for name in ("reports", ".git", ".interplay/scheduled")]
    if publish.strip() and not any(path.is_relative_to(place) or place.is_relative_to(path) for path in kept):
        return []
    remedy = "Name a folder of its own, for example .interplay/published: it is replaced as a whole."
    allowed = "a folder outside reports, .git and .interplay/scheduled, that does not contain them"
    return [InputError("schedule.publish", repr(publish), allowed, remedy)]
