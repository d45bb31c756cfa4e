"""Every branch of every sentence: facts in, words out."""

from __future__ import annotations

import copy

import pytest
from sample_results import SAMPLES, failed_check, movies, nearly_empty, planted, refused, two

from mmcore.errors import InputError
from mmcore.reporting import card
from mmcore.reporting import format as fmt
from mmcore.reporting.facts import facts_of
from mmcore.reporting.index import overview, overview_reason
from mmcore.reporting.invented import invented
from mmcore.reporting.metrics import metric_named
from mmcore.reporting.sections import answer, data, model, reach
from mmcore.reporting.sentences import answers, meanings
from mmcore.reporting.sentences.verdict import KINDS, explanation, verdict_of

N = fmt.NBSP


def with_gain(verdict: str, low: float, high: float, key: str = "early_fusion") -> dict:
    """Results in which the difference of one model to late fusion on test is known."""
    results = copy.deepcopy(invented(verdict=verdict))
    for entry in results["evaluation"]["models"]:
        if entry["model"] == key:
            entry["difference"] = {"to": "late_fusion", "value": (low + high) / 2, "low": low, "high": high}
    return results


def one_modality(low: float, high: float) -> dict:
    return with_gain("one_modality", low, high, key="unimodal:accelerometer")


VERDICTS = {
    "gain": (with_gain("fusion", 0.012, 0.034),
             f"Use both modalities in one model: early fusion gains 1.2 to 3.4{N}points of accuracy over late fusion."),
    "unclear": (with_gain("fusion", -0.01, 0.02),
                f"Use both modalities in one model, but expect little: early fusion changes accuracy by +0.5{N}points "
                f"[−1.0,{N}2.0] over late fusion."),
    "worse": (with_gain("fusion", -0.03, -0.01),
              "Unclear: early fusion won on validation, yet on test it is "
              f"1.0 to 3.0{N}points worse than late fusion."),
    "late_fusion": (with_gain("late_fusion", -0.02, 0.01),
                    f"Late fusion is enough: early fusion changes accuracy by −0.5{N}points [−2.0,{N}1.0]."),
    "late_fusion_contradicted": (with_gain("late_fusion", 0.01, 0.03),
                                 "Late fusion won on validation, yet on test early fusion is "
                                 f"1.0 to 3.0{N}points better."),
    "one_modality": (one_modality(-0.01, 0.02),
                     "One modality is enough: accelerometer. Adding gyroscope changes accuracy by "
                     f"−0.5{N}points [−2.0,{N}1.0]."),
    "one_modality_contradicted": (one_modality(-0.04, -0.02),
                                  "Accelerometer alone won on validation, yet on test adding gyroscope is "
                                  f"2.0 to 4.0{N}points better."),
    "no_answer": (nearly_empty(), "No answer: stage estimate has left no result for it."),
    "stopped": (failed_check(), "Stopped: “No group is in two splits” failed; found 3 persons, allowed 0."),
}  # fmt: skip


def test_the_table_of_verdicts_is_complete():
    assert set(VERDICTS) == set(KINDS)


@pytest.mark.parametrize("kind", sorted(VERDICTS))
def test_verdict(kind):
    results, sentence = VERDICTS[kind]
    verdict = verdict_of(facts_of(results))
    assert (verdict.kind, verdict.sentence) == (kind, sentence)
    assert verdict.because.endswith(".") and card(results)["kind"] == kind


@pytest.mark.parametrize(
    ("gains", "low", "because"),
    [
        (True, 0.2, f"It gains because 0.30{N}bits appear only when accelerometer and gyroscope are read together; "
                    "late fusion cannot use all of them."),
        (False, 0.2, f"0.30{N}bits appear only when accelerometer and gyroscope are read together; "
                     "the trained models do not turn them into a clear gain."),
        (True, -0.1, "The estimate does not explain the gain: synergy of accelerometer and gyroscope is "
                     f"0.30{N}bits [−0.10,{N}0.38], not above zero."),
        (False, -0.1, "Synergy of accelerometer and gyroscope is "
                      f"0.30{N}bits [−0.10,{N}0.38]: it cannot be told from zero."),
    ],
)  # fmt: skip
def test_what_the_interactions_say_about_the_verdict(gains, low, because):
    results = copy.deepcopy(two())
    results["estimate"]["pairs"][0]["interval"]["synergy"][0] = low
    assert explanation(facts_of(results), gains) == because


