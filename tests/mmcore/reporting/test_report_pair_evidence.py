"""Bounds, a modality against all others and other estimators on the page: every branch of their sentences."""

from __future__ import annotations

import copy

import pytest
from sample_results import two

from mmcore.reporting import build_page
from mmcore.reporting.facts import facts_of
from mmcore.reporting.figures import synergy_bounds as figure
from mmcore.reporting.invented import invented
from mmcore.reporting.sections import pair_evidence
from mmcore.reporting.sentences import evidence


def three(**changes):
    """Results of three modalities with entries of the first pair changed."""
    results = copy.deepcopy(invented(("text", "audio", "video")))
    results["estimate"]["pairs"][0].update(changes)
    return results


def bounded(lower: float, upper: float):
    return {"synergy": {"lower": lower, "upper": upper, "lower_redundancy": lower, "lower_uniqueness": lower}}


def test_chance_names_the_parts_beyond_it():
    pair = facts_of(three()).pairs[0]
    assert evidence.chance(pair) == " Beyond what chance produces: only text, shared and only together."
    none = facts_of(three(p_values=dict.fromkeys(pair.p_values, 0.3))).pairs[0]
    assert evidence.chance(none) == " None of the four exceeds what chance produces."
    assert evidence.chance(facts_of(three(p_values=None)).pairs[0]) == ""


@pytest.mark.parametrize(
    ("lower", "upper", "words"),
    [
        (0.9, 1.2, "For 1 of 3 pairs labels of both together were not needed: text with audio "
                   "(synergy is the largest part)."),
        (0.0, 0.1, "For 1 of 3 pairs labels of both together were not needed: text with audio "
                   "(synergy is not the largest part)."),
        (0.0, 1.2, "The ranges are too wide to tell whether synergy is the largest part of any pair: "
                   "only labels of both together could."),
    ],
)  # fmt: skip
def test_bounds_settle_or_do_not(lower, upper, words):
    results = three(bounds=bounded(lower, upper))
    for pair in results["estimate"]["pairs"][1:]:
        pair["bounds"] = bounded(0.0, 1.2)
    assert evidence.synergy_bounds(facts_of(results)) == words


def test_a_pair_without_bounds_has_no_row():
    facts = facts_of(three(bounds=None))
    assert len(figure.rows(facts)) == 2
    assert "text with audio" not in figure.label(facts)


def test_against_the_rest():
    results = three()
    facts = facts_of(results)
    assert evidence.against_rest(facts).startswith("Against all others together, text, audio and video still tell")
    for entry in results["estimate"]["against_rest"]:
        entry["interval"] = {name: [-0.1, 0.5] for name in entry["raw"]}
    nothing = evidence.against_rest(facts_of(results))
    assert nothing == "Against all others together, no modality tells anything of its own for sure."
    for entry in results["estimate"]["against_rest"]:
        entry |= {"status": "refused", "reason": "9 rows have all."}
    assert evidence.against_rest(facts_of(results)) == "No modality could be set against all others."
    assert "9 rows have all." in build_page(results)


def test_other_estimators_agree_differ_or_refuse():
    assert evidence.others(facts_of(three())) == "The other estimators name the same largest part for all 3 pairs."
    differs = {
        "status": "estimated",
        "reason": None,
        "raw": {},
        "corrected": None,
        "interval": None,
        "largest": "unique2",
    }
    told = evidence.others(facts_of(three(others={"batch": differs})))
    assert told.startswith("1 of 3 other estimates name another largest part: batch of text with audio (only audio).")
    results = three()
    for pair in results["estimate"]["pairs"]:
        pair["others"] = {"gaussian": {"status": "refused", "reason": "Names have no order."}}
    assert evidence.others(facts_of(results)) == "The other estimators could not be used here; the table says why."


def test_the_page_holds_all_of_it_and_two_modalities_have_no_rest():
    page = build_page(three())
    for words in ("Each modality against all others", "The same pairs by other estimators", "Names have no order."):
        assert words in page
    assert "against all others" not in build_page(two())


def test_results_of_an_estimate_without_draws_are_shown_raw():
    results = three(corrected=None, interval=None, null=None, p_values=None)
    pair = facts_of(results).pairs[0]
    assert pair.atoms["synergy"].value == results["estimate"]["pairs"][0]["raw"]["synergy"]
    assert build_page(results)


def test_blocks_are_nothing_where_nothing_is_known():
    results = three()
    results["estimate"]["against_rest"] = []
    for pair in results["estimate"]["pairs"]:
        pair |= {"bounds": None, "others": {}}
    assert pair_evidence.blocks(facts_of(results)) == ()
