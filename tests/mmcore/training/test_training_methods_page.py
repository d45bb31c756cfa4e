"""docs/methods.md names every method of the code and no other; run this file to print the tables it should have."""

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
        f"| `{method.name}` | `{method.model}` | {added(method)} | {method.reference} |"
        for method in available_methods()
        if method.name not in models
    ]
    return "\n".join(["| method | model | what is added | reference |", "|---|---|---|---|", *rows])


def by_themselves():
    rows = [f"| `{entry.name}` | {', '.join(entry.tags)} | {entry.reference} |" for entry in MODELS]
    return "\n".join(["| model | tags | reference |", "|---|---|---|", *rows])


def test_the_tables_are_those_of_the_code():
    page = PAGE.read_text(encoding="utf-8")
    for table in (composed(), by_themselves()):
        assert table in page, f"put this table into docs/methods.md:\n{table}"


def test_the_page_names_every_method_once_and_no_other():
    page = PAGE.read_text(encoding="utf-8")
    named = re.findall(r"^\| `(\w+)` \|", page, re.M)
    assert sorted(named) == sorted(method.name for method in available_methods())


def test_the_python_of_the_page_prints_what_it_says(capsys):
    (block,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    exec(compile(block, "methods.md", "exec"), {"__name__": "page"})
    assert capsys.readouterr().out.splitlines() == re.findall(r"^print\(.*\)  # (.*)$", block, re.M)


if __name__ == "__main__":
    print(f"{composed()}\n\n{by_themselves()}")