def test_late_fusion_says_when_the_other_is_clearly_worse():
    verdict = verdict_of(facts_of(with_gain("late_fusion", -0.065, -0.044)))
    assert verdict.kind == "late_fusion"
    assert verdict.sentence == f"Late fusion is enough: early fusion is 4.4 to 6.5{N}points of accuracy worse."


@pytest.mark.parametrize(
    ("low", "high", "opening"),
    [
        (0.01, 0.05, "It beats accelerometer alone on validation"),
        (-0.01, 0.05, "It is not clearly better than accelerometer alone on validation"),
        (None, None, "It was compared with accelerometer alone on validation"),
    ],
)
def test_late_fusion_is_held_against_one_modality(low, high, opening):
    results = copy.deepcopy(two())
    results["verdict"]["comparisons"][1] |= {"low": low, "high": high}
    because = verdict_of(facts_of(results)).because
    assert because.startswith(f"{opening}; on test the difference is +3.0{N}points [1.0,{N}5.0].")
    results["evaluation"]["models"] = [m for m in results["evaluation"]["models"] if ":acc" not in m["model"]]
    assert "on test" not in verdict_of(facts_of(results)).because
    results["verdict"]["comparisons"] = []
    assert verdict_of(facts_of(results)).because.startswith("0.30")


def test_late_fusion_against_one_modality_comes_first_when_late_fusion_is_enough():
    first = model.blocks(facts_of(two()))[0].items[0]
    assert first == (
        "On validation:",
        f"Late fusion against accelerometer alone: +3.0{N}points [1.0,{N}5.0]; the interval excludes zero.",
    )
    fusion = model.blocks(facts_of(invented()))[0].items
    assert fusion[0][0] == "Synergy is there:"
    assert fusion[1][1].startswith("Early fusion against late fusion: +4.0")


def test_a_comparison_that_holds_zero_or_has_no_interval_says_so():
    results = copy.deepcopy(two())
    results["verdict"]["comparisons"][0] |= {"low": None, "high": None}
    said = [evidence for _, evidence in model.blocks(facts_of(results))[0].items]
    assert f"Early fusion against late fusion: −0.5{N}points; there is no interval." in said
    assert any("the interval holds zero" in text for text in [e for _, e in model.blocks(facts_of(two()))[0].items])


@pytest.mark.parametrize(
    ("more", "others", "text"),
    [(0, 3, "no other model has more."), (1, 3, "one of the other three has more."),
     (2, 3, "two of the other three have more."), (3, 3, "every other model has more."), (0, 0, f"15{N}k parameters.")],
)  # fmt: skip
def test_size(more, others, text):
    assert model._size(15_000, more, others).endswith(text)


def kinds(*names: str) -> list[dict]:
    return [{"kind": name, "planted": None} for name in names]


@pytest.mark.parametrize(
    ("cards", "sentence"),
    [
        ([], "No datasets yet: add one, then run the pipeline."),
        (kinds("no_answer", "stopped"), "No dataset has an answer yet."),
        (kinds("gain"), "The one dataset gains from a fusion model."),
        (kinds("gain", "gain"), "Both datasets gain from a fusion model."),
        (kinds("gain", "gain", "gain"), "All three datasets gain from a fusion model."),
        (kinds("late_fusion"), "For the one dataset late fusion is enough."),
        (kinds("late_fusion", "late_fusion", "no_answer"), "For both datasets late fusion is enough."),
        (kinds("one_modality", "one_modality"), "For both datasets one modality is enough."),
        (kinds("late_fusion", "one_modality"), "For both datasets late fusion or one modality is enough."),
        (kinds("late_fusion", "one_modality", "late_fusion"),
         "For all three datasets late fusion or one modality is enough."),
        (kinds("unclear"), "The one dataset does not gain clearly from a fusion model."),
        (kinds("unclear", "late_fusion_contradicted"), "Neither dataset gains clearly from a fusion model."),
        (kinds("worse", "late_fusion", "one_modality"), "None of three datasets gains clearly from a fusion model."),
        (kinds("gain", "late_fusion"),
         "One of two datasets gains from a fusion model; for the other late fusion is enough."),
        (kinds("gain", "gain", "one_modality", "late_fusion"),
         "Two of four datasets gain from a fusion model; for the others late fusion or one modality is enough."),
        (kinds("gain", "unclear", "late_fusion"),
         "One of three datasets gains from a fusion model; for the others the gain is not clear."),
        ([{"kind": "gain", "planted": [4, 4]}], "The one dataset gains from a fusion model."),
    ],
)  # fmt: skip
def test_overview(cards, sentence):
    assert overview(cards) == sentence


