"""`python -m mmcore.data.embedded [names] --to data/raw`: extract the embedded datasets, those named or all."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mmcore.data.embedded import DEFAULT_ROOT, EMBEDDED, extract
from mmcore.errors import InputError


def main(arguments: list[str] | None = None) -> int:
    """Extract and say what was done; return 0, or 1 when a dataset could not be extracted (the others still are)."""
    names = [embedded.name for embedded in EMBEDDED]
    parser = argparse.ArgumentParser(prog="python -m mmcore.data.embedded", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(names)}; default: all")
    parser.add_argument("--to", type=Path, default=DEFAULT_ROOT, help="folder of raw data (default: data/raw)")
    given = parser.parse_args(arguments)
    failed = False
    for name in given.names or names:
        try:
            print(extract(name, given.to))
        except InputError as error:
            print(f"{name}: {error}", file=sys.stderr)
            failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
