"""Figures of noise, cost, subsets and reliability: to scale, no names that touch, and tables that stay readable."""

from __future__ import annotations

import copy
import itertools
import re

import pytest
from sample_results import many, movies, planted, two

from mmcore.reporting import build_page
from mmcore.reporting.facts import facts_of
from mmcore.reporting.figures import pareto, reliability, robustness, subsets
from mmcore.reporting.invented import invented
from mmcore.reporting.measured import noise_of, scaling_of
from mmcore.reporting.sections import cost, missing, model_table, slices, trust
from mmcore.reporting.sections import noise as noise_section
from mmcore.reporting.svg import LogScale, log_ticks
from mmcore.reporting.tokens import LIGHT, NARROW, WIDE

TEXT = re.compile(
    r'<text class="([^"]*)" x="([\d.-]+)" y="([\d.-]+)" fill="#\w+" font-size="([\d.]+)"'
    r'(?: text-anchor="(\w+)")?[^>]*>(?:<title>[^<]*</title>)?([^<]*)<'
)


def boxes(drawing, *, above=0.0):
    """Return (left, top, right, bottom, words) of each text, at a mean character of half an em."""
    found = []
    for _, x, y, size, anchor, words in TEXT.findall(drawing):
        width = 0.5 * float(size) * len(words)
        left = float(x) - {"": 0, "middle": width / 2, "end": width}[anchor]
        if float(y) > above:
            found.append((left, float(y) - 0.7 * float(size), left + width, float(y), words))
    return found


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize(
    "make", [two, planted, movies, many, lambda: invented(tuple("abcdef")), lambda: invented(more_models=9)]
)
def test_no_two_texts_of_a_figure_touch(make, width):
    facts = facts_of(make())
    for drawing in (
        pareto.draw(facts, pareto.costs_of(facts), width, "x"),
        robustness.draw(facts, noise_of(facts)[0], width, "x"),
    ):
        for a, b in itertools.combinations(boxes(drawing), 2):
            apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
            assert apart, (a, b)


def test_the_front_is_what_nothing_beats():
    facts = facts_of(many())
    costs = pareto.costs_of(facts)
    found = {m.key: (cost, e.value) for m, cost, e in costs.points}
    for key, (price, value) in found.items():
        beaten = any(c <= price and v >= value and (c, v) != (price, value) for c, v in found.values())
        assert (key in costs.front) == (not beaten)
    prices = [found[key] for key in costs.front]
    assert prices == sorted(prices) and [v for _, v in prices] == sorted(v for _, v in prices)


def test_costs_fall_back_to_parameters_and_then_to_nothing():
    results = copy.deepcopy(two())
    assert pareto.costs_of(facts_of(results)).kind == "operations"
    results["evaluation"]["models"][0]["flops"] = None
    costs = pareto.costs_of(facts_of(results))
    assert costs.kind == "parameters" and len(costs.points) == 4
    for entry in results["evaluation"]["models"]:
        entry |= {"flops": None, "n_parameters": None}
    assert pareto.costs_of(facts_of(results)) is None
    figure = cost.blocks(facts_of(results))[0]
    assert figure.empty == "not drawn: fewer than two models have a score and a cost"


def test_a_log_axis_gives_equal_factors_equal_room():
    scale = LogScale(100, 10_000, 0, 200)
    assert scale(1_000) == pytest.approx(100) and scale(10_000) == pytest.approx(200)
    for low, high in ((700, 1_900), (11_000, 30_000), (1, 1e9)):
        ticks = log_ticks(low, high)
        assert 1 <= len(ticks) <= 6 and all(low <= t <= high for t in ticks)


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_each_curve_is_drawn_once_and_to_scale(width):
    facts = facts_of(invented(("text", "audio", "video")))
    noise, _ = noise_of(facts)
    drawing = robustness.draw(facts, noise, width, "x")
    lines = re.findall(r'<path class="k-(\w+) m" d="M([^"]+)"[^>]*?>\s*<title>([^<]+): ', drawing)
    assert len(lines) == len(noise.curves)
    assert {name for colour, _, name in lines if colour == "ink"} == {"early fusion"}
    dashed = re.findall(r'stroke-dasharray="5 4"[^>]*><title>([^<:]+):', drawing)
    assert set(dashed) == {"late fusion"} and len(dashed) == len(noise.noises)
    (_, points, _), *_ = [line for line in lines if line[2] == "early fusion"]
    heights = [float(point.split()[1]) for point in points.split("L")]
    values = [e.value for _, e in noise.curve("text", "early_fusion").points]
    steps = [(b - a) / (w - v) for (a, b), (v, w) in zip(itertools.pairwise(heights), itertools.pairwise(values))]
    assert max(steps) == pytest.approx(min(steps), rel=0.02) and steps[0] < 0
    assert drawing.count('stroke-dasharray="2 3"') == len(noise.noises)  # the majority, once a panel


