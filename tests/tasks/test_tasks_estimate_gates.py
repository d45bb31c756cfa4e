"""Each gate of an estimate lets a good result pass and stops a bad one, with a message that says what to do."""

from __future__ import annotations

import copy

import pytest

from tasks.gates import GateError, estimate_problems, hold_estimate

TOLERANCES = {"max_gap": 1e-6, "max_residual": 1e-6, "too_few_rows": "fail"}
GOOD = {
    "information": [{"modalities": ["ecg"], "status": "estimated"}],
    "pairs": [
        {
            "first": "ecg",
            "second": "gait",
            "status": "estimated",
            "diagnostics": {"gap": 1e-9, "marginal_residual": 0.0},
        }
    ],
    "against_rest": [],
}


def with_pair(**changes):
    result = copy.deepcopy(GOOD)
    result["pairs"][0].update(changes)
    return result


def test_a_good_estimate_passes():
    assert estimate_problems(GOOD, **TOLERANCES) == []
    hold_estimate("films", GOOD, **TOLERANCES)


def test_a_wide_certificate_stops():
    result = with_pair(diagnostics={"gap": 2e-3, "marginal_residual": 0.0})
    with pytest.raises(GateError, match=r"'films'(.|\n)*ecg with gait: .*0.002 bits only; allowed: 1e-06") as caught:
        hold_estimate("films", result, **TOLERANCES)
    assert "solver: auto" in str(caught.value)


def test_missed_marginals_stop():
    result = with_pair(diagnostics={"gap": 0.0, "marginal_residual": 1e-3})
    with pytest.raises(GateError, match=r"missed the given marginals by 0\.001"):
        hold_estimate("films", result, **TOLERANCES)


def test_too_few_rows_stop_or_are_reported():
    few = {"status": "refused", "kind": "too_few_rows", "reason": "x: received 9 rows for 2 x 2 x 4 = 16 cells"}
    with pytest.raises(GateError, match=r"9 rows for(.|\n)*too_few_rows: report"):
        hold_estimate("films", with_pair(**few), **TOLERANCES)
    hold_estimate("films", with_pair(**few), **{**TOLERANCES, "too_few_rows": "report"})


def test_a_part_refused_for_its_kind_is_no_gate():
    text = {"status": "refused", "kind": "other", "reason": "people: received text of dtype str"}
    hold_estimate("films", with_pair(**text), **TOLERANCES)


def test_every_problem_is_named_at_once():
    result = with_pair(diagnostics={"gap": 1.0, "marginal_residual": 1.0})
    result["information"][0] = {"modalities": ["ecg"], "status": "refused", "kind": "too_few_rows", "reason": "few"}
    assert len(estimate_problems(result, **TOLERANCES)) == 3
