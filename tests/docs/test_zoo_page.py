"""The page of the zoo: its tables name what the code has, its Python prints what it says, its new method works."""

from __future__ import annotations

import contextlib
import importlib
import io
import re
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
import yaml
from documented_tables import ROOT

from mmcore.evaluation.scores import COLUMNS
from mmcore.models import MODELS
from mmcore.models.encoders import ENCODERS
from mmcore.training import available_methods, torch_threads
from tasks.parameters import load_parameters

PAGE = (ROOT / "docs" / "zoo.md").read_text(encoding="utf-8")
BIBLIOGRAPHY = (ROOT / "docs" / "bibliography.md").read_text(encoding="utf-8")
CITED = {int(number): entry for number, entry in re.findall(r"^(\d+)\. (.*)$", BIBLIOGRAPHY, re.M)}
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S)
ROWS = re.findall(r"^```python no-run\n(.*?)^```", PAGE, re.M | re.S)


def rows(head: str) -> list[list[str]]:
    """The cells of every table whose first line begins with `head`, in order."""
    found = []
    for body in PAGE.split(f"{head} |")[1:]:
        lines = [line for line in body.split("\n\n")[0].splitlines()[2:] if line.startswith("| ")]
        found += [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return found


METHOD_ROWS = rows("| name | what it does | reference | modalities")
ENCODER_ROWS = rows("| name | what it does | takes")


def plain(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def numbers_of(cell: str) -> list[int]:
    return [int(number) for number in re.findall(r"\[(\d+)\]", cell)]


def allowed_number(fewest: int, most: int | None) -> str:
    if most is None:
        return f"{fewest} or more"
    return str(fewest) if most == fewest else f"{fewest} to {most}"


def test_every_method_has_its_row():
    found = {row[0].strip("`"): row[3] for row in METHOD_ROWS}
    entries = {entry.name: entry for entry in MODELS}
    expected = {}
    for method in available_methods():
        entry = entries[method.model]
        expected[method.name] = allowed_number(max(entry.fewest, method.fewest), entry.most)
    assert found == expected
    assert all(cell for row in METHOD_ROWS for cell in row) and len(METHOD_ROWS) == len(found)


def test_every_encoder_has_its_row():
    seen: set[str] = set()
    expected = []
    for entry in ENCODERS:
        default = [layout for layout in entry.layouts if layout not in seen]
        seen |= set(entry.layouts)
        steps = "yes" if "steps" in entry.tags else "no"
        expected.append([f"`{entry.name}`", ", ".join(entry.layouts), steps, ", ".join(default) or "-"])
    assert [[row[0], row[2], row[4], row[5]] for row in ENCODER_ROWS] == expected


@pytest.mark.parametrize("row", [*METHOD_ROWS, *ENCODER_ROWS], ids=lambda row: row[0].strip("`"))
def test_what_is_cited_is_what_the_code_names(row):
    sources = {source.name: source.reference for source in (*available_methods(), *ENCODERS)}
    entries = [plain(CITED[number]) for cell in row[2:4] for number in numbers_of(cell)]
    for reference in sources[row[0].strip("`")].split("; "):
        author, year = re.match(r"\w+", plain(reference)), re.search(r"\b(19|20)\d\d\b", reference)
        assert author and year, reference
        assert any(author[0] in entry and year[0] in entry for entry in entries), reference


@pytest.mark.parametrize("entry", MODELS, ids=lambda entry: entry.name)
def test_every_model_states_what_absence_means(entry):
    module = importlib.import_module(entry.builder.partition(":")[0])
    assert "Missing modality:" in (module.__doc__ or "")


def test_columns_of_the_scores_are_those_of_the_file():
    named = [name for row in rows("| column") for name in re.findall(r"`(\w+)`", row[0])]
    assert tuple(named) == COLUMNS


def test_python_prints_what_it_says():
    program = "\n".join(block for block in BLOCKS if "read_parquet" not in block)
    said = re.findall(r"^ *print\(.*?\) +# (.*)$", program, re.M)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), torch_threads(1):
        exec(compile(program, "zoo.md", "exec"), {"__name__": "page"})
    lines = printed.getvalue().splitlines()
    assert [line for line in lines if line in ("True", "False")] == said and set(said) == {"True"}


def test_parameters_of_the_page_are_valid(tmp_path):
    content = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    for body in re.findall(r"^```yaml\n(.*?)^```", PAGE, re.M | re.S):
        for group, values in yaml.safe_load(body).items():
            for key, value in values.items():
                content[group][key] = {**content[group][key], **value} if isinstance(value, dict) else value
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    own = load_parameters(tmp_path).datasets["smartwatch"]
    assert own.train["models"] == ["mult", "lf_lstm"] and own.source["reader"] == "npz"


@pytest.fixture
def extended(tmp_path: Path) -> Path:
    """A copy of the code with the page's file and the page's row in it."""
    shutil.copytree(ROOT / "mmcore", tmp_path / "mmcore", ignore=shutil.ignore_patterns("__pycache__"))
    (path,) = re.findall(r"`(mmcore/models/fusions/\w+\.py)`:$", PAGE, re.M)
    (source,) = [block for block in BLOCKS if "class Maximum" in block]
    assert not (tmp_path / path).exists()
    (tmp_path / path).write_text(source, encoding="utf-8")
    registry = tmp_path / "mmcore" / "models" / "registry.py"
    start = "MODELS: tuple[ModelEntry, ...] = (\n"
    text = registry.read_text(encoding="utf-8")
    assert text.count(start) == 1 and len(ROWS) == 1
    registry.write_text(text.replace(start, f"{start}{ROWS[0].rstrip()},\n"), encoding="utf-8")
    return tmp_path


def run_in(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=place, capture_output=True, text=True, check=False)


def test_one_file_and_one_row_make_a_method(extended):
    program = f"""
import mmcore
from mmcore.training import find_method
assert mmcore.__file__.startswith({str(extended)!r}), mmcore.__file__
{BLOCKS[0].split("print(")[0]}
result = train_method("maximum", ds, epochs=20, device="cpu")
print(find_method("maximum").reference, accuracy(result) > 0.95)
"""
    done = run_in(extended, "-c", program)
    assert done.stdout == "You 2026, where it comes from True\n", done.stderr


@pytest.mark.slow
def test_the_shared_tests_check_the_new_method(extended):
    for name in ("tests/mmcore/models/test_models_zoo.py", "tests/worlds.py", "pyproject.toml"):
        (extended / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, extended / name)
    done = run_in(extended, "-m", "pytest", "-k", "maximum", "tests/mmcore/models/test_models_zoo.py")
    found = re.search(r"(\d+) passed", done.stdout)
    assert done.returncode == 0 and found and int(found[1]) >= 10, done.stdout + done.stderr
