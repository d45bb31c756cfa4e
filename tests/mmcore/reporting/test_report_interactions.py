"""Which interactions the models use: every branch of its sentences, the table beside the figure, why it is empty."""

from __future__ import annotations

import copy
import html
import re

import pytest

from mmcore.reporting import build_page
from mmcore.reporting import format as fmt
from mmcore.reporting.facts import ATOMS, facts_of
from mmcore.reporting.figures import interaction as figure
from mmcore.reporting.interactions import interactions_of
from mmcore.reporting.invented import invented
from mmcore.reporting.sections import interactions as section
from mmcore.reporting.sentences import interactions as words
from mmcore.reporting.view import Empty, Figure, Folded, Heading, Paragraph, Table

THREE = ("alpha", "beta", "gamma")
TITLE = "Which interactions the models use"


def results(change=None, **options):
    found = copy.deepcopy(invented(**options))
    if change is not None:
        change(found["interactions"])
    return found


def said(change=None, **options):
    facts = facts_of(results(change, **options))
    return words.meaning(facts, interactions_of(facts))


def entry(content, model):
    return next(one for one in content["models"] if one["model"] == model)


def synergy(model, value, width=0.01):
    """Set the synergy of a model's predictions (or of the data, for None) with its interval."""

    def change(content):
        atoms = content["data"] if model is None else entry(content, model)["atoms"]
        atoms["corrected"]["synergy"], atoms["interval"]["synergy"] = value, [value - width, value + width]

    return change


def text_of(page):
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<(script|style).*?</\1>|<[^>]+>", " ", page, flags=re.S)))


def test_figure_table_and_words_are_in_the_section_of_the_models():
    facts = facts_of(results(modalities=THREE))
    blocks = section.blocks(facts)
    assert [type(block) for block in blocks] == [Heading, Figure, Table, Paragraph]
    page = text_of(build_page(results(modalities=THREE)))
    assert page.rindex("Which model, and why?") < page.index(TITLE) < page.rindex("What if a modality is missing")
    assert "Gamma stays as in the row" in blocks[1].note
    assert (blocks[1].source.stage, blocks[1].source.flow) == ("learn", "flows/explain.py")
    assert blocks[1].source.extra == "200 rows, 40 draws each, 100 resamples"


def test_every_number_of_the_figure_stands_in_the_table():
    facts = facts_of(results())
    found, table = interactions_of(facts), section.blocks(facts)[2]
    label = figure.label(found.drawn(found.models))
    assert [row[0].text for row in table.rows] == ["The data", *(one.model for one in found.models)]
    for row, one in zip(table.rows[1:], found.models, strict=True):
        share = row[5]
        assert f"{one.model}: interaction {share.text} {share.quiet}" in label
        assert float(row[4].text) == pytest.approx(one.prediction_synergy, abs=0.005)
    # atoms in the table's order R, U1, U2, S; the figure's share is synergy over their sum
    data = dict(zip(("redundancy", "unique1", "unique2", "synergy"), table.rows[0][1:5], strict=True))
    total = sum(float(data[atom].text) for atom in ATOMS)
    assert float(data["synergy"].text) / total == pytest.approx(found.drawn(()).synergy_share, abs=0.01)
    assert all(cell.quiet for cell in data.values())


def test_models_stand_in_the_order_of_the_scores_and_the_recommended_one_is_marked():
    facts = facts_of(results(verdict="late_fusion"))
    found, table = interactions_of(facts), section.blocks(facts)[2]
    assert [one.key for one in found.models] == [model.key for model in facts.models]
    assert table.rows[table.marked][0].text == facts.recommended.name == "Late fusion"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.05, "less than there is"), (0.30, "the intervals do not tell the two apart"),
     (0.60, "more than the exercises do")],
)  # fmt: skip
def test_the_synergy_of_the_deciding_model_is_judged_by_intervals(value, expected):
    text = said(synergy("early_fusion", value))
    assert expected in text and f"predictions hold {fmt.bits(value)}" in text


def test_what_the_labels_hold_is_said_with_its_doubt():
    assert f"hold {fmt.bits(0.3)} {fmt.interval(0.26, 0.34, 2)} of synergy about the exercise" in said()
    assert "no synergy of accelerometer and gyroscope about the exercise is sure" in said(synergy(None, 0.02, 0.1))


def test_behaviour_of_the_deciding_model_and_of_late_fusion():
    text = said()
    assert f"Of what moves early fusion, 0.31 {fmt.interval(0.26, 0.36, 2)} is interaction." in text
    assert "Late fusion, which adds up, has no interaction in its behaviour." in text
    assert "Late fusion adds up what each of them tells" in said(verdict="late_fusion")

    def gaps(content):
        entry(content, "late_fusion")["interaction"]["share"] |= {"value": 0.02, "low": 0.01, "high": 0.03}

    assert "Of what moves late fusion, 0.02 is interaction." in said(gaps)

    def still(content):
        entry(content, "early_fusion")["interaction"]["share"] |= {"value": None, "low": None, "high": None}

    assert "Early fusion does not react to the two." in said(still)


