"""Geometry of the figures: to scale, in order, inside their frame; and what stands where there is nothing to draw."""

from __future__ import annotations

import itertools
import re

import pytest
from sample_results import SAMPLES, many, movies, planted, two

from mmcore.reporting.facts import ATOMS, Estimate, facts_of
from mmcore.reporting.figures import (
    balance,
    difference,
    forest,
    matrix,
    overlap,
    pareto,
    reach,
    reliability,
    robustness,
    shapley,
    strip,
    subsets,
)
from mmcore.reporting.invented import invented
from mmcore.reporting.measured import noise_of, scaling_of
from mmcore.reporting.page import build_page
from mmcore.reporting.svg import Drawing, Scale, coordinate, spread, ticks
from mmcore.reporting.tokens import ATOM_TOKENS, DARK, LIGHT, NARROW, WIDE

RECT = re.compile(r'<rect class="f-(\w+)[^"]*" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"')


def test_segments_are_the_parts_and_sum_to_the_entropy():
    facts = facts_of(two())
    pair, entropy = facts.leading, facts.entropy
    pieces = strip.segments(strip.values_of(pair), entropy)
    assert [piece.part for piece in pieces] == [*ATOMS, "neither"]
    assert sum(piece.width for piece in pieces) == pytest.approx(entropy)
    for piece in pieces[:-1]:
        assert piece.width == pytest.approx(pair.atoms[piece.part].value)
    assert all(a.end == pytest.approx(b.start) for a, b in itertools.pairwise(pieces))


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_strip_is_drawn_to_scale(width):
    facts = facts_of(two())
    pair, entropy = facts.leading, facts.entropy
    drawn = {m[1]: float(m[4]) for m in RECT.finditer(strip.draw(pair, entropy, width, "x"))}
    for atom in ATOMS:
        expected = pair.atoms[atom].value / entropy * (width - 1)
        assert drawn[ATOM_TOKENS[atom]] == pytest.approx(expected - 1.5, abs=0.11)  # less the gap between the parts


def test_a_part_below_zero_has_no_width_but_keeps_its_number():
    facts = facts_of(invented(negative=True))
    pair = facts.leading
    assert pair.atoms["synergy"].value < 0
    pieces = {p.part: p for p in strip.segments(strip.values_of(pair), facts.entropy)}
    assert pieces["synergy"].width == 0
    assert "−0.08" in strip.strip_label(pair, facts.entropy)
    drawing = forest.draw(pair, WIDE, "x")
    zero = re.search(r'class="k-null" d="M([\d.]+)', drawing)
    dots = [float(x) for x in re.findall(r'<circle class="f-s [^"]*" cx="([\d.]+)"', drawing)]
    assert dots and all(x < float(zero[1]) for x in dots)


def test_truth_stands_at_each_true_boundary():
    facts = facts_of(planted())
    pair = facts.leading
    assert strip.boundaries(pair.truth)[-1] == pytest.approx(sum(pair.truth[a] for a in ATOMS))
    without = facts_of(two())
    assert "truth" in strip.strip_label(pair, facts.entropy)
    assert "truth" not in strip.strip_label(without.leading, without.entropy)
    assert forest.draw(pair, WIDE, "x").count("Planted truth") == 4


def drawings(facts, width):
    pair, entropy = facts.leading, facts.entropy
    yield strip.draw(pair, entropy, width, "a")
    yield overlap.draw(pair, entropy, width, "b")
    yield forest.draw(pair, width, "c")
    yield matrix.draw(facts, width, "d")
    yield reach.draw(facts, width, "e")
    yield subsets.draw(facts, width, "f")
    yield shapley.draw(facts, width, "g")
    yield balance.draw(facts.description, "windows", width, "h")
    scaling = scaling_of(facts)
    yield reliability.draw(scaling["after"]["bins"], "windows", width, "i", before=scaling["before"]["bins"])
    yield robustness.draw(facts, noise_of(facts)[0], width, "j")
    yield pareto.draw(facts, pareto.costs_of(facts), width, "k")


LONG = tuple(f"{i}_a_modality_whose_name_does_not_end_where_it_should" for i in range(7))
WORLDS = {
    "two": two, "planted": planted, "movies": movies, "many": many, "negative": lambda: invented(negative=True),
    "seven": lambda: invented(LONG), "forty": lambda: invented(classes=[f"species {i}" for i in range(40)]),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(WORLDS))
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_marks_stay_inside_their_frame(name, width):
    for drawing in drawings(facts_of(WORLDS[name]()), width):
        height = float(re.search(r'viewBox="0 0 [\d.]+ ([\d.]+)"', drawing)[1])
        assert re.search(r'viewBox="0 0 ([\d.]+)', drawing)[1] == str(width)
        for x, y in re.findall(r'<(?:text|rect) [^>]*?x="([\d.-]+)" y="([\d.-]+)"', drawing):
            assert -0.6 <= float(x) <= width + 0.6 and -0.6 <= float(y) <= height + 0.6
        for x, y, w, h in ((float(v) for v in m.groups()[1:]) for m in RECT.finditer(drawing)):
            assert x + w <= width + 0.6 and y + h <= height + 0.6
        for x, y in re.findall(r'c[xy]="([\d.-]+)" cy="([\d.-]+)"', drawing):
            assert 0 <= float(x) <= width and 0 <= float(y) <= height


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_text_is_never_smaller_than_a_reader_can_read(width):
    for drawing in drawings(facts_of(movies()), width):
        sizes = [float(size) for size in re.findall(r'<text [^>]*font-size="([\d.]+)"', drawing)]
        assert len(sizes) == drawing.count("<text ") and min(sizes, default=12) >= 11.5


