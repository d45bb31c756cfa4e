"""`make bench`: our solvers and our models beside named peers, in one run, as ratios of CPU time.

Machines are shared and noisy, so only the ratios are meant to be read.
"""

from __future__ import annotations

import argparse

from rich.console import Console

SECTIONS = ("decompositions", "models")


def main() -> None:
    """Print the tables of the chosen sections."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "sections", nargs="*", metavar="SECTION", help="decompositions, models; both where none is named"
    )
    parser.add_argument("--quick", action="store_true", help="a few rows and steps, without dit: about a minute")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="the rows with these names, of one section")
    parser.add_argument("--gpu", action="store_true", help="MulT on a GPU instead, with model FLOP utilisation")
    options = parser.parse_args()
    unknown = [name for name in options.sections if name not in SECTIONS]
    if unknown:
        parser.error(f"no section '{unknown[0]}'; there are {', '.join(SECTIONS)}")
    if options.only and len(options.sections) != 1:
        parser.error("--only takes rows of one section; name it")
    console = Console(width=170)
    if options.gpu:
        from benchmarks.zoo import gpu

        console.print(gpu.report(quick=options.quick))
        return
    # Each section is imported when it is run: the decompositions need no torch.
    if "decompositions" in (options.sections or SECTIONS):
        from benchmarks import decompositions

        decompositions.run(console, quick=options.quick, only=options.only)
    if "models" in (options.sections or SECTIONS):
        from benchmarks import models

        models.run(console, quick=options.quick, only=options.only)


if __name__ == "__main__":
    main()
