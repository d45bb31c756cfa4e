"""What templates see: frozen pieces of a page, finished strings and drawings only.

One set of pieces serves every section, so one template draws them all: a section is an answer and a row of blocks.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from markupsafe import Markup


@dataclass(frozen=True)
class Status:
    """A status word with its sign; `kind` is ok, warn, fail or off."""

    kind: str
    sign: str
    word: str


PASSED = Status("ok", "✓", "Passed")
WARNING = Status("warn", "!", "Warning")
FAILED = Status("fail", "✕", "Failed")
NO_ESTIMATE = Status("off", "–", "No estimate")
STATUSES = {"passed": PASSED, "warning": WARNING, "failed": FAILED}


@dataclass(frozen=True)
class Cell:
    """One cell: text, a quieter second text, and what sorting compares."""

    text: str = ""
    quiet: str = ""
    quiet_below: bool = False
    value: str = ""
    status: Status | None = None
    drawing: Markup | None = None
    swatch: str = ""
    tag: str = ""
    link: str = ""
    code: bool = False
    span: int = 1


@dataclass(frozen=True)
class Column:
    """A column's head; `hidden` heads are read aloud only."""

    head: str
    numeric: bool = False
    sortable: bool = True
    hidden: bool = False


@dataclass(frozen=True)
class Table:
    """A table; `marked` is the row that is recommended."""

    label: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str = ""
    sortable: bool = False
    marked: int | None = None
    kind: str = field(default="table", init=False)


@dataclass(frozen=True)
class Source:
    """Where a figure's numbers come from; `extra` is plain text."""

    stage: str
    flow: str
    module: str
    extra: str = ""


@dataclass(frozen=True)
class Figure:
    """A figure drawn twice, or `empty` with its reason."""

    name: str
    title: str
    unit: str
    wide: Markup | None = None
    narrow: Markup | None = None
    empty: str = ""
    key: tuple[tuple[str, str], ...] = ()
    means: str = ""
    table: Table | None = None
    source: Source | None = None
    note: str = ""
    number: int = 0
    beside: bool = False
    kind: str = field(default="figure", init=False)


@dataclass(frozen=True)
class Heading:
    """A heading inside a section."""

    text: str
    kind: str = field(default="heading", init=False)


@dataclass(frozen=True)
class Paragraph:
    """Plain text."""

    text: str
    quiet: bool = False
    kind: str = field(default="paragraph", init=False)


@dataclass(frozen=True)
class Reasons:
    """A numbered list of (claim, evidence)."""

    items: tuple[tuple[str, str], ...]
    kind: str = field(default="reasons", init=False)


@dataclass(frozen=True)
class Wide:
    """A titled table that spans text and margin."""

    identity: str
    title: str
    table: Table
    source: Source | None = None
    kind: str = field(default="wide", init=False)


@dataclass(frozen=True)
class Folded:
    """A table that folds away."""

    summary: str
    table: Table
    kind: str = field(default="folded", init=False)


@dataclass(frozen=True)
class Measured:
    """A panel for measured time and memory: they lie beside the page, in `path`, and the reader opens that file."""

    path: str
    kind: str = field(default="measured", init=False)


@dataclass(frozen=True)
class Empty:
    """A dashed box: what is missing, and why."""

    text: str
    kind: str = field(default="empty", init=False)


@dataclass(frozen=True)
class Commands:
    """Lines to type."""

    lines: tuple[str, ...]
    kind: str = field(default="commands", init=False)


@dataclass(frozen=True)
class Pairs:
    """A list of terms and values; the value's second part is printed as code."""

    items: tuple[tuple[str, str, str], ...]
    kind: str = field(default="pairs", init=False)


@dataclass(frozen=True)
class References:
    """What the methods rest on."""

    items: tuple[str, ...]
    kind: str = field(default="references", init=False)


Block = (
    Figure | Table | Heading | Paragraph | Reasons | Wide | Folded | Measured | Empty | Commands | Pairs | References
)


@dataclass(frozen=True)
class Section:
    """A question, its answer and its evidence."""

    identity: str
    number: int
    short: str
    title: str
    claim: str
    evidence: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Headline:
    """One of the numbers under the verdict."""

    term: str
    value: str
    unit: str
    context: str


@dataclass(frozen=True)
class Hero:
    """The first screen."""

    name: str
    subtitle: str
    verdict: str
    because: str
    headlines: tuple[Headline, ...]
    strip_title: str = ""
    strip_wide: Markup | None = None
    strip_narrow: Markup | None = None
    key: tuple[tuple[str, str], ...] = ()
    empty: str = ""


def number_head(head: str) -> Column:
    """Return the head of a numeric column."""
    return Column(head, numeric=True)


def empty_figure(name: str, title: str, unit: str, reason: str) -> Figure:
    """Return a figure that has nothing to show, with the reason."""
    return Figure(name=name, title=title, unit=unit, empty=f"no estimate: {reason[:1].lower()}{reason[1:]}")
