"""Progress goes to standard error: lines where a log reads them, a bar where a person does."""

from __future__ import annotations

import io
import sys

from tasks.progress import reporter


class Terminal(io.StringIO):
    """A standard error that a person watches."""

    def isatty(self) -> bool:
        return True


def test_a_log_gets_one_line_a_tenth_and_standard_output_nothing(capsys):
    with reporter("train") as report:
        for done in range(101):
            report(done, 100, "late_fusion" if done else "")
    said = capsys.readouterr()
    lines = said.err.splitlines()
    assert said.out == ""
    assert len(lines) == 11
    assert (lines[0], lines[-1]) == ("train: 0 of 100", "train: 100 of 100 late_fusion")


def test_nothing_to_do_is_no_division_by_zero(capsys):
    with reporter("train") as report:
        report(0, 0, "")
    assert capsys.readouterr().err == "train: 0 of 0\n"


def test_a_terminal_gets_a_bar_with_the_detail_and_standard_output_nothing(capsys, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with reporter("train") as report:
        report(0, 4, "")
        report(2, 4, "early_fusion")
        report(4, 4, "early_fusion")
    shown = terminal.getvalue()
    assert "train: early_fusion" in shown
    assert "4/4" in shown
    assert "\x1b[" in shown
    assert capsys.readouterr().out == ""
