"""The `interplay` command. Each subcommand checks its input, calls one function, and words the result."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from mmcore.errors import InputError, NotBuiltYetError, counted
from tasks.gates import GateError
from tasks.parameters.problems import ParametersError
from tasks.tracking import quiet_environment

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_show_locals=False, help=__doc__)
ROOT = Path()

DatasetOption = Annotated[list[str] | None, typer.Option("--dataset", help="a name in params.yaml; repeat for more")]
JsonOption = Annotated[bool, typer.Option("--json", help="print the whole result as JSON")]


def main() -> None:
    """Run the command line; a user's mistake ends with its message and exit code 1, never with a traceback."""
    quiet_environment()
    try:
        app()
    except (InputError, ParametersError, GateError, NotBuiltYetError, ArithmeticError) as error:
        fail(error)


def fail(error: Exception) -> NoReturn:
    """End with the error's own words."""
    print(f"interplay: {error}", file=sys.stderr)
    sys.exit(1)


WHOLE = ("name", "model")
"""Columns of names, which are never wrapped or cut."""


def _table(title: str, columns: list[str], rows: list[list[str]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for column in columns:  # a name that is cut cannot be typed again
        table.add_column(column, no_wrap=column in WHOLE)
    for row in rows:
        table.add_row(*row)
    Console().print(table)


@app.command()
def run(
    dataset: DatasetOption = None,
    setting: Annotated[list[str] | None, typer.Option("-S", help="key=value, written into params.yaml")] = None,
    overlay: Annotated[str | None, typer.Option(help="a file of overlays/, written into params.yaml: full")] = None,
    track: Annotated[bool, typer.Option("--track", help="start a tracking server if none answers")] = False,
    jobs: Annotated[int | None, typer.Option(help="datasets at work at once; two where there are two cores")] = None,
) -> None:
    """Bring reports up to date: take the lock, check the parameters, run 'dvc repro'."""
    from flows.run import run_pipeline
    from flows.server import tracking

    def go() -> None:
        done = run_pipeline(ROOT, dataset, setting or (), overlay, jobs)
        print(f"{counted(len(done.executed), 'stage')} ran, {done.skipped} up to date.")

    if track:
        with tracking(ROOT):
            go()
    else:
        go()
    page = Path("reports", dataset[0], "index.html") if dataset and len(dataset) == 1 else Path("reports/index.html")
    print(f"Report: {page}")


@app.command()
def up(stop: Annotated[bool, typer.Option("--stop", help="stop it again")] = False, port: int = 4200) -> None:
    """Start the local tracking server, or stop it."""
    from flows.server import start_server, stop_server

    if stop:
        print("Stopped." if stop_server(ROOT) else "No server of this project is running.")
        return
    server = start_server(ROOT, port)
    print("Started." if server.started else "A server is already running.")
    print(f"Its pages: {server.url.removesuffix('/api')}\nTo be tracked there: export PREFECT_API_URL={server.url}")


@app.command()
def serve(dataset: DatasetOption = None) -> None:
    """Run the pipeline at the times of schedule.cron in params.yaml, until stopped."""
    import os

    from flows.serve import serve_schedule
    from flows.server import start_server

    if not os.environ.get("PREFECT_API_URL"):
        os.environ["PREFECT_API_URL"] = start_server(ROOT).url
        os.environ.setdefault("PREFECT_HOME", str((ROOT / ".prefect").resolve()))
    serve_schedule(ROOT, dataset)


@app.command()
def add(
    name: str,
    source: Annotated[Path, typer.Option("--from", help="a file, or a folder with an index table")],
    label: Annotated[str | None, typer.Option(help="the column or array to predict")] = None,
    dry_run: Annotated[bool, typer.Option(help="print the block, write nothing")] = False,
) -> None:
    """Look into files and write the dataset's block into params.yaml."""
    from flows.add import add_dataset

    print(add_dataset(ROOT, name, source, label=label, write=not dry_run))


@app.command()
def accept(name: str) -> None:
    """Accept the dataset's present state as the reference for drift."""
    from flows.accept import accept_state

    path = accept_state(ROOT, name)
    print(f"Wrote {path}. Commit it: later versions of '{name}' are compared with this state.")


@app.command()
def datasets() -> None:
    """List the datasets of params.yaml and how far each has come."""
    from flows.inspect import dataset_rows

    _table("Datasets", ["name", "reader", "source", "samples", "verdict"], dataset_rows(ROOT))


@app.command()
def models(
    dataset: Annotated[str | None, typer.Option(help="count parameters and operations on this dataset")] = None,
) -> None:
    """List the methods that 'train.models' may name: tags, reference, and what one costs."""
    from flows.zoo import COLUMNS, method_rows

    _table("Models", list(COLUMNS), method_rows(ROOT, dataset))


@app.command()
def leaderboard() -> None:
    """Rank the models over every dataset that has results."""
    from flows.leaderboard import COLUMNS, leaderboard_rows, ranked

    board, left_out = ranked(ROOT)
    _table(f"Leaderboard over {len(board.datasets)} datasets", list(COLUMNS), leaderboard_rows(board))
    differ = [f"{pair.first} and {pair.second}" for pair in board.pairs if pair.differ]
    print(f"Friedman p {board.friedman_p:.3g}. " if board.friedman_p is not None else "", end="")
    print(f"Differ beyond chance: {', '.join(differ) or 'none'}.")
    if left_out:
        print(f"Left out, because not every dataset has them: {', '.join(left_out)}.")


def _atoms(result: Any, as_json: bool) -> None:
    if as_json:
        print(json.dumps(result.to_dict(), indent=1, sort_keys=True))
        return
    names = ("redundancy", "unique1", "unique2", "synergy")
    _table("Bits", [*names, "total"], [[f"{getattr(result, name):.4f}" for name in (*names, "total")]])
    gap = "" if result.gap is None else f"; gap at most {result.gap:.1e} bits"
    print(f"{result.status} by {result.solver or result.method}{gap}")


@app.command()
def decompose(
    joint: Path,
    method: Annotated[
        str, typer.Option(help="The measure: broja, i_min, mmi, wms, co_information, ci, i_ccs, i_sx.")
    ] = "broja",
    tol: Annotated[float, typer.Option(help="Width of the certified interval, bits.")] = 1e-9,
    as_json: JsonOption = False,
) -> None:
    """Decompose a joint distribution p(x1, x2, y) stored as an npy array."""
    from flows.inspect import load_joint
    from mmcore.information import pid

    _atoms(pid.decompose(load_joint(joint), method=method, tol=tol), as_json)


def _with_interval(pair: dict[str, Any], name: str) -> str:
    value = f"{(pair['corrected'] or pair['raw'])[name]:z.3f}"
    low, high = (pair["interval"] or {}).get(name, (None, None))
    return value if low is None else f"{value} [{low:z.3f}, {high:z.3f}]"


@app.command()
def estimate(dataset_dir: Path, as_json: JsonOption = False) -> None:
    """Decompose every pair of modalities of a dataset directory, with the settings of params.yaml."""
    from flows.inspect import estimate_directory

    result = estimate_directory(ROOT, dataset_dir)
    if as_json:
        print(json.dumps(result, indent=1, sort_keys=True))
        return
    names = ("redundancy", "unique1", "unique2", "synergy")
    rows = []
    for pair in result["pairs"]:
        title = f"{pair['first']} + {pair['second']}"
        if pair["status"] != "estimated":
            rows.append([title, *["–"] * 4, pair["reason"]])
            continue
        shown = [_with_interval(pair, name) for name in names]
        rows.append([title, *shown, counted(pair["n_rows"], "row")])
    _table("Bits, bias-corrected, with intervals", ["pair", *names, ""], rows)


@app.command()
def doctor() -> None:
    """Check versions, devices, disk, server and remotes; each problem with its remedy."""
    from flows.doctor import examine

    findings = examine(ROOT)
    marks = {"passed": "✓", "warning": "!", "failed": "✕"}
    _table("Doctor", ["", "what", "found", "remedy"], [[marks[f.status], f.title, f.found, f.remedy] for f in findings])
    if any(finding.status == "failed" for finding in findings):
        raise typer.Exit(1)


if __name__ == "__main__":
    main()
