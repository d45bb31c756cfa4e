"""`interplay run`: check the parameters, take the lock, let DVC bring everything up to date."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmcore.atomic import atomic_file
from mmcore.errors import InputError, unknown_name
from tasks.lock import pipeline_lock
from tasks.parameters import PARAMETERS_FILE, check_parameters, load_parameters
from tasks.reproduce import Reproduced, reproduce

OVERLAYS = "overlays"


def run_pipeline(
    root: Path,
    datasets: list[str] | None,
    settings: Sequence[str] = (),
    overlay: str | None = None,
    jobs: int | None = None,
) -> Reproduced:
    """Bring the named datasets (None: all) up to date under the lock.

    Args:
        root: the project's root.
        datasets: names in `params.yaml`.
        settings: `key=value` to write into `params.yaml` first; comments and order of the file stay.
        overlay: name of a file of `overlays/`, whose values are written into `params.yaml` before the settings.
        jobs: how many datasets are at work at once; None: two where there are two cores.

    Raises:
        ParametersError: all problems of the parameters, before anything runs or is written.
        InputError: for an unknown dataset or a source that is not there.
        GateError: when a stage fails.
    """
    if jobs is not None and jobs < 1:
        raise InputError("--jobs", jobs, "1 or more", "Write --jobs 1 for one dataset after another.")
    parameters = load_parameters(root)
    for name in datasets or ():
        if name not in parameters.datasets:
            raise unknown_name("--dataset", name, parameters.datasets)
    if settings or overlay is not None:
        write_settings(root, settings, overlay)
        parameters = load_parameters(root)
    for name in datasets or parameters.datasets:
        _require_source(root, name, parameters.datasets[name].source)
    with pipeline_lock(root, parameters.schedule.lock_timeout_s):
        # The stages are tracked by themselves; this process is nobody's run.
        wanted = list(dict.fromkeys(datasets or parameters.datasets))
        jobs = min(2, os.cpu_count() or 1) if jobs is None else jobs
        done: Reproduced = reproduce.fn(root, datasets, at_once=wanted, jobs=jobs)
        return done


def _require_source(root: Path, name: str, source: dict[str, Any]) -> None:
    path = root / str(source.get("path", ""))
    if path.exists():
        return
    raw = Path("data/raw")
    made = "Run 'make data' to extract it." if raw in Path(str(source["path"])).parents else ""
    beside = sorted(p.name for p in path.parent.iterdir())[:8] if path.parent.is_dir() else []
    there = f"beside it lie {', '.join(beside)}" if beside else f"there is no folder {path.parent}"
    remedy = made or "Correct the path in params.yaml, or put the file there."
    raise InputError(f"datasets.{name}.source.path", f"no such file {source['path']} ({there})", "a file", remedy)


def read_overlay(root: Path, name: str) -> dict[str, Any]:
    """Return the content of `overlays/<name>.yaml`: blocks of `params.yaml` with the keys that it changes.

    Raises:
        InputError: for an unknown overlay, or one that is not blocks of keys.
    """
    from ruamel.yaml import YAML

    path = root / OVERLAYS / f"{name}.yaml"
    if not path.is_file():
        raise unknown_name("--overlay", name, sorted(file.stem for file in (root / OVERLAYS).glob("*.yaml")))
    content = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise InputError(
            "--overlay", f"{path.name} without blocks", "blocks of params.yaml", "Write 'train:' and so on."
        )
    return content


def _lay(content: Any, overlay: dict[str, Any], before: str = "") -> None:
    """Write the overlay's values into `content`, block by block."""
    for key, value in overlay.items():
        if key not in content:
            raise unknown_name("--overlay", f"{before}{key}", [f"{before}{name}" for name in content])
        if isinstance(value, dict) and isinstance(content[key], dict) and content[key]:
            _lay(content[key], value, f"{before}{key}.")
        else:
            content[key] = value


def _quoted(value: Any) -> Any:
    """Quote texts with a colon: DVC's parser refuses `[unimodal:sound]`."""
    from ruamel.yaml.scalarstring import SingleQuotedScalarString

    if isinstance(value, str) and ":" in value:
        return SingleQuotedScalarString(value)
    for place in range(len(value)) if isinstance(value, list) else list(value) if isinstance(value, dict) else ():
        value[place] = _quoted(value[place])
    return value


def write_settings(root: Path, settings: Sequence[str], overlay: str | None = None) -> None:
    """Write an overlay, then `key=value` settings, into `params.yaml`, all or none, keeping its comments.

    Raises:
        InputError: for a setting that is not `key=value` or names a block that does not exist.
        ParametersError: where the result would not be valid; the file is then unchanged.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.representer.add_representer(type(None), lambda r, _: r.represent_scalar("tag:yaml.org,2002:null", "null"))
    path = root / PARAMETERS_FILE
    content = yaml.load(path.read_text(encoding="utf-8"))
    if overlay is not None:
        _lay(content, read_overlay(root, overlay))
    for setting in settings:
        key, separator, text = setting.partition("=")
        if not separator:
            raise InputError("-S", repr(setting), "key=value", "Write for example -S train.epochs=20.")
        *blocks, last = key.split(".")
        block = content
        for part in blocks:
            if part not in block:
                raise unknown_name("-S", part, [str(name) for name in block])
            block = block[part]
            if not isinstance(block, dict):
                raise InputError(
                    "-S", f"'{key}' below the value of '{part}'", "a key of a block", f"Set '{part}' whole."
                )
        try:
            block[last] = _quoted(yaml.load(text))
        except YAMLError as error:
            remedy = "Quote the setting for the shell, e.g. -S 'train.seeds=[0, 1]'."
            raise InputError("-S", repr(setting), "key=value, the value in YAML", remedy) from error
    written = io.StringIO()
    yaml.dump(content, written)
    check_parameters(YAML(typ="safe", pure=True).load(written.getvalue()))
    with atomic_file(path) as aside:
        aside.write_text(written.getvalue(), encoding="utf-8")
