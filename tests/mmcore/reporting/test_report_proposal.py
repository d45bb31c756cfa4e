"""What was expected before training: every branch of its sentences, its table beside the scores, and the advice."""

from __future__ import annotations

import copy
import re

import pytest

from mmcore.errors import InputError
from mmcore.reporting import build_page, card
from mmcore.reporting.advice import advice_of
from mmcore.reporting.facts import facts_of
from mmcore.reporting.figures import advice as advice_figure
from mmcore.reporting.figures import neighbours
from mmcore.reporting.invented import invented
from mmcore.reporting.proposal import KEYS, own_shares, proposal_of
from mmcore.reporting.sections import proposal as section
from mmcore.reporting.sentences import advice as advice_words
from mmcore.reporting.sentences import proposal as words
from mmcore.reporting.sentences.verdict import rival, verdict_of
from mmcore.reporting.tokens import NARROW, WIDE

NBSP = "\u00a0"


def results(**options):
    return copy.deepcopy(invented(**options))


def changed(change, **options):
    found = results(**options)
    change(found["selection"])
    return facts_of(found)


def text_of(html):
    return re.sub(r"\s+", " ", re.sub(r"<(script|style).*?</\1>|<[^>]+>", " ", html, flags=re.S))


@pytest.mark.parametrize("key", KEYS)
def test_a_result_of_an_older_version_is_an_error_that_names_key_and_stage(key):
    found = results()
    del found["selection"][key]
    for make in (build_page, card):
        with pytest.raises(InputError, match=key) as caught:
            make(found)
        assert "select@invented" in caught.value.remedy


def test_the_first_model_is_named_with_its_regret_and_the_simpler_of_two_comes_first():
    found = results()
    facts = facts_of(found)
    said = words.expected(facts, proposal_of(facts))
    first, second = found["selection"]["ranking"][:2]
    assert said.startswith("Early fusion came first")
    assert f"{100 * first['regret']['value']:.1f}{NBSP}points" in said
    assert f"Tensor fusion is expected {100 * second['regret']['value']:.1f}{NBSP}points" in said
    assert "the simpler comes first" in said and "draws of the parts" not in said


def test_how_often_the_least_regret_stays_among_the_recommended_is_told():
    def least(selection):
        selection["ranking"][0]["regret"] = {"value": 0.001, "low": 0.0, "high": 0.002}

    facts = changed(least)
    said = words.expected(facts, proposal_of(facts))
    assert (
        f"Over 200 draws of the parts within their uncertainty, early fusion stays among the recommended in 96{NBSP}%"
        in said
    )
    facts = changed(lambda selection: (least(selection), selection.update(draws={"number": 1, "kind": "none"})))
    assert "draws" not in words.expected(facts, proposal_of(facts))


def test_without_the_bank_the_page_says_why_and_draws_no_ranking():
    found = results(bank=False)
    blocks = section.blocks(facts_of(found))
    said = " ".join(block.text for block in blocks if block.kind == "paragraph")
    assert found["selection"]["fallback"] in said
    assert {block.kind for block in blocks} == {"heading", "paragraph", "folded"}


def test_nothing_ranked_and_nothing_proposed_have_their_own_words():
    facts = changed(lambda selection: selection.update(ranking=[], neighbours=[]))
    assert "each was left out" in words.expected(facts, proposal_of(facts))
    found = results()
    found["selection"] |= {"status": "absent", "reason": "none of 1 pairs could be estimated"}
    blocks = section.blocks(facts_of(found))
    assert [block.kind for block in blocks] == ["heading", "empty"] and "none of 1 pairs" in blocks[1].text


OUTCOMES = (
    ("fusion", lambda selection: None, "the one that validation rows recommend too"),
    ("late_fusion", lambda selection: None, "recommend late fusion instead: place 8 of 15, expected"),
    ("late_fusion", lambda selection: selection["ranking"].pop(0), "Tensor fusion was not trained; of those that were"),
    ("fusion", lambda selection: selection["ranking"].pop(0), "early fusion is recommended, which the ranking does"),
)  # fmt: skip


@pytest.mark.parametrize(("verdict", "change", "expected"), OUTCOMES)
def test_what_became_of_the_first_place(verdict, change, expected):
    facts = changed(change, verdict=verdict)
    assert expected in words.outcome(facts, proposal_of(facts))


def test_why_a_recommended_model_was_not_ranked_is_told():
    def leave_out(selection):
        selection["ranking"].pop(0)
        selection["left_out"].append({"model": "early_fusion", "reason": "Over the budget of 2 CPU seconds."})

    facts = changed(leave_out)
    assert words.outcome(facts, proposal_of(facts)).endswith("does not hold: over the budget of 2 CPU seconds.")