def test_overview_reason():
    cards = [*kinds("no_answer", "gain"), {"kind": "gain", "planted": [11, 12]}]
    assert (
        overview_reason(cards) == "One has no answer. On planted data 11 of 12 known parts lie within their intervals."
    )
    assert overview_reason(kinds("gain")) == ""


@pytest.mark.parametrize(
    ("atoms", "claim"),
    [
        ({"redundancy": 0.9}, "Mostly they repeat each other, and in part they complete each other."),
        ({"unique1": 0.9}, "Mostly accelerometer tells it, and in part they complete each other."),
        ({"unique2": 0.9}, "Mostly gyroscope tells it, and in part they complete each other."),
        ({"synergy": 0.9}, "Mostly they complete each other."),
        ({}, "No part dominates, and in part they complete each other."),
    ],
)
def test_how_they_interact(atoms, claim):
    results = copy.deepcopy(two())
    pair = results["estimate"]["pairs"][0]
    pair["corrected"] = {"redundancy": 0.1, "unique1": 0.1, "unique2": 0.1, "synergy": 0.1} | atoms
    assert answers.interact(facts_of(results)).claim == claim


def test_nothing_is_told():
    results = copy.deepcopy(two())
    results["estimate"]["pairs"][0]["information"]["both"] = {"value": 0.01, "interval": [-0.02, 0.03]}
    assert answers.interact(facts_of(results)).claim == "They tell next to nothing about the exercise."
    assert answers.interact(facts_of(refused())).claim == "No estimate."


@pytest.mark.parametrize(
    ("change", "claim"),
    [({}, "Yes, with two remarks."), ({"passed": True}, "Yes, with one remark."),
     ({"passed": True, "aside": 0}, "Yes."), ({"failed": True}, "With care: “No group is in two splits” failed.")],
)  # fmt: skip
def test_whether_the_data_can_be_trusted(change, claim):
    results = copy.deepcopy(two())
    checks = results["checks"]
    if change.get("passed"):
        checks["checks"][2]["status"] = "passed"
    if change.get("failed"):
        checks["checks"][1]["status"] = "failed"
    checks["n_quarantined"] = change.get("aside", 1)
    assert answers.data(facts_of(results)).claim == claim
    assert answers.data(facts_of(failed_check())).claim == "No."
    assert answers.data(facts_of(nearly_empty())).claim == "Not checked."


@pytest.mark.parametrize(
    ("ece", "claim"), [(0.01, "Yes, closely."), (0.04, "Roughly."), (0.2, "No, not as they stand.")]
)
def test_whether_probabilities_hold(ece, claim):
    results = copy.deepcopy(two())
    results["evaluation"]["calibration"]["ece"] = ece
    results["evaluation"]["temperature"] = None
    said = answers.trust(facts_of(results))
    assert said.claim == claim and f"too sure by 4.0{N}points" in said.evidence
    assert answers.trust(facts_of(nearly_empty())).claim == "Not measured."


@pytest.mark.parametrize(
    ("upper", "text"),
    [(0.79, f"Late fusion is within 1.0{N}points of its ceiling: tuning it further cannot pay much."),
     (0.90, f"Late fusion is 12.0{N}points below its ceiling: better features or more data could still pay."),
     (0.70, f"The accuracy with both lies 8.0{N}points above the bound: take the bound as too low, not the model "
            "as too good.")],
)  # fmt: skip
def test_what_a_ceiling_means(upper, text):
    results = copy.deepcopy(two())
    results["estimate"]["reach"][-1]["upper"] = upper
    assert meanings.reach(facts_of(results)) == text


