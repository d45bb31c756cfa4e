"""docs/objectives.md says what the code does: its example runs, its tables are the registries'."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

from mmcore.models import MODELS
from mmcore.objectives import OBJECTIVES, TERMS

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "objectives.md").read_text(encoding="utf-8")


def rows(head):
    """The cells of the table under the row `head`."""
    lines = PAGE[PAGE.index(head) :].splitlines()[2:]
    table = lines[: next((i for i, line in enumerate(lines) if not line.startswith("|")), len(lines))]
    return [[cell.strip().strip("`") for cell in line.strip("|").split(" | ")] for line in table]


def own_options(builder, excluded):
    module, _, attribute = builder.partition(":")
    signature = inspect.signature(getattr(importlib.import_module(module), attribute))
    return {name: repr(p.default) for name, p in signature.parameters.items() if name not in excluded}


def test_the_example_prints_what_it_says(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    exec(compile(code, "objectives.md", "exec"), {})
    assert capsys.readouterr().out.split() == re.findall(r"print\(.*\)  # (\w+)", code) == ["True"]


def test_losses_and_terms_are_those_of_the_tables():
    assert [row[:2] for row in rows("| name | task |")] == [[o.name, o.task] for o in OBJECTIVES]
    shown = rows("| name | asks for |")
    assert [(row[0], float(row[2])) for row in shown] == [(term.name, term.weight) for term in TERMS]


def test_every_option_of_a_term_is_listed_with_its_default():
    found, name = {}, ""
    for term, option, default, meaning in rows("| term | option |"):
        name = term or name
        found.setdefault(name, {})[option] = default
        assert meaning
    assert found == {term.name: own_options(term.builder, {"model", "n_rows"}) for term in TERMS}


def test_every_option_of_a_generative_model_is_listed_with_its_default():
    general = {"modalities", "outputs", "task", "width", "dropout", "encoders"}
    entries = {entry.name: entry for entry in MODELS if "generative" in entry.tags and entry.kind == "model"}
    shown = rows("| model | idea |")
    assert {row[0] for row in shown} == set(entries)
    for name, _, options in shown:
        listed = dict(re.findall(r"`(\w+)` \(([^)]+)\)", f"`{options}"))
        defaults = own_options(entries[name].builder, general)
        assert set(listed) == set(defaults)
        for option, default in defaults.items():
            assert default == "None" or float(listed[option]) == float(default), option
