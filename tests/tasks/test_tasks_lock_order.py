"""`dvc.lock` stands in the order of `dvc.yaml` and of the datasets; its records keep their bytes."""

from __future__ import annotations

from pathlib import Path

from tasks.lock_order import order_lock_file

STAGE = "  {}:\n    cmd: python -m flows.x --dataset {}\n    deps:\n    - path: a\n      hash: md5\n      size: 3\n"


def project(root: Path, names: list[str]) -> Path:
    (root / "dvc.yaml").write_text("stages: {prepare: 1, report: 2, index: 3}\n", encoding="utf-8")
    (root / "params.yaml").write_text("datasets: {zebra: 1, apple: 2}\n", encoding="utf-8")
    text = "schema: '2.0'\nstages:\n" + "".join(STAGE.format(name, name.replace("@", " ")) for name in names)
    (root / "dvc.lock").write_text(text, encoding="utf-8")
    return root / "dvc.lock"


def test_any_order_of_running_leaves_one_file(tmp_path):
    wanted = ["prepare@zebra", "prepare@apple", "prepare@gone", "report@zebra", "report@apple", "index", "former"]
    expected = project(tmp_path, wanted).read_bytes()
    assert not order_lock_file(tmp_path)
    for turned in (wanted[::-1], wanted[3:] + wanted[:3]):
        path = project(tmp_path, turned)
        assert order_lock_file(tmp_path)
        assert path.read_bytes() == expected


def test_no_lock_file_is_no_error(tmp_path):
    assert not order_lock_file(tmp_path)
