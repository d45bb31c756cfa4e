"""The command line as a user meets it: exit codes, messages, and what a command must not load or touch."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from projects import ROOT, environment, interplay
from test_pipeline_runs import digests
from typer.testing import CliRunner

from flows import cli
from flows.run import write_settings
from mmcore.errors import InputError
from tasks.parameters import ParametersError, load_parameters

COMMANDS = (
    "run", "up", "serve", "add", "accept", "datasets", "models", "leaderboard", "decompose", "estimate", "doctor",
)  # fmt: skip


def xor() -> np.ndarray:
    joint = np.zeros((2, 2, 2))
    for a in (0, 1):
        for b in (0, 1):
            joint[a, b, a ^ b] = 0.25
    return joint


def said(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str, str]:
    """Run the command in this process through its real entry point: exit code, stdout, stderr."""
    monkeypatch.setattr(sys, "argv", ["interplay", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    shown = capsys.readouterr()
    return int(ended.value.code or 0), shown.out, shown.err


@pytest.fixture
def tell(capsys, monkeypatch, tmp_path):
    """Run a command in an empty directory."""
    monkeypatch.chdir(tmp_path)
    # main() turns the telemetry of libraries off for its process; not for the tests that follow
    monkeypatch.setattr(cli, "quiet_environment", lambda: None)
    return lambda *arguments: said(capsys, monkeypatch, *arguments)


def test_help_names_every_command_and_loads_nothing_heavy():
    program = (
        "import sys\nfrom flows.cli import main\nsys.argv = ['interplay', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'prefect', 'dvc', 'pandas', 'cvxpy', 'sklearn', 'great_expectations'} & set(sys.modules)\n"
        "print('HEAVY', sorted(heavy))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment(), capture_output=True, text=True, check=True
    )
    assert "HEAVY []" in done.stdout
    for command in COMMANDS:
        assert re.search(rf"^\W*{command}\b", done.stdout, re.MULTILINE), command


def test_every_command_has_help():
    assert {command.name or command.callback.__name__ for command in cli.app.registered_commands} == set(COMMANDS)
    for command in COMMANDS:
        done = CliRunner().invoke(cli.app, [command, "--help"])
        assert done.exit_code == 0 and len(done.output.split()) > 10, command


def test_unknown_command_and_option(tell):
    code, _, error = tell("rnu")
    assert code == 2 and "rnu" in error
    code, _, error = tell("up", "--port", "abc")
    assert code == 2 and "--port" in error


def test_decompose_xor(tell, tmp_path):
    np.save("xor.npy", xor())
    code, out, _ = tell("decompose", "xor.npy")
    assert code == 0 and re.search(r"0\.0000 +0\.0000 +0\.0000 +1\.0000", out)
    code, out, _ = tell("decompose", "xor.npy", "--json")
    result = json.loads(out)
    assert code == 0
    assert result["synergy"] == pytest.approx(1, abs=1e-6) and result["redundancy"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("joint", "words"),
    [
        (np.full((2, 2), 0.25), "rank 3"),
        (np.where(np.arange(8).reshape(2, 2, 2) == 0, -0.125, 0.125), "negative mass"),
        (np.ones((2, 2, 2)), "a sum of one"),
        (np.where(np.arange(8).reshape(2, 2, 2) == 0, np.nan, 0.125), "finite"),
        (np.full((1, 1, 1), "a"), "an npy file of numbers"),
        (np.array([{}], dtype=object), "an npy file of numbers"),
    ],
    ids=["rank", "negative", "sum", "nan", "text", "objects"],
)
def test_decompose_says_what_is_wrong_with_the_array(tell, joint, words):
    np.save("p.npy", joint, allow_pickle=True)
    code, out, error = tell("decompose", "p.npy")
    assert (code, out) == (1, "") and error.startswith("interplay: ") and words in error
    assert "allow_pickle" not in error and "unsafe" not in error


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04", b"\x93NUMPY\x01\x00"], ids=repr)
def test_decompose_of_what_is_no_npy(tell, content):
    Path("p.npy").write_bytes(content)
    code, _, error = tell("decompose", "p.npy")
    assert code == 1 and "numpy.save" in error and "unsafe" not in error


def test_decompose_of_what_is_not_there_or_an_npz(tell):
    code, _, error = tell("decompose", "p.npy")
    assert code == 1 and "no such file p.npy" in error
    np.savez("p.npz", a=xor())
    code, _, error = tell("decompose", "p.npz")
    assert code == 1 and "several arrays" in error


def test_commands_outside_a_project_say_where_to_run(tell, tmp_path):
    for arguments in (["run"], ["datasets"], ["accept", "x"], ["add", "x", "--from", "y"]):
        code, _, error = tell(*arguments)
        assert code == 1 and "Run from the project's root" in error, arguments
    assert list(tmp_path.iterdir()) == []


def test_models(tell):
    from mmcore.models import MODELS

    code, out, _ = tell("models")
    assert code == 0 and all(model.name in out for model in MODELS)


def test_stopping_a_server_that_does_not_run(tell):
    assert tell("up", "--stop")[:2] == (0, "No server of this project is running.\n")


def test_estimate_of_what_is_no_dataset(tell):
    code, _, error = tell("estimate", "nowhere")
    assert code == 1 and "dataset.json" in error
    Path("broken").mkdir()
    Path("broken/dataset.json").write_text("{")
    code, _, error = tell("estimate", "broken")
    assert code == 1 and "dataset.json" in error


def test_estimate_needs_no_project(tell):
    """Two modalities whose exclusive or is the label: the synergy is 1 bit, and nothing else."""
    from mmcore.data import from_arrays, save_dataset

    bits = np.random.default_rng(0).integers(0, 2, (2, 1200))
    both = {"left": bits[0][:, None].astype(float), "right": bits[1][:, None].astype(float)}
    save_dataset(from_arrays(both, labels=bits[0] ^ bits[1], name="xor", seed=0), "xor")
    code, out, _ = tell("estimate", "xor", "--json")
    (pair,) = json.loads(out)["pairs"]
    assert code == 0 and pair["corrected"]["synergy"] == pytest.approx(1, abs=0.02)
    code, out, _ = tell("estimate", "xor")
    assert code == 0 and "left + right" in out and "1200 rows" in out.replace(",", "")


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("train.epochs", "key=value"),
        ("train.epoch=3", "Did you mean 'epochs'?"),
        ("trian.epochs=3", "Did you mean 'train'?"),
        ("train.epochs=many", "a whole number"),
        ("train.epochs=[1", "YAML"),
        ("train.device=gpu", "cuda"),
        ("seed.x=1", "Set 'seed' whole"),
        ("train.seeds.0=1", "Set 'seeds' whole"),
        ("train=3", "a block of keys"),
        ("datasets.planted.source.reader=plantd", "Did you mean 'planted'?"),
    ],
)
def test_settings_that_cannot_be(tmp_path, setting, words):
    path = tmp_path / "params.yaml"
    path.write_bytes((ROOT / "params.yaml").read_bytes())
    with pytest.raises((InputError, ParametersError)) as caught:
        write_settings(tmp_path, ["train.epochs=2", setting])
    assert words in str(caught.value)
    assert path.read_bytes() == (ROOT / "params.yaml").read_bytes(), "all settings or none"


def test_settings_change_their_values_only(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_bytes((ROOT / "params.yaml").read_bytes())
    write_settings(tmp_path, ["train.seeds=[4]", "evaluate.metric=accuracy"])
    old, new = ((place / "params.yaml").read_text().splitlines() for place in (ROOT, tmp_path))
    changed = [line.split("#")[0].strip() for before, line in zip(old, new, strict=True) if before != line]
    assert changed == ["seeds: [4]", "metric: accuracy"]


def test_a_name_with_a_colon_is_quoted_for_dvc(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_bytes((ROOT / "params.yaml").read_bytes())
    write_settings(tmp_path, ["train.models=[unimodal:alpha, mult]"])
    assert "models: ['unimodal:alpha', mult]" in path.read_text()
    path.write_text(path.read_text().replace("'unimodal:alpha'", "unimodal:alpha"))
    with pytest.raises(ParametersError, match="quote names with a colon"):
        load_parameters(tmp_path)


def test_run_with_a_mistake_touches_nothing(finished):
    before, parameters = digests(finished), (finished / "params.yaml").read_bytes()
    for arguments, words in (
        (["--dataset", "planted_tiny"], "Did you mean 'planted-tiny'?"),
        (["-S", "train.epoch=3"], "Did you mean 'epochs'?"),
    ):
        done = interplay(finished, "run", *arguments, check=False)
        assert done.returncode == 1 and words in done.stderr and "Traceback" not in done.stderr
    assert digests(finished) == before and (finished / "params.yaml").read_bytes() == parameters


def test_datasets_of_a_finished_project(finished):
    shown = interplay(finished, "datasets").stdout
    verdict = json.loads((finished / "results/planted-tiny/learn/verdict.json").read_text())["verdict"]
    for words in ("planted-tiny", "1,500", verdict.replace("_", " ")):
        assert words in shown


def test_accept_writes_the_state_that_later_versions_are_held_against(copy_of_finished):
    shown = interplay(copy_of_finished, "accept", "planted-tiny").stdout
    reference = copy_of_finished / "references" / "planted-tiny.json"
    assert "Wrote references/planted-tiny.json" in shown and json.loads(reference.read_text())
    interplay(copy_of_finished, "run")
    checks = json.loads((copy_of_finished / "results/planted-tiny/checks.json").read_text())
    assert checks["reference"]["status"] == "accepted"
    done = interplay(copy_of_finished, "accept", "plantd-tiny", check=False)
    assert done.returncode == 1 and "Did you mean 'planted-tiny'?" in done.stderr


def test_accept_before_any_run(toy_project):
    done = interplay(toy_project(), "accept", "moods", check=False)
    assert done.returncode == 1 and "interplay run --dataset moods" in done.stderr