@pytest.mark.parametrize(
    ("verdict", "plain"),
    [("fusion", "Use both"), ("late_fusion", "Late fusion is enough"), ("one_modality", "One modality is enough")],
)
def test_the_verdict_is_plain_and_its_reason_holds_the_banks_evidence(verdict, plain):
    found = results(verdict=verdict)
    told = verdict_of(facts_of(found))
    recommended = found["verdict"]["recommended"]
    entry = next(entry for entry in found["selection"]["ranking"] if entry["model"] == recommended)
    assert told.sentence.startswith(plain)
    assert (
        f"reaches {100 * entry['relative_accuracy']['value']:.1f}{NBSP}% of the best model's accuracy" in told.because
    )
    assert ("and early fusion, expected to come first, 99.6" in told.because) == (recommended != "early_fusion")
    without = verdict_of(facts_of(results(verdict=verdict, bank=False)))
    assert "best model's accuracy" not in without.because and told.because.startswith(without.because)


def test_a_verdict_that_test_rows_contradict_gets_no_evidence_from_the_bank():
    found = results()
    entry = next(entry for entry in found["evaluation"]["models"] if entry["model"] == "early_fusion")
    entry["difference"] |= {"value": -0.04, "low": -0.06, "high": -0.02}
    told = verdict_of(facts_of(found))
    assert told.kind == "worse" and "synthetic" not in told.because


@pytest.mark.parametrize(("verdict", "told"), [("fusion", False), ("late_fusion", True), ("one_modality", True)])
def test_a_simple_verdict_says_which_gain_it_leaves_open(verdict, told):
    because = verdict_of(facts_of(results(verdict=verdict))).because
    assert (f"leave open a gain of up to 2.0{NBSP}points" in because) == told


@pytest.mark.parametrize("verdict", ["one_modality", "late_fusion"])
def test_where_nothing_was_learnt_nothing_is_called_enough(verdict):
    found = results(verdict=verdict)
    found["verdict"]["beats_constant"] = False
    said = verdict_of(facts_of(found))
    assert said.kind == "no_answer" and said.sentence.endswith("so nothing can be told.")
    assert not any("enough" in text or "synthetic" in text for text in (said.sentence, said.short, said.because))


def test_late_fusion_is_held_against_the_fusion_that_validation_prefers_not_the_luckiest_on_test():
    found = results(verdict="late_fusion", more_models=3)
    lucky = next(entry for entry in found["evaluation"]["models"] if entry["model"].startswith("fusion_number"))
    lucky["metrics"]["accuracy"] = {"value": 0.95, "low": 0.93, "high": 0.97}
    lucky["difference"] |= {"value": 0.17, "low": 0.15, "high": 0.19}
    assert rival(facts_of(found)).key == "early_fusion"
    assert verdict_of(facts_of(found)).kind == "late_fusion"
    found["verdict"]["scores"].append({"model": lucky["model"], "value": 0.94, "low": 0.9, "high": 0.96})
    assert rival(facts_of(found)).key == lucky["model"]
    assert verdict_of(facts_of(found)).kind == "late_fusion_contradicted"


def test_own_parts_are_shares_of_what_is_above_zero():
    for options in ({}, {"negative": True}):
        facts = facts_of(results(**options))
        ((pair, shares),) = own_shares(facts, proposal_of(facts))
        assert sum(shares.values()) == pytest.approx(1.0) and min(shares.values()) >= 0.0
        assert (shares["synergy"] == 0.0) == (pair.atoms["synergy"].value < 0)


def test_of_many_pairs_only_the_leading_one_is_drawn():
    few, many = (facts_of(results(modalities=tuple("abcdef")[:n])) for n in (3, 6))
    assert len(own_shares(few, proposal_of(few))) == 3
    assert [(pair.first, pair.second) for pair, _ in own_shares(many, proposal_of(many))] == [("a", "b")]


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_bars_of_the_figure_have_the_length_of_their_shares(width):
    facts = facts_of(results())
    drawn = str(neighbours.draw(facts, proposal_of(facts), width, "x"))
    boxes = re.findall(r'<rect class="f-(u1|r|u2|s) m" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)"', drawn)
    rows = {}
    for atom, x, y, length in boxes:
        rows.setdefault(y, []).append((atom, float(x), float(length)))
    whole = 230.0 if width == WIDE else float(NARROW)
    assert len(rows) == 1 + len(facts.results["selection"]["neighbours"])
    for row in rows.values():
        assert [atom for atom, _, _ in row] == ["u1", "r", "u2", "s"]
        assert sum(length for _, _, length in row) == pytest.approx(whole, abs=0.3)
    shares = facts.results["selection"]["neighbours"][0]["atoms"]
    second = list(rows.values())[1]
    assert second[3][2] == pytest.approx(shares["synergy"] * whole, abs=0.1)