def test_panels_stand_in_rows_of_nearly_equal_length():
    assert [robustness.columns(n, narrow=False) for n in range(1, 9)] == [1, 2, 3, 4, 3, 3, 4, 4]
    assert [robustness.columns(n, narrow=True) for n in (1, 2, 7)] == [1, 2, 2]


def test_what_noise_was_added_and_who_met_it_stands_beside_the_figure():
    figure = noise_section.blocks(facts_of(two()))[0]
    assert "Gaussian noise and dropped numbers" in figure.unit
    assert figure.key == (("kd", "late fusion, recommended"), ("g", "accelerometer alone"))
    assert [c.head for c in figure.table.columns][2:] == [
        "Level 0", "Level 0.25", "Level 0.5", "Level 0.75", "Level 1", "Relative", "Effective",
    ]  # fmt: skip
    assert len(figure.table.rows) == len(noise_of(facts_of(two()))[0].curves)


def test_a_darker_cell_is_a_better_score_in_either_direction():
    results = copy.deepcopy(movies())
    for higher in (True, False):
        results["evaluation"]["higher_is_better"] = higher
        facts = facts_of(results)
        found = [e.value for s in subsets.shown(facts) for e in (s.trained, s.dropped) if e]
        best, worst = (max(found), min(found)) if higher else (min(found), max(found))
        assert subsets.shade(facts, best) == 1 and subsets.shade(facts, worst) == 0
        drawing = subsets.draw(facts, WIDE, "x")
        assert drawing.count("not measured</title>") == sum(
            (s.trained is None) + (s.dropped is None) for s in subsets.shown(facts)
        )


def test_text_can_be_read_on_the_darkest_cell():
    def luminance(parts):
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    from mmcore.reporting.tokens import DARK

    def channels(colour):
        return [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]

    drawing = subsets.draw(facts_of(movies()), WIDE, "x")
    darkest = max(float(o) for o in re.findall(r'<rect class="f-ink m"[^>]*opacity="([\d.]+)"', drawing))
    for theme in (LIGHT, DARK):
        ink, page = channels(theme["ink"]), channels(theme["bg"])
        cell = luminance([darkest * a + (1 - darkest) * b for a, b in zip(ink, page)])
        high, low = sorted((luminance(ink), cell), reverse=True)
        assert (high + 0.05) / (low + 0.05) >= 4.5


def test_large_sets_are_named_by_what_is_missing():
    facts = facts_of(invented(tuple("abcdef")))
    names = {s.present: subsets.row_name(facts, s) for s in facts.subsets}
    assert names[tuple("abcdef")] == "all 6" and names[tuple("abcde")] == "without f"
    assert names[tuple("abcd")] == "without e, f" and names[tuple("abc")] == "a, b, c" and names[("a",)] == "a alone"


def test_both_columns_are_in_the_table_and_the_label():
    facts = facts_of(two())
    figure = missing.blocks(facts)[0]
    assert [c.head for c in figure.table.columns] == [
        "Present", "Absent at test: Accuracy, %", "Never collected: Accuracy, %", "Trained on just these",
    ]  # fmt: skip
    assert "gyroscope alone: absent at test 75.0, never collected 70.0" in subsets.label(facts)
    assert [cell.text for cell in figure.table.rows[-1]] == ["gyroscope alone", "75.0", "70.0", "gyroscope alone"]


def test_reliability_shows_both_sides_of_the_scaling():
    scaling = scaling_of(facts_of(two()))
    drawing = reliability.draw(scaling["after"]["bins"], "windows", NARROW, "x", before=scaling["before"]["bins"])
    assert drawing.count('<circle class="f-bg k-null') == 6 and drawing.count('<circle class="f-ink') == 6
    assert "Before scaling:" in drawing
    figure = trust.blocks(facts_of(two()))[0]
    assert [c.head for c in figure.table.columns] == ["Measure", "Before", "After"]
    assert [c.text for c in figure.table.rows[0]] == ["Calibration error", "0.040", "0.010"]
    plain = copy.deepcopy(two())
    plain["evaluation"]["temperature"] = None
    figure = trust.blocks(facts_of(plain))[0]
    assert [c.head for c in figure.table.columns] == ["Measure", "Value"] and "Before scaling" not in figure.wide


