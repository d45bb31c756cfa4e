"""The pages' option tables say what the code says: every reader, kind, method and parameter, with its default."""

from __future__ import annotations

import json
import re
import typing

import pytest
import yaml
from documented_tables import GENERAL, ROOT, TABLES, own_options
from pydantic import BaseModel

from mmcore.align import check_alignment
from mmcore.data.formats import READERS, Reader, check_source
from mmcore.data.preprocess import check_options
from tasks.parameters.model import Advice, DatasetParameters, Parameters

DATA_PAGE = (ROOT / "docs" / "your-data.md").read_text(encoding="utf-8")
FORMATS_PAGE = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
PUBLISHED = [reader for reader in READERS if reader.name not in GENERAL]
PARAMETERS_PAGE = (ROOT / "docs" / "parameters.md").read_text(encoding="utf-8")
VALUES = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
SECTIONS = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", PARAMETERS_PAGE, re.M | re.S))


@pytest.mark.parametrize("name", TABLES)
def test_table_is_the_one_of_the_code(name):
    rendered = TABLES[name]()
    assert rendered in DATA_PAGE, f"put this table into docs/your-data.md:\n{rendered}"


def test_tables_have_no_row_that_the_code_does_not_render():
    lines = {line for render in TABLES.values() for line in render().splitlines()}
    assert [line for line in DATA_PAGE.splitlines() if line.startswith("|") and line not in lines] == []


@pytest.mark.parametrize("reader", PUBLISHED, ids=lambda reader: reader.name)
def test_a_reader_of_a_published_dataset_has_its_options_on_the_page(reader: Reader):
    rendered = own_options(reader)
    assert rendered in FORMATS_PAGE, f"put this table into docs/formats.md:\n{rendered}"


def test_the_formats_page_has_no_row_that_the_code_does_not_render():
    lines = {line for reader in PUBLISHED for line in own_options(reader).splitlines()}
    assert [line for line in FORMATS_PAGE.splitlines() if line.startswith("| `") and line not in lines] == []


def example_blocks() -> dict[str, dict]:
    """The page's YAML by dataset; a later part block is merged into the dataset it names."""
    found: dict[str, dict] = {}
    for body in re.findall(r"^```yaml\n(.*?)^```", DATA_PAGE + FORMATS_PAGE, re.M | re.S):
        for name, block in yaml.safe_load(body).items():
            assert len([line for line in body.splitlines() if line.strip()]) <= 11, f"{name}: more than ten lines"
            found[name] = {**found.get(name, {}), **block}
    return found


def test_every_reader_has_an_example():
    assert {block["source"]["reader"] for block in example_blocks().values()} == {reader.name for reader in READERS}


@pytest.mark.parametrize("name", example_blocks())
def test_example_is_valid(name):
    block = example_blocks()[name]
    DatasetParameters.model_validate(block)
    modalities = tuple(block["source"].get("modalities", ()))
    assert check_source(block["source"]) == []
    assert check_options(block.get("preprocess", {}), modalities) == []
    assert check_alignment(block.get("align", {}), modalities) == []


def test_the_written_block_is_what_add_writes(tmp_path):
    import shutil
    from pathlib import Path

    from flows.add import add_dataset
    from tasks.parameters import load_parameters

    shutil.copy(ROOT / "params.yaml", tmp_path)
    shutil.copytree(ROOT / "tests" / "docs" / "example", tmp_path, dirs_exist_ok=True)
    add_dataset(tmp_path, "moods", Path("mine/moods.csv"))
    assert load_parameters(tmp_path).datasets["moods"].source == example_blocks()["moods"]["source"]


def documented(section: str) -> dict[str, tuple[str, str, str]]:
    rows = re.findall(r"^\| `([^`|]+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", SECTIONS[section], re.M)
    assert rows and len(rows) == len({row[0] for row in rows})
    return {key: (default.strip(), allowed.strip(), meaning.strip()) for key, default, allowed, meaning in rows}


def groups() -> dict[str, typing.Any]:
    return {field.alias or name: field.annotation for name, field in Parameters.model_fields.items()}


def nested(model: type[BaseModel], before: str = "") -> set[str]:
    """Every key below a model, with MODALITY for a user's own name."""
    keys = set()
    for name, field in model.model_fields.items():
        keys.add(f"{before}{name}")
        parts = [field.annotation, *typing.get_args(field.annotation)]
        for part in parts:
            if isinstance(part, type) and issubclass(part, BaseModel):
                mapping = typing.get_origin(field.annotation) is dict
                keys |= nested(part, f"{before}{name}.{'MODALITY.' if mapping else ''}")
    return keys


def test_every_group_has_a_section_and_no_other():
    assert list(SECTIONS) == list(groups())


@pytest.mark.parametrize("group", groups())
def test_keys_are_those_of_the_model(group):
    model = groups()[group]
    if group == "datasets":
        expected = nested(DatasetParameters)
    elif isinstance(model, type) and issubclass(model, BaseModel):
        expected = nested(model)
    else:
        expected = {group}
    assert set(documented(group)) == expected


@pytest.mark.parametrize("group", [name for name in groups() if name != "datasets"])
def test_defaults_are_those_of_the_file(group):
    values = VALUES[group] if isinstance(VALUES[group], dict) and VALUES[group] else {group: VALUES[group]}
    for key, (default, _, _) in documented(group).items():
        if "." in key:  # inside a block that the file leaves out
            continue
        shown = default.strip("`")
        read = shown if isinstance(values[key], str) else json.loads(shown)
        assert read == values[key], key


def test_defaults_inside_the_advice_are_those_of_the_model():
    for key, (default, _, _) in documented("select").items():
        if key.startswith("advice."):
            field = Advice.model_fields[key.removeprefix("advice.")]
            shown = default.strip("`")
            expected = "required" if field.is_required() else field.default
            assert (shown if isinstance(expected, str) else json.loads(shown)) == expected, key


@pytest.mark.parametrize("group", groups())
def test_choices_are_all_named(group):
    model = groups()[group]
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return
    for key, field in model.model_fields.items():
        for part in (field.annotation, *typing.get_args(field.annotation)):
            if typing.get_origin(part) is typing.Literal:
                for choice in typing.get_args(part):
                    assert choice in documented(group)[key][1], f"{group}.{key}"


@pytest.mark.parametrize("group", groups())
def test_reruns_are_those_of_the_pipeline(group):
    watched = []
    for name, stage in STAGES.items():
        names = [str(param).split(".")[0] for param in stage.get("do", stage).get("params", [])]
        if group in names:
            watched.append(name)
    line = re.search(r"^Reruns: ([^.]*)\.", SECTIONS[group], re.M)
    assert line, group
    assert re.findall(r"`(\w+)`", line.group(1)) == watched, group
