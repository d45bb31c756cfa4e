"""docs/methods.md says what every method adds to a model (docs/zoo.md lists them); run this file to print its table."""

from __future__ import annotations

import re
from pathlib import Path

from mmcore.models import MODELS
from mmcore.training import available_methods

PAGE = Path(__file__).resolve().parents[3] / "docs" / "methods.md"


def added(method):
    """What a method adds to its model, in the words of its row."""
    parts = [f"procedure `{method.procedure}`"] if method.procedure != "fit" else []
    parts += [f"`{name}` {value}" for name, value in {**method.options, **method.fit_options}.items()]
    terms = {} if isinstance(method.objective, str) else method.objective["terms"]
    for name, options in terms.items():
        parts.append(f"term `{name}`" + "".join(f", `{key}` {value}" for key, value in options.items()))
    return ", ".join(parts)


def composed():
    models = {entry.name for entry in MODELS}
    rows = [
        f"| `{method.name}` | `{method.model}` | {added(method)} |"
        for method in available_methods()
        if method.name not in models
    ]
    return "\n".join(["| method | model | what is added |", "|---|---|---|", *rows])


def test_the_table_is_that_of_the_code():
    page = PAGE.read_text(encoding="utf-8")
    assert composed() in page, f"put this table into docs/methods.md:\n{composed()}"


def test_the_page_names_every_method_made_of_a_model_once_and_no_other():
    named = re.findall(r"^\| `(\w+)` \|", PAGE.read_text(encoding="utf-8"), re.M)
    models = {entry.name for entry in MODELS}
    assert sorted(named) == sorted(method.name for method in available_methods() if method.name not in models)


def test_the_python_of_the_page_prints_what_it_says(capsys):
    (block,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    exec(compile(block, "methods.md", "exec"), {"__name__": "page"})
    assert capsys.readouterr().out.splitlines() == re.findall(r"^print\(.*\)  # (.*)$", block, re.M)


if __name__ == "__main__":
    print(composed())
