"""One dataset's page: results to facts, facts to one frozen view a section, views to HTML.

The same results give the same bytes: no date, host, path or random id enters, order comes from declared lists, and the
page asks the network for nothing (a content policy in its head forbids it).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cache
from typing import Any

import jinja2
from markupsafe import Markup

from mmcore.reporting import format as fmt
from mmcore.reporting import tokens
from mmcore.reporting.facts import Facts, facts_of
from mmcore.reporting.sections import answer, data, interact, missing, model, reach, repro, trust, uses
from mmcore.reporting.sentences.answers import ANSWERS
from mmcore.reporting.view import Block, Figure, Section

# (id, short title, question, blocks)
SECTIONS = (
    ("data", "The data", "The data, and can they be trusted?", data.blocks),
    ("interact", "Interactions", "How do the modalities interact?", interact.blocks),
    ("reach", "What is reachable", "What could a model reach?", reach.blocks),
    ("model", "Which model", "Which model, and why?", model.blocks),
    ("missing", "Missing or noisy", "What if a modality is missing or noisy?", missing.blocks),
    ("trust", "Probabilities", "Can the probabilities be trusted?", trust.blocks),
    ("uses", "What the model uses", "What does the model use?", uses.blocks),
    ("repro", "Reproduce", "Reproduce this report", repro.blocks),
)


@cache
def environment() -> jinja2.Environment:
    """Return the template environment: escapes everything, and an undefined name is an error."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("mmcore.reporting", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )


def inline_assets() -> dict[str, Markup]:
    """Return style and script to be written into a page; `</` cannot end them early."""
    loader = environment().loader
    if loader is None:
        raise RuntimeError("the template environment has no loader")
    source = {name: loader.get_source(environment(), name)[0] for name in ("style.css", "script.js")}
    return {
        "style": Markup(tokens.tokens_css() + source["style.css"]),
        "script": Markup(source["script.js"].strip()),
    }


def sections_of(facts: Facts) -> tuple[Section, ...]:
    """Return the eight sections after the first screen, their figures numbered through the page."""
    found, counter = [], 0
    for number, (identity, short, title, blocks) in enumerate(SECTIONS, start=2):
        numbered: list[Block] = []
        for block in blocks(facts):
            if isinstance(block, Figure):
                counter += 1
                block = dataclasses.replace(block, number=counter)
            numbered.append(block)
        said = ANSWERS[identity](facts)
        one = fmt.with_article(facts.nouns.modality)
        question = title.replace("a modality", one).replace("modalities", facts.nouns.modalities)
        found.append(Section(identity, number, short, question, said.claim, said.evidence, tuple(numbered)))
    return tuple(found)


def build_page(results: Mapping[str, Any]) -> str:
    """Return the report of one dataset as one HTML file.

    Args:
        results: `dataset` (the content of dataset.json), `description` (from `mmcore.reporting.describe`), `checks`,
            `estimate`, `selection`, `training`, `verdict`, `evaluation`, `explanation`, `interactions` (the result
            files) and `provenance` (data_sha256, files, parameters, parameters_sha256, versions, commands). All but
            `dataset` may be missing or `{"status": "refused", "reason": ...}`; their sections then say why they are
            empty.

    Raises:
        InputError: `dataset` is missing.

    Example:
        >>> spec = {"name": "tiny", "modalities": [{"name": "a", "kind": "tabular", "shape": [2]}]}
        >>> build_page({"dataset": spec}).startswith("<!doctype html>")
        True
    """
    facts = facts_of(results)
    digest = (results.get("provenance") or {}).get("data_sha256") or ""
    html = (
        environment()
        .get_template("page.html")
        .render(
            title=f"{facts.name}: how its {facts.nouns.modalities} interact",
            hero=answer.view(facts),
            sections=sections_of(facts),
            data_hash=digest[:8],
            code_hash=((results.get("provenance") or {}).get("parameters_sha256") or "")[:8],
            **inline_assets(),
        )
    )
    return html.rstrip("\n") + "\n"