def test_bounds_on_other_rows_than_the_accuracies_are_not_compared():
    facts = facts_of(movies())
    critic = next(row for row in reach.reach.rows(facts) if row.modalities == ("critic",))
    assert critic.share == pytest.approx(0.39) and not critic.comparable
    assert not meanings.reach(facts).startswith("Critic")
    assert f"rests on the 39{N}% of the windows that have it" in reach.fewer(facts)
    assert reach.fewer(facts_of(two())) == ""
    alone = copy.deepcopy(movies())
    alone["estimate"]["reach"] = [e for e in alone["estimate"]["reach"] if e["modalities"] == ["critic"]]
    assert meanings.reach(facts_of(alone)) == (
        f"The bounds of critic speak of 39{N}% of the windows, the accuracies of all: do not compare the two."
    )
    assert answers.reach(facts_of(alone)).evidence.endswith(f"on all; the bound speaks only of 39{N}% of the windows.")
    assert answer.view(facts_of(alone)).headlines[2].context.endswith(f"; for the 39{N}% of windows that have it")
    alone["evaluation"]["models"] = [m for m in alone["evaluation"]["models"] if m["modalities"] != ["critic"]]
    assert answers.reach(facts_of(alone)).evidence == (
        f"No trained model with critic has a score, and the bound speaks only of 39{N}% of the windows."
    )
    assert "have it" not in answer.view(facts_of(two())).headlines[2].context


def test_an_amount_alone_and_in_a_pair_that_differ_are_explained():
    results = copy.deepcopy(two())
    assert reach.finer(facts_of(results)) == (
        f" Accelerometer alone tells 0.72{N}bits here and 0.64{N}bits in the strip of its pair: it is cut into "
        "20 clusters here and into 8 in the pair, where clusters multiply."
    )
    for entry in results["estimate"]["information"]:
        entry["clusters"] = 8
    assert reach.finer(facts_of(results)).endswith("the pair counts only the windows that have both.")
    for place, entry in zip(("first", "second"), results["estimate"]["information"]):
        entry["value"] = results["estimate"]["pairs"][0]["information"][place]["value"]
    assert reach.finer(facts_of(results)) == "" == reach.finer(facts_of(nearly_empty()))


@pytest.mark.parametrize(
    ("groups", "noun", "counted"),
    [(10, "person", True), (2395, "title", False), (10, "window", False), (0, "person", False)],
)
def test_groups_are_counted_only_where_they_say_more_than_the_rows(groups, noun, counted):
    results = copy.deepcopy(two())
    results["description"]["groups"] = groups
    results["dataset"]["annotations"]["group_noun"] = noun
    text = answer.subtitle(facts_of(results))
    assert f"2,400{N}windows" in text and (f"{groups:,}{N}{fmt.plural(noun)}" in text) == counted
    reached = answer.view(facts_of(results)).headlines[3].term
    assert reached == f"Accuracy on {'people' if counted else 'windows'} never seen"


def test_a_modality_is_shown_as_it_came_and_as_it_was_prepared():
    facts = facts_of(two())
    table = next(block for block in data.blocks(facts) if block.kind == "table")
    assert [column.head for column in table.columns][1:3] == ["Came as", "Prepared shape"]
    assert [cell.text for cell in table.rows[0]][:3] == ["accelerometer", "time series", "2"]
    plain = copy.deepcopy(two())
    del plain["dataset"]["annotations"]["preprocessing"]
    blocks = data.blocks(facts_of(plain))
    assert next(b for b in blocks if b.kind == "table").rows[0][1].text == "tabular"
    assert not any(b.kind == "folded" and b.summary.startswith("What was done") for b in blocks)


def test_what_was_done_to_a_modality_is_one_row():
    folded = next(b for b in data.blocks(facts_of(two())) if b.kind == "folded")
    assert folded.summary == "What was done to each of them"
    name, columns, done, step = folded.table.rows[0]
    assert (name.text, columns.text) == ("accelerometer", "2")
    assert done.text == "representation summary, bands 5, per_group no"
    assert done.quiet == f"12 missing numbers filled in, with indicators of where; 1{N}constant column left out"
    assert step.text == "has no time axis; passed through"