def test_the_nearest_and_what_does_best_there_are_told_and_far_ones_called_a_guess():
    facts = facts_of(results())
    said = words.nearest(proposal_of(facts))
    # weights of the first, third and fifth: 0.36 + 0.18 + 0.06
    assert f"Early fusion is the best model in datasets that hold 60{NBSP}% of the weight" in said
    assert "Generative mixed3 is nearest: 4" in said and "guess" not in said

    def far(selection):
        for entry in selection["neighbours"]:
            entry["distance"] = 0.9

    facts = changed(far)
    assert "take the ranking as a guess" in words.nearest(proposal_of(facts))

    def unknown(selection):
        for entry in selection["neighbours"]:
            entry["distance"] = None

    facts = changed(unknown)
    assert "nearest" not in words.nearest(proposal_of(facts)) and "best model" in words.nearest(proposal_of(facts))
    assert section.blocks(facts)


def ranking_of(facts):
    return next(block for block in section.blocks(facts) if block.kind == "wide").table


def test_the_table_stands_measured_scores_beside_expected_ones():
    found = results()
    facts = facts_of(found)
    rows = {row[0].text: row for row in ranking_of(facts).rows}
    valid = {entry["model"]: entry["value"] for entry in found["verdict"]["scores"]}
    test = next(entry for entry in found["evaluation"]["models"] if entry["model"] == "early_fusion")
    row = rows["Early fusion"]
    assert row[5].text == f"{100 * valid['early_fusion']:.1f}"
    assert row[6].text == f"{100 * test['metrics']['accuracy']['value']:.1f}"
    assert rows["Tensor fusion"][5].quiet == "not trained"


def test_trained_models_are_shown_however_low_they_rank_and_unranked_ones_with_the_reason():
    found = results(more_models=1)
    shown = {row[0].text: row for row in ranking_of(facts_of(found)).rows}
    # both are in the ranking's last two places, of fifteen
    assert {"Accelerometer alone", "Gyroscope alone"} <= set(shown)
    assert "Mvae" not in shown and "MVAE" not in shown
    stranger = next(row for name, row in shown.items() if name.startswith("Fusion number"))
    assert "Not in the bank" in stranger[1].quiet and stranger[1].span == 4


def test_expected_accuracy_may_be_unknown_for_all_models():
    def unknown(selection):
        for entry in selection["ranking"]:
            entry["expected_accuracy"] = None

    table = ranking_of(changed(unknown))
    assert table.columns[1].head == "Expected, % of the best" and table.rows[0][1].text == "99.6"


def advice(**change):
    found = results(modalities=("text", "audio", "video", "pulse", "skin"), advice=True)
    found["selection"]["advice"] |= change
    facts = facts_of(found)
    return facts, advice_of(facts)


def only(collect, fusion):
    facts, _ = advice()
    entry = copy.deepcopy(facts.results["selection"]["advice"]["candidates"][0])
    entry["advice"] |= {"collect": collect, "fusion": fusion}
    return advice(candidates=[entry], next=None if collect == "no" else "audio")


@pytest.mark.parametrize(
    ("collect", "fusion", "expected"),
    [
        ("yes", "fusion", "late fusion is not enough"),
        ("yes", "late_fusion", "Late fusion is then enough"),
        ("yes", "one_modality", "One of the two, text or audio, is then enough"),
        ("yes", "undecided", "cannot be told without labelled pairs"),
        ("undecided", "undecided", "A few labelled pairs would tell"),
        ("no", "one_modality", f"Collect nothing more: beside text, audio cannot add 1.0{NBSP}points"),
    ],
)
def test_each_advice_has_its_words(collect, fusion, expected):
    facts, found = only(collect, fusion)
    said = advice_words.advised(facts, found)
    assert expected in said
    assert said.startswith({"yes": "Collect audio next", "undecided": "Undecided", "no": "Collect nothing"}[collect])


def test_advice_names_what_could_not_be_judged_and_gives_none_where_nothing_could():
    facts, found = advice()
    assert "Nothing can be said of skin." in advice_words.advised(facts, found)
    refused = [entry for entry in facts.results["selection"]["advice"]["candidates"] if entry["advice"] is None]
    facts, found = advice(candidates=refused, next=None, reason="9 rows have both; 40 are needed.")
    assert advice_words.advised(facts, found) == "No advice: 9 rows have both; 40 are needed."
    page = build_page(dict(facts.results))
    assert 'id="f-advice"' not in page and "is another modality worth collecting?" in text_of(page)


def test_the_figure_of_advice_states_its_numbers_and_the_page_what_was_read():
    facts, found = advice()
    label = advice_figure.label(found)
    assert f"audio: without it 71.0{NBSP}%, with it between 76.0 and 88.0{NBSP}%, collect it" in label
    page = text_of(build_page(dict(facts.results)))
    assert "No label was read together with two modalities" in page and "(split=train)" in page


def test_without_advice_in_params_the_page_has_none():
    assert "worth collecting?" not in build_page(results())


def test_advice_is_shown_where_nothing_could_be_proposed():
    found = results(advice=True)
    found["selection"] |= {"status": "absent", "reason": "none of 1 pairs could be estimated"}
    assert 'id="f-advice"' in build_page(found)
