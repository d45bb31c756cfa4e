"""Every figure in every state on one page, from invented results: to be looked at, and compared by bytes.

Run `python -m mmcore.reporting.gallery PATH` to write it. The states: usual, planted truth, a part below zero, forty
models, nothing measured beside the scores, empty, failed, six modalities, forty classes, and long names.
"""

from __future__ import annotations

import copy
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from mmcore.atomic import atomic_file
from mmcore.reporting.facts import facts_of
from mmcore.reporting.invented import invented
from mmcore.reporting.page import environment, inline_assets, sections_of
from mmcore.reporting.sections import answer
from mmcore.reporting.view import Block, Empty, Figure, Wide

LONG = ("a_modality_whose_name_does_not_end_where_it_should", "another_modality_with_a_name_as_long_as_a_sentence")


def _empty() -> dict[str, Any]:
    return {"dataset": invented(name="empty")["dataset"]}


def _absent() -> dict[str, Any]:
    """Neither noise nor prediction sets were asked for, no temperature was fitted, and no cost was counted."""
    results = copy.deepcopy(invented(("text", "audio", "video"), name="absent", bank=False))
    absent = {"status": "absent", "reason": "evaluate.noise_levels is empty"}
    results["evaluation"] |= {"robustness": absent, "conformal": absent, "temperature": None}
    for entry in results["evaluation"]["models"]:
        entry |= {"n_parameters": None, "flops": None}
    return results


def _failed() -> dict[str, Any]:
    results = copy.deepcopy(invented(("text", "audio", "video"), name="failed"))
    for pair in results["estimate"]["pairs"]:
        pair |= {"status": "refused", "reason": "8 rows have both; 30 are needed."}
    for entry in results["estimate"]["reach"]:
        entry |= {"status": "refused", "lower": None, "upper": None, "reason": "8 rows have both; 30 are needed."}
    results["checks"]["checks"][1] |= {"status": "failed", "found": "3 groups", "detail": "Split by group again."}
    results["evaluation"]["models"][1] |= {"metrics": {}, "difference": None, "reason": "Training did not converge."}
    results["explanation"] = {"status": "refused", "reason": "The recommended model has one modality."}
    return results


# (id, heading, results)
STATES: tuple[tuple[str, str, Callable[[], Mapping[str, Any]]], ...] = (
    ("usual", "Usual", lambda: invented(grouped=True, advice=True)),
    ("planted", "Planted truth", lambda: invented(("alpha", "beta", "gamma"), planted=True)),
    ("negative", "A part below zero", lambda: invented(negative=True)),
    ("many", "Forty models", lambda: invented(more_models=36, slices=True)),
    ("absent", "Not measured", _absent),
    ("empty", "Empty", _empty),
    ("failed", "Failed", _failed),
    ("six", "Six modalities", lambda: invented(("text", "audio", "video", "pulse", "motion", "skin"), advice=True)),
    ("forty", "Forty classes", lambda: invented(classes=tuple(f"species {i:02d}" for i in range(40)))),
    (
        "long",
        "Long names",
        lambda: invented(LONG, tuple(f"a class with quite a long name, number {i}" for i in range(5))),
    ),
)


def _shown(block: Block) -> bool:
    return isinstance(block, Figure | Wide | Empty)


def _state(identity: str, results: Mapping[str, Any]) -> Markup:
    """Return the figures of one state; its name goes before each id, so that ids stay unique on the one page."""
    facts = facts_of(results)
    parts = [(section.title, [b for b in section.blocks if _shown(b)]) for section in sections_of(facts)]
    shown = [(title, blocks) for title, blocks in parts if blocks]
    html = environment().get_template("state.html").render(hero=answer.view(facts), parts=shown)
    return Markup(re.sub(r' (id|aria-labelledby)="', rf' \g<1>="{identity}-', html))


def gallery() -> str:
    """Return the gallery as one HTML file; the same bytes each time.

    Example:
        >>> gallery().startswith("<!doctype html>")
        True
    """
    states = [(identity, heading, _state(identity, make())) for identity, heading, make in STATES]
    html = environment().get_template("gallery.html").render(title="Gallery", states=states, **inline_assets())
    return html.rstrip("\n") + "\n"


def write(path: str | Path) -> Path:
    """Write the gallery and return its path."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(target) as aside:
        Path(aside).write_text(gallery(), encoding="utf-8")
    return target


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Give one argument: the file to write, for example gallery.html.")
    print(write(sys.argv[1]))