def test_of_many_models_those_that_decide_are_always_shown():
    results = copy.deepcopy(many())
    for entry in results["evaluation"]["models"]:  # late fusion and the best single one score worst of all
        if entry["model"] in ("late_fusion", "unimodal:accelerometer"):
            entry["metrics"] = {"accuracy": {"value": 0.1, "low": 0.05, "high": 0.15}}
    results["evaluation"]["models"][5] |= {"metrics": {}, "reason": "Training did not converge."}
    facts = facts_of(results)
    first, rest = model_table.split(facts)
    assert len(first) == model_table.MOST and len(first) + len(rest) == len(facts.models) == 40
    assert {"late_fusion", "unimodal:accelerometer", "early_fusion"} <= {m.key for m in first}
    for part in (first, rest):
        values = [m.score.value for m in part if m.score]
        assert values == sorted(values, reverse=True)
    wide, *_, folded = [b for b in model_table.blocks(facts) if b.kind in ("wide", "folded")][:2]
    assert folded.summary == "28 more models, one of them failed" and wide.title.startswith("Table 1. 12 of 40 models")
    assert wide.table.rows[wide.table.marked][0].tag == "recommended"
    assert folded.table.rows[-1][2].quiet == "Training did not converge."


def test_few_models_are_one_table_with_both_differences_and_the_tests_below():
    facts = facts_of(two())
    wide, tests, further = (b for b in model_table.blocks(facts) if b.kind in ("wide", "folded"))
    heads = [c.head for c in wide.table.columns]
    assert heads[2] == "Difference to late fusion, points" and heads[4] == "Difference to accelerometer alone, points"
    row = next(r for r in wide.table.rows if r[0].text == "Early fusion")
    assert row[2].text == "+0.5" and '<circle class="f-bg k-ink"' in row[3].drawing  # hollow: zero is inside
    assert row[4].text == "+3.5" and '<circle class="f-ink k-bg"' in row[5].drawing
    assert [c.text for c in tests.table.rows[0]][-2:] == ["0.3", "1"]
    assert "sign flip, 9999 draws" in tests.table.caption and further.summary == "Further scores of every model"
    references = [[c.quiet for c in r if c.quiet == "reference"] for r in wide.table.rows]
    assert sum(map(len, references)) == 2


def test_an_older_evaluation_has_no_tests_to_show():
    results = copy.deepcopy(two())
    for entry in results["evaluation"]["models"]:
        del entry["difference_unimodal"]
        if entry["difference"]:
            entry["difference"] = {k: entry["difference"][k] for k in ("to", "value", "low", "high")}
    page = build_page(results)
    assert "The tests behind table 1" not in page and "not compared" in page


def test_slices_are_drawn_where_they_can_be_compared():
    heading, _, table = slices.blocks(facts_of(invented(slices=True)))
    assert heading.text == "Where early fusion does better and worse"
    north, south, west = table.rows
    assert '<circle class="f-ink k-bg"' in north[4].drawing and '<circle class="f-bg k-ink"' in south[4].drawing
    assert west[3].quiet == "4 samples, 10 are needed to compare" and west[3].span == 3
    assert slices.blocks(facts_of(two())) == ()


def test_measured_time_is_no_part_of_the_page():
    page = build_page(two())
    assert "results/two/cost.json" in page and "Measured time differs from run to run" in page
    panel = re.search(r'<details class="measured">.*?</details>', page, re.DOTALL)[0]
    assert 'type="file"' in panel and not re.search(r"\d+ (?:s|MB)\b", panel)


def test_a_long_name_is_cut_in_a_head_and_whole_in_its_row():
    facts = facts_of(invented(("a_modality_whose_name_does_not_end", "b")))
    wide = model_table.blocks(facts)[0]
    assert max(len(c.head) for c in wide.table.columns) < 60
    assert "A_modality_whose_name_does_not_end alone" in [row[0].text for row in wide.table.rows]