def test_where_one_modality_is_enough_the_best_model_of_both_is_told():
    facts = facts_of(results(verdict="one_modality"))
    assert facts.recommended.key == "unimodal:accelerometer"
    assert words.told(facts, interactions_of(facts)).key == next(
        model.key for model in facts.models if not model.key.startswith("unimodal:")
    )

    def alone(content):
        content["models"] = [one for one in content["models"] if one["model"].startswith("unimodal:")]

    assert "No model that reads both was quantified." in said(alone)


def test_agreement_of_the_deciding_model_and_the_range_of_all():
    facts = facts_of(results())
    values = [one.agreement["normalised"] for one in interactions_of(facts).models]
    text = words.meaning(facts, interactions_of(facts))
    assert "agree with the data's to 1.00 of 1" in text
    assert f"over all models {min(values):.2f} to {max(values):.2f}." in text

    def one(content):
        content["models"] = [entry(content, "early_fusion")]

    assert said(one).endswith("agree with the data's to 1.00 of 1.")

    def none(content):
        for each in content["models"]:
            each["agreement"], each["agreement_reason"] = None, "without information no atom has a share"

    facts = facts_of(results(none))
    assert "agree" not in words.meaning(facts, interactions_of(facts))
    assert [cell.text for cell in section.blocks(facts)[2].rows[1][6:]] == ["–", "–"]


def test_shares_of_next_to_nothing_are_none():
    """A share of noise may be any number: 0.004 of 0.0002 bits would be 20."""

    def next_to_nothing(content):
        one = entry(content, "early_fusion")
        one["atoms"]["corrected"] = {"redundancy": -0.003, "unique1": 0.0, "unique2": -0.0008, "synergy": 0.004}
        one["agreement"] |= {"normalised": None}
        one["agreement_reason"] = "the atoms add to 0.0002 bit"

    facts = facts_of(results(next_to_nothing))
    blocks, found = section.blocks(facts), interactions_of(facts)
    row = next(row for row in blocks[2].rows if row[0].text == "Early fusion")
    early = next(one for one in found.models if one.key == "early_fusion")
    assert [cell.text for cell in row[6:]] == ["–", fmt.number(early.agreement["as_defined"], 2)]
    assert early.prediction_share is None
    assert "no share (the parts of its predictions add to no more than their error)" in str(blocks[1].wide)
    assert "agree with" not in blocks[1].means


def test_no_resamples_no_intervals():
    def bare(content):
        content["n_boot"] = 0
        for atoms in (content["data"], *(one["atoms"] for one in content["models"])):
            atoms["interval"] = None
        for one in content["models"]:
            one["interaction"]["share"] |= {"low": None, "high": None}

    facts = facts_of(results(bare))
    blocks = section.blocks(facts)
    assert f"hold {fmt.bits(0.3)} of synergy" in blocks[1].means and "intervals" not in blocks[3].text
    assert "resamples" not in blocks[1].source.extra
    assert "[" not in blocks[1].means
    build_page(results(bare))


def test_refused_predictions_and_no_effect_have_their_reasons():
    def refuse(content):
        entry(content, "early_fusion")["atoms"] = {
            "status": "refused", "reason": "too few rows", "raw": None, "corrected": None, "interval": None,
        }  # fmt: skip
        entry(content, "early_fusion")["agreement"] = None

    facts = facts_of(results(refuse, modalities=THREE))
    blocks = section.blocks(facts)
    assert "could not be estimated" in blocks[1].means
    rows = {row[0].text: row for row in blocks[2].rows}
    assert rows["Early fusion"][1].quiet == "too few rows." and rows["Early fusion"][1].span == 4
    assert rows["Gamma alone"][5].text == "–"
    assert "Gamma alone: interaction no share (no modality has any effect on the output)" in str(blocks[1].wide)


def test_many_models_fold_away():
    def many(content):
        late = entry(content, "late_fusion")
        content["models"] += [{**late, "model": f"fusion_number_{i}"} for i in range(1, 31)]

    facts = facts_of(results(many, more_models=30))
    blocks = section.blocks(facts)
    folded = [block for block in blocks if isinstance(block, Folded)]
    assert len(blocks[2].rows) <= 13 and len(folded) == 1
    assert len(blocks[2].rows) + len(folded[0].table.rows) == 2 + len(interactions_of(facts).models)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "Stage learn has left no result for it."),
     ({"status": "absent", "reason": "explain.interactions is none"}, "explain.interactions is none."),
     ({"status": "refused", "reason": "8 rows have both; 30 are needed."}, "8 rows have both; 30 are needed.")],
)  # fmt: skip
def test_without_a_result_the_section_says_why_and_the_rest_of_the_page_stays(content, reason):
    found = results()
    found["interactions"] = content
    head, empty = section.blocks(facts_of(found))
    assert head.text == TITLE and isinstance(empty, Empty) and empty.text == f"no interactions: {reason}"
    page = text_of(build_page(found))
    assert f"no interactions: {reason}" in page and "What was expected before training" in page
    del found["interactions"]
    build_page(found)


def test_no_model_quantified_is_said():
    (_, empty) = section.blocks(facts_of(results(lambda content: content["models"].clear())))
    assert "no model was quantified" in empty.text


def test_names_of_modalities_are_data():
    hostile = "<script>alert(1)</script>"
    page = build_page(results(modalities=(hostile, "b")))
    assert hostile not in page and build_page(results(modalities=(hostile, "b"))) == page