def test_only_the_four_parts_take_a_hue():
    facts = facts_of(movies())
    hues = {LIGHT[token] for token in ATOM_TOKENS.values()}
    _, _, _, _, reached, *rest = drawings(facts, WIDE)
    rest.pop(2)  # the balance of classes
    for drawing in (reached, *rest):
        assert not hues & set(re.findall(r"#[0-9a-f]{6}", drawing))


def test_hues_can_be_told_from_the_page():
    def luminance(colour):
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    def contrast(a, b):
        high, low = sorted((luminance(a), luminance(b)), reverse=True)
        return (high + 0.05) / (low + 0.05)

    for theme in (LIGHT, DARK):
        for token in ATOM_TOKENS.values():
            assert contrast(theme[token], theme["bg"]) >= 3
        for token in ("ink", "ink2", "ink3", "ok", "warn", "fail"):
            assert contrast(theme[token], theme["bg"]) >= 4.5


def test_labels_keep_their_order_and_do_not_touch():
    widths = [40.0, 60.0, 50.0, 30.0]
    places = spread([100, 101, 102, 103], widths, 0, 720, gap=4)
    for i in range(3):
        assert places[i + 1] - places[i] >= (widths[i] + widths[i + 1]) / 2 + 4 - 1e-9
    assert spread([50, 300], [40, 40], 0, 720) == [50, 300]
    assert spread([], [], 0, 10) == []
    assert min(spread([0, 0], [40, 40], 0, 720)) == 20


def test_ticks_are_round_and_inside():
    assert ticks(0, 100) == [0, 20, 40, 60, 80, 100]
    assert all(-0.3 <= t <= 0.7 for t in ticks(-0.3, 0.7)) and 0 in ticks(-0.3, 0.7)
    assert ticks(2, 2) == [2]
    assert coordinate(-0.04) == "0" and Scale(0, 2, 10, 30)(1) == 20


def test_text_in_a_drawing_is_escaped():
    drawing = Drawing(100, 20)
    drawing.text(0, 10, '<b a="1">', full='"<i>')
    html = drawing.render("i", '"><script>')
    assert "<b" not in html and "<i>" not in html and "<script>" not in html


def test_a_difference_is_filled_only_where_its_interval_excludes_zero():
    metric = facts_of(two()).metric
    clear = difference.draw(Estimate(0.03, 0.01, 0.05), (-0.1, 0.1), metric, "x")
    unclear = difference.draw(Estimate(0.03, -0.01, 0.07), (-0.1, 0.1), metric, "x")
    assert '<circle class="f-ink k-bg"' in clear and '<circle class="f-bg k-ink"' in unclear


def test_many_labels_become_the_ten_smallest_and_the_rest_folds():
    page = build_page(WORLDS["forty"]())
    assert "and 30 more" in page and "the 10 smallest of 40" in page


def test_more_than_31_sets_keep_the_best_31():
    facts = facts_of(invented(tuple("abcdef")))
    assert len(facts.subsets) == 63 and len(subsets.shown(facts)) == 31
    assert "the 31 best of 63 sets" in build_page(invented(tuple("abcdef")))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nearly_empty", ["no estimate", "no bounds", "no model", "no subsets", "no calibration", "no attribution",
                          "no checks", "no commands recorded", "Stage estimate has left no result for it."]),
        ("refused", ["no estimate", "8 rows have both; 30 are needed."]),
        ("failed_check", ["The acceptance checks stopped the run.", "✕", "Failed", "3 persons",
                          "Split by person again."]),
    ],
)  # fmt: skip
def test_what_is_missing_says_why(name, words):
    page = build_page(SAMPLES[name]())
    for text in words:
        assert text in page


def test_names_of_common_length_are_not_cut():
    facts = facts_of(two())
    pair = facts.leading
    assert {pair.first, pair.second} == {"accelerometer", "gyroscope"}
    wide = (
        overlap.draw(pair, facts.entropy, WIDE, "x"), forest.draw(pair, WIDE, "x"), forest.draw(pair, NARROW, "x"),
        subsets.draw(facts, WIDE, "x"),
    )  # fmt: skip
    assert not any("…" in drawing for drawing in wide)
    narrow = overlap.draw(pair, facts.entropy, NARROW, "x")
    assert ">shared<" in narrow and ">together<" in narrow


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_labels_under_the_strip_do_not_touch(width):
    label = re.compile(
        r'<text class="f-ink2[^"]*" x="([\d.]+)" y="[\d.]+" fill="#\w+" font-size="12" text-anchor="middle">'
        r"(?:<title>[^<]*</title>)?((?:only|shared|together)[^<]*)<"
    )
    for results in (
        two(),
        planted(),
        movies(),
        invented(("a_modality_with_a_long_name", "another_modality_with_a_long_name")),
    ):
        facts = facts_of(results)
        found = [(float(x), text) for x, text in label.findall(overlap.draw(facts.leading, facts.entropy, width, "x"))]
        assert len(found) == 4
        for (a, left), (b, right) in itertools.pairwise(found):
            assert b - a >= 12 * 0.56 * (len(left) + len(right)) / 2