def test_truth_is_counted():
    pair = facts_of(planted()).leading
    assert meanings.found_parts(pair)[0] == 4
    assert meanings.forest(facts_of(planted()), pair).startswith("4 of 4 planted parts")
    assert card(planted())["planted"] == [12, 12] and card(two())["planted"] is None


def test_what_is_lost_and_used():
    facts = facts_of(two())
    assert answers.missing(facts).claim == f"Losing gyroscope costs most: 4.0{N}points."
    assert answers.uses(facts).claim == "It uses accelerometer and gyroscope."
    assert answers.uses(facts_of(nearly_empty())).claim == "Not measured."
    assert meanings.shapley(facts) == "Accelerometer carries most of the score, gyroscope comes next."
    assert answers.repro(facts).claim == "Two commands give the same bytes:"


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_each_answer_is_a_claim_and_evidence(name):
    facts = facts_of(SAMPLES[name]())
    for said in (make(facts) for make in answers.ANSWERS.values()):
        assert said.claim and said.claim[-1] in ".:?" and said.evidence


@pytest.mark.parametrize("name", sorted(set(SAMPLES) - {"hostile"}))
def test_no_boast_and_a_verdict_of_one_line(name):
    results = SAMPLES[name]()
    verdict = verdict_of(facts_of(results))
    assert len(verdict.sentence) <= 140
    for word in ("significant", "powerful", "state of the art", "!"):
        assert word not in verdict.sentence + verdict.because


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (fmt.number(-0.004, 2), "0.00"), (fmt.number(-0.006, 2), "−0.01"), (fmt.number(2369, 0), "2,369"),
        (fmt.number(0.05, 1, signed=True), "+0.1"), (fmt.number(0.0, 1, signed=True), "0.0"),
        (fmt.interval(1.2, 3.4, 1), f"[1.2,{N}3.4]"), (fmt.bits(0.234), f"0.23{N}bits"), (fmt.percent(0.0), f"0.0{N}%"),
        (fmt.percent(0.17, 0), f"17{N}%"), (fmt.p_value(0.0384), "0.04"), (fmt.p_value(0.2), "0.2"),
        (fmt.p_value(0.0001, 1 / 500), f"<{N}0.002"), (fmt.p_value(0.0), f"<{N}0.001"),
        (fmt.p_value(1e-35), f"<{N}0.0001"), (fmt.p_value(1e-4), "0.0001"), (fmt.magnitude(999), "999"),
        (fmt.magnitude(999_950), f"1.0{N}M"), (fmt.magnitude(61_234), f"61{N}k"), (fmt.size(812), f"812{N}B"),
        (fmt.counted(1, "class"), f"1{N}class"), (fmt.counted(2, "class"), f"2{N}classes"),
        (fmt.plural("verdict"), "verdicts"), (fmt.plural("title"), "titles"), (fmt.plural("person"), "people"),
        (fmt.plural("key"), "keys"), (fmt.plural("body part"), "body parts"), (fmt.plural("series"), "series"),
        (fmt.plural("verdict of the critics"), "verdicts of the critics"),
        (fmt.with_article("exercise"), "an exercise"),
        (fmt.middle_cut("a" * 40), "a" * 10 + "…" + "a" * 11), (fmt.listing(["a", "b", "c"]), "a, b and c"),
        (fmt.listing([]), ""), (fmt.words(2), "two"), (fmt.words(11), "11"),
        (metric_named("accuracy").signed(-0.012), "−1.2"),
        (metric_named("accuracy").interval(None, None), "no interval"),
        (metric_named("mae", unit="kg").amount(-1.25), f"1.250{N}kg"), (metric_named("my_score").value(0.5), "0.500"),
    ],
)  # fmt: skip
def test_numbers_and_words(found, expected):
    assert found == expected


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None])
def test_a_missing_number_is_never_printed(value):
    with pytest.raises(InputError, match="finite"):
        fmt.number(value, 2)
