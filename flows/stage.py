"""What every `python -m flows.<stage> --dataset NAME` does: check the parameters, run the flow, fail clearly."""

from __future__ import annotations

import argparse
import errno
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmcore.errors import InputError, NotBuiltYetError, unknown_name
from tasks.gates import GateError
from tasks.preload import hand_over
from tasks.tracking import quiet_environment

# numpy reports a short write without any number
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, None}


def run_stage(stage: Callable[..., Any]) -> None:
    """Run `stage` for the dataset named on the command line; exit 1 with one clear message when it cannot.

    A stage's module imports what it needs in its functions: by then it may have been handed over.
    """
    name = stage.__name__
    hand_over(f"flows.{name}")
    from tasks.parameters import ParametersError, load_parameters

    parser = argparse.ArgumentParser(prog=f"python -m flows.{name}", description=stage.__doc__)
    parser.add_argument("--dataset", required=True, help="a name under 'datasets' in params.yaml")
    dataset = parser.parse_args().dataset
    quiet_environment()
    try:
        parameters = load_parameters(Path())
        if dataset not in parameters.datasets:
            raise unknown_name("--dataset", dataset, parameters.datasets)
        stage(dataset, Path())
    except (InputError, ParametersError, GateError, NotBuiltYetError) as error:
        sys.exit(f"{name} of '{dataset}' stopped; the previous results are untouched.\n{error}")
    except OSError as error:
        if error.errno not in _NO_SPACE:
            raise
        sys.exit(
            f"{name} of '{dataset}' stopped; the previous results are untouched.\n"
            f"disk: received '{error}'; allowed: enough space beside the project. "
            "Free some ('dvc gc -w' removes old versions from the cache), then run the same command again."
        )
