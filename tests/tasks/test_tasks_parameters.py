"""Every kind of mistake in `params.yaml` is found, all at once and each once, with its key, value and remedy."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
import yaml
from valid_parameters import PARAMETERS

from tasks.parameters import ParametersError, check_parameters, load_parameters

ROOT = Path(__file__).resolve().parents[2]
ABSENT = object()


@pytest.fixture
def content() -> dict:
    return copy.deepcopy(PARAMETERS)


def put(content: dict, key: str, value: object) -> dict:
    """Set (or, for ABSENT, remove) the value at a dotted key."""
    *blocks, last = key.split(".")
    block = content
    for part in blocks:
        block = block.setdefault(part, {})
    if value is ABSENT:
        del block[last]
    else:
        block[last] = value
    return content


def problems_of(content: object, root: Path = ROOT) -> list:
    with pytest.raises(ParametersError) as caught:
        check_parameters(content, root)
    return caught.value.problems


def write(folder: Path, text: str) -> Path:
    (folder / "params.yaml").write_text(text, encoding="utf-8")
    return folder


def test_valid_parameters_are_frozen(content):
    parameters = check_parameters(content)
    assert parameters.estimate.clusters == "auto"
    assert list(parameters.datasets) == ["films"]
    with pytest.raises(ValueError, match="frozen"):
        parameters.seed = 1


def test_this_projects_parameters_are_valid():
    assert load_parameters(ROOT).seed >= 0


@pytest.mark.parametrize(
    ("key", "value", "received", "allowed", "remedy"),
    [
        ("sede", 1, "unknown key = 1", "seed", "Did you mean 'seed'?"),
        ("estimate.cluster", 4, "unknown key", "clusters", "Did you mean 'clusters'?"),
        ("datasets.films.rangs", {}, "unknown key", "ranges", "Did you mean 'ranges'?"),
        ("datasets.films.windows", {"seconds": 1.0, "strid": 1}, "unknown key", "seconds, stride", "'stride'"),
        ("datasets.films.ranges", {"sound": {"hi": 1}}, "unknown key", "high, low", ""),
        ("train.quux", 1, "unknown key", "epochs", "Remove the key"),
        ("train.epochs", "30", "'30'", "a whole number", ""),
        ("train.epochs", True, "True", "a whole number", ""),
        ("train.epochs", 0, "0", ">= 1", ""),
        ("train.learning_rate", "fast", "'fast'", "a number", ""),
        ("train.learning_rate", float("inf"), "inf", "a finite number", ""),
        ("train.dropout", 1.0, "1.0", "< 1", ""),
        ("train.device", "cudaa", "'cudaa'", "'cuda'", "Did you mean 'cuda'?"),
        ("train.seeds", [0, "a"], "'a'", "a whole number", ""),
        ("train.seeds", [0, -1], "-1", ">= 0", ""),
        ("train.seeds", [], "[]", "at least 1", ""),
        ("train.seeds", [0, 0], "[0, 0]", "different seeds", "once"),
        ("train.encoders", {"sond": "mlp"}, "'sond'", "sight, sound", "Did you mean 'sound'?"),
        ("datasets.films.train", {"encoders": {"sond": "mlp"}}, "'sond'", "sight, sound", "Did you mean 'sound'?"),
        ("train.models", ["mult", "mult"], "['mult', 'mult']", "different models", "once"),
        ("report.pdf", "yes", "'yes'", "true or false", ""),
        ("explain.interactions", "propsed", "'propsed'", "'proposed'", "Did you mean 'proposed'?"),
        ("explain.n_boot", 5, "5", "0, or 10 and more", "100"),
        ("explain.masked_rows", 1, "1", ">= 2", ""),
        ("explain.masked_draws", 0, "0", ">= 1", ""),
        ("explain.atom_rows", None, "None", "a whole number", ""),
        ("datasets.films.explain", {"masked_rowz": 20}, "unknown key", "masked_rows", "Did you mean 'masked_rows'?"),
        ("seed", ABSENT, "nothing", "a value", "Add the key 'seed'"),
        ("schedule", ABSENT, "nothing", "a value", "Add the key 'schedule'"),
        ("evaluate.level", ABSENT, "nothing", "a value", "level"),
        ("validate", None, "None", "a block of keys", ""),
        ("datasets", {}, "{}", "at least 1", ""),
        ("datasets.films", [1], "[1]", "a block of keys", ""),
        ("datasets.films.source", None, "None", "a block of keys", ""),
        ("estimate.clusters", "aut", "'aut'", "a whole number or 'auto'", "Did you mean 'auto'?"),
        ("estimate.clusters", 0, "0", ">= 1 or 'auto'", ""),
        ("estimate.clusters", 2.5, "2.5", "a whole number or 'auto'", ""),
        ("estimate.method", "clusterz", "clusterz", "clusters", "Did you mean 'clusters'?"),
        ("evaluate.metric", "accuraci", "accuraci", "accuracy", "Did you mean 'accuracy'?"),
        ("datasets.films.source.reader", "npzz", "npzz", "npz", "Did you mean 'npz'?"),
        ("datasets.films.source.path", ABSENT, "nothing", "text", "file or folder"),
        ("datasets.films.source.path", 5, "5", "text", "file or folder"),
        ("datasets.films.ranges", {"soundd": {"low": 1}}, "soundd", "sound", "Did you mean 'sound'?"),
        ("datasets.films.ranges", {"sound": {"low": 2, "high": 1}}, "low 2 above high 1", "low <= high", ""),
        ("schedule.datasets", ["filmz"], "filmz", "films", "Did you mean 'films'?"),
        ("schedule.cron", "0 3 * *", "'0 3 * *'", "five fields", "0 3 * * *"),
        ("schedule.cron", "61 3 * * *", "Bad minute", "five fields", ""),
        ("schedule.cron", "0 0 31 2 *", "31 2", "five fields", ""),
        ("schedule.cron", "0 0 3 * * *", "0 0 3", "five fields", ""),
        ("schedule.timezone", "Europe/Berln", "Berln", "IANA", "Europe/Berlin"),
        ("schedule.timezone", "../etc/passwd", "passwd", "IANA", ""),
    ],
)
def test_each_mistake_is_one_problem_with_its_parts(content, key, value, received, allowed, remedy):
    (problem,) = problems_of(put(content, key, value))
    assert problem.argument.startswith(key)
    assert "constrained" not in problem.argument
    assert received in problem.received
    assert allowed in problem.allowed
    assert remedy in problem.remedy


def test_common_settings_may_name_the_modalities_of_any_dataset(content):
    noise = {"copy": 0.1, "unique": 0.1, "xor": 0.1}
    made = {"source": {"reader": "planted", "path": "made.py", "n_samples": 100, "noise": noise}}
    content["datasets"]["made"] = made
    put(content, "train.encoders", {"sound": "mlp", "gamma": "maxout"})
    assert check_parameters(content).train.encoders["gamma"] == "maxout"
    (problem,) = problems_of(put(content, "train.encoders", {"sound": "mlp", "gama": "maxout"}))
    assert (problem.argument, problem.remedy) == ("train.encoders", "Did you mean 'gamma'?")
    # The symbols of a stock dataset are its modalities, and only its file knows them.
    content["datasets"]["made"] = {"source": {"reader": "stocks", "path": "prices", "target": "MCD"}}
    assert "gama" in check_parameters(content).train.encoders


@pytest.mark.parametrize("content", [None, 7, "seed: 7", [1]])
def test_a_file_that_is_no_mapping_is_one_problem(content):
    (problem,) = problems_of(content)
    assert (problem.argument, problem.allowed) == ("params.yaml", "a block of keys")


@pytest.mark.parametrize("name", ["Films", "my films", "1st", "films/../x"])
def test_names_of_datasets_are_held_to_their_pattern(content, name):
    content["datasets"][name] = content["datasets"]["films"]
    (problem,) = problems_of(content)
    assert problem.argument == f"datasets.{name}"
    assert "[a-z]" in problem.allowed


def test_planted_data_need_a_path_too(content):
    noise = {"copy": 0.1, "unique": 0.1, "xor": 0.1}
    content["datasets"]["films"]["source"] = {"reader": "planted", "n_samples": 100, "noise": noise}
    (problem,) = problems_of(content)
    assert problem.argument == "datasets.films.source.path"
    assert "planted.py" in problem.remedy


def test_every_mistake_in_the_settings_of_interactions_is_told_at_once(content):
    wrong = {"interactions": "some", "atom_rows": 0, "n_boot": 3, "masked_rows": "many", "masked_draws": -1}
    content["explain"] |= wrong
    assert sorted(problem.argument for problem in problems_of(content)) == sorted(f"explain.{key}" for key in wrong)


def test_a_dataset_may_explain_with_settings_of_its_own(content):
    content["datasets"]["films"]["explain"] = {"masked_rows": 7}
    parameters = check_parameters(content)
    own = parameters.explain.of(parameters.datasets["films"])
    assert (own.masked_rows, own.masked_draws) == (7, parameters.explain.masked_draws)


def test_a_mistyped_key_is_not_also_reported_as_missing(content):
    content["train"]["epoch"] = content["train"].pop("epochs")
    (problem,) = problems_of(content)
    assert (problem.argument, problem.remedy) == ("train.epoch", "Did you mean 'epochs'?")


def test_five_mistakes_are_all_listed_once_each_in_one_message(content):
    wrong = {
        "sed": 3,
        "estimate.clusters": "many",
        "datasets.films.source.reader": "nzp",
        "train.epochs": -1,
        "schedule.cron": "often",
    }
    for key, value in wrong.items():
        put(content, key, value)
    with pytest.raises(ParametersError) as caught:
        check_parameters(content)
    assert sorted(problem.argument for problem in caught.value.problems) == sorted(wrong)
    message = str(caught.value)
    assert message.startswith("params.yaml has 5 problems; nothing was run.")
    assert all(message.count(f"{key}: ") == 1 for key in wrong)


@pytest.mark.parametrize("publish", ["reports", "reports/mine", ".", "..", "", ".interplay", ".git/x"])
def test_reports_are_not_published_over_what_must_stay(content, publish, tmp_path):
    (problem,) = problems_of(put(content, "schedule.publish", publish), tmp_path)
    assert problem.argument == "schedule.publish"


def test_publishing_anywhere_else_is_allowed_and_the_projects_own_reports_are_not(content, tmp_path):
    for publish in (".interplay/published", "../site", str(tmp_path / "elsewhere"), "/srv/site"):
        check_parameters(put(content, "schedule.publish", publish), tmp_path)
    absolute = put(content, "schedule.publish", str(tmp_path / "reports"))
    assert len(problems_of(absolute, tmp_path)) == 1
    check_parameters(absolute, tmp_path / "another-project")


def test_a_missing_file_says_where_to_run(tmp_path):
    with pytest.raises(ParametersError, match="no such file"):
        load_parameters(tmp_path)


@pytest.mark.parametrize("text", ["seed: [", "seed: 1\nseed: 2\n", "\tseed: 1", "a: *nowhere", "a: !thing 3"])
def test_broken_yaml_is_one_problem_that_names_the_line(text, tmp_path):
    with pytest.raises(ParametersError) as caught:
        load_parameters(write(tmp_path, text))
    (problem,) = caught.value.problems
    assert problem.argument == "params.yaml"
    assert "line" in problem.received


def test_bytes_that_are_no_text_are_a_problem(tmp_path):
    (tmp_path / "params.yaml").write_bytes(b"seed: \xff\xfe")
    with pytest.raises(ParametersError, match="valid YAML"):
        load_parameters(tmp_path)


def test_tags_that_would_run_code_are_refused_and_not_run(content, tmp_path):
    proof = tmp_path / "executed"
    call = f"!!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path ['{proof}']]"
    with pytest.raises(ParametersError, match="python"):
        load_parameters(write(tmp_path, yaml.safe_dump(content) + f"\nextra: {call}\n"))
    assert not proof.exists()


def test_numbers_are_read_as_dvc_reads_them(content, tmp_path):
    text = json.dumps(content).replace('"learning_rate": 0.01', '"learning_rate": 1e-3')
    assert load_parameters(write(tmp_path, text)).train.learning_rate == 1e-3


def test_a_dataset_states_its_own_estimate_settings(tmp_path):
    content = copy.deepcopy(PARAMETERS)
    content["datasets"]["films"]["estimate"] = {"compare": ["posteriors"], "n_boot": 50}
    found = check_parameters(content, tmp_path)
    settings = found.estimate.of(found.datasets["films"])
    assert (settings.compare, settings.n_boot, settings.level) == (["posteriors"], 50, found.estimate.level)


def test_wrong_estimate_settings_of_a_dataset_are_listed_under_it(tmp_path):
    content = copy.deepcopy(PARAMETERS)
    content["datasets"]["films"]["estimate"] = {"compare": ["posterior"], "n_bot": 50, "level": 2.0, "solver": "magic"}
    with pytest.raises(ParametersError) as caught:
        check_parameters(content, tmp_path)
    told = {problem.argument for problem in caught.value.problems}
    names = ("compare", "n_bot", "level", "solver")
    assert told == {f"datasets.films.estimate.{name}" for name in names}
    assert "posteriors" in str(caught.value)
