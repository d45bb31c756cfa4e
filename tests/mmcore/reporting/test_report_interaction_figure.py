"""Interaction in the models beside synergy in the data: marks at their shares, words for what has none, one planted or.

The end-to-end test trains on an exclusive or of two signs. Late fusion adds logits, so its share there is zero whatever
it learnt; a model that is right on all four cells with logits of one size has v = -+c with both and 0 else: share one.
"""

from __future__ import annotations

import itertools
import math
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from mmcore.data import from_arrays
from mmcore.errors import InputError
from mmcore.evaluation.interval import Interval
from mmcore.reporting import write_interaction_figure
from mmcore.reporting.figures import interaction
from mmcore.reporting.interaction_figure import interaction_figure_svg
from mmcore.reporting.tokens import LIGHT, NARROW, WIDE
from mmcore.selection.interaction import ModelInteraction, model_interaction
from mmcore.selection.interaction_masked import InteractionFigure, InteractionPoint, beside_synergy, masked_outputs
from mmcore.selection.quantify import QuantifiedAtoms, quantification_frame

WIDTHS = [WIDE, 400, NARROW]


def share(value, low=None, high=None, reason=None):
    return Interval(value, low, high, 0.95, "group", 9, reason)


USUAL = InteractionFigure(
    (
        InteractionPoint("none", share(0.0, 0.0, 0.1), 0.2, 0.25, None),
        InteractionPoint("half", share(0.5, 0.4, 0.6), 0.6, 0.75, None),
        InteractionPoint("all", share(1.0, 0.9, 1.0), 0.8, 1.0, None),
    ),
    0.5,
    (0.25, 0.75),
    0.5,
    (0.25, 0.75),
)
HARD = InteractionFigure(
    (
        InteractionPoint("a_model_whose_name_does_not_end_where_it_should", share(0.62, 0.5, 0.71), 0.4, 0.55, None),
        InteractionPoint('<b> & "quiet"', share(None, reason="no modality moves it"), 0.0, None, "one value"),
        InteractionPoint("alone", share(0.3, reason="one group")),
        InteractionPoint("below", share(1.0, 1.0, 1.0), -0.1, -0.13, None),
        InteractionPoint("far", share(0.0, 0.0, 0.1), 3.0, 3.0, None),
    ),
    -0.02,
    (-0.1, 0.05),
    -2.0,
    (-10.0, 5.0),
)  # fmt: skip


def elements(figure, width):
    root = ElementTree.fromstring(str(interaction.draw(figure, width, "x")))
    return root, list(root)


def circles(marks, *, hollow):
    """Return (x, y) of the dots below the key."""
    rim = LIGHT["s"] if hollow else LIGHT["bg"]
    found = [m for m in marks if m.tag == "circle" and m.get("stroke") == rim and float(m.get("cy")) > 60]
    return [(float(m.get("cx")), float(m.get("cy"))) for m in found]


def ticks_of(marks):
    """Return the value of each tick label -> its pixel, from the labels in the middle of their tick."""
    found = [m for m in marks if m.tag == "text" and re.fullmatch(r"\d\.\d", m.text or "")]
    return {float(m.text): float(m.get("x")) for m in found if m.get("text-anchor")}


@pytest.mark.parametrize("width", WIDTHS)
def test_marks_stand_at_their_shares(width):
    _, marks = elements(USUAL, width)
    filled, hollow = circles(marks, hollow=False), circles(marks, hollow=True)
    (zero, y0), (half, y1), (one, y2) = filled
    assert half == pytest.approx((zero + one) / 2, abs=0.1)
    place = lambda value: zero + value * (one - zero)  # noqa: E731
    assert [x for x, _ in hollow] == pytest.approx([place(v) for v in (0.25, 0.75, 1.0)], abs=0.11)
    assert all(0 < below - above < 30 for (_, above), (_, below) in zip(filled, hollow))
    assert y2 - y1 == pytest.approx(y1 - y0)
    band = [m for m in marks if m.tag == "rect" and m.get("fill") == LIGHT["band"]][-1]
    assert float(band.get("x")) == pytest.approx(place(0.25), abs=0.11)
    assert float(band.get("width")) == pytest.approx(0.5 * (one - zero), abs=0.11)
    line = [m for m in marks if m.tag == "path" and m.get("stroke") == LIGHT["s"]][-1]
    xs = [float(part.split()[0]) for part in line.get("d")[1:].split("L")]
    assert xs == pytest.approx([place(0.5)] * 2, abs=0.11)
    intervals = [m for m in marks if m.tag == "path" and m.get("stroke-width") == "3.5"][1:]
    ends = [[float(part.split()[0]) for part in m.get("d")[1:].split("L")] for m in intervals]
    assert ends[1] == pytest.approx([place(0.4), place(0.6)], abs=0.11)
    labels = ticks_of(marks)
    assert labels
    assert all(x == pytest.approx(place(value), abs=0.11) for value, x in labels.items())


def text_boxes(marks):
    """Return the box of each text, at a mean character of half an em."""
    for m in marks:
        if m.tag != "text":
            continue
        words, size = "".join(m.itertext()), float(m.get("font-size"))
        title = m.find("title")
        words = (title.tail or "") if title is not None else words
        room = 0.5 * size * len(words)
        left = float(m.get("x")) - {None: 0.0, "middle": room / 2, "end": room}[m.get("text-anchor")]
        yield left, float(m.get("y")) - 0.7 * size, left + room, float(m.get("y")), words


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("figure", [USUAL, HARD])
def test_nothing_overlaps_or_leaves_the_drawing(figure, width):
    root, marks = elements(figure, width)
    boxes = list(text_boxes(marks))
    height = float(root.get("height"))
    for a, b in itertools.combinations(boxes, 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1], (a, b)
    assert all(left >= 0 and right <= width for left, _, right, _, _ in boxes)
    assert all(top >= 0 and bottom <= height for _, top, _, bottom, _ in boxes)
    for x, y in circles(marks, hollow=False) + circles(marks, hollow=True):
        assert 6 <= x <= width - 6
        assert all(not (b[0] < x + 6 and b[2] > x - 6 and b[1] < y + 6 and b[3] > y - 6) for b in boxes), (x, y)


@pytest.mark.parametrize("width", WIDTHS)
def test_what_has_no_share_is_said_and_not_drawn(width):
    _, marks = elements(HARD, width)
    assert len(circles(marks, hollow=False)) == 4  # five models, one without a share
    assert len(circles(marks, hollow=True)) == 2  # one refused, one not quantified, one beyond the scale
    words = [text[-1] for text in text_boxes(marks)]
    assert words.count("– no share") == 2
    assert words.count("– not quantified") == 1
    tooltips = [m.find("title").text for m in marks if m.find("title") is not None]
    assert {"no modality moves it", "one value"} <= set(tooltips)
    # -2 of the data and 3 of the last model lie outside: an arrow at either edge, the number in words
    arrows = [m for m in marks if m.tag == "path" and m.get("fill") == LIGHT["s"]]
    assert len(arrows) == 2
    assert "3.00" in words
    assert any("−2.00 [−10.00,\u00a05.00]" in text for text in words)


def test_no_share_of_the_data_draws_neither_line_nor_band():
    figure = InteractionFigure(USUAL.points, 0.0, None, None)
    _, marks = elements(figure, WIDE)
    lines = [m for m in marks if m.tag == "path" and m.get("stroke") == LIGHT["s"]]
    bands = [m for m in marks if m.tag == "rect" and m.get("fill") == LIGHT["band"]]
    assert len(lines) == len(bands) == 1  # those of the key
    assert "no share" in interaction.label(figure)


def test_the_text_alternative_states_every_number():
    root, _ = elements(HARD, WIDE)
    assert root.get("role") == "img"
    label = root.get("aria-label")
    expected_words = ("0.62 [0.50,\u00a00.71]", "0.55 (0.40\u00a0bits)", "no share (no modality moves it)", "one value")
    expected_words += ("not quantified", "−0.13", '<b> & "quiet"', "−2.00 [−10.00,\u00a05.00]", "−0.02\u00a0bits")
    for expected in expected_words:
        assert expected in label, expected


def test_the_file_stands_alone_in_both_themes_with_the_same_bytes(tmp_path):
    paths = [write_interaction_figure(HARD, tmp_path / name / "figure.svg", width=400) for name in ("one", "two")]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    root = ElementTree.parse(paths[0]).getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    left, top, width, height = map(float, root.get("viewBox").split())
    assert (left, top, width) == (-12, -12, 424)
    assert (root.get("width"), root.get("height")) == ("424", f"{height:g}")
    text = paths[0].read_text(encoding="utf-8")
    assert "prefers-color-scheme:dark" in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    used = set(re.findall(r"[fk]-(\w+)", " ".join(re.findall(r'class="([^"]*)"', text))))
    assert used <= set(LIGHT)


def test_bad_input(tmp_path):
    empty = InteractionFigure((), 0.5, None, 0.5)
    broken = InteractionFigure((InteractionPoint("x", share(math.nan)),), 0.5, None, 0.5)
    for figure, width in ((empty, WIDE), (USUAL, NARROW - 1), (broken, WIDE)):
        with pytest.raises(InputError):
            interaction_figure_svg(figure, width=width)
    with pytest.raises(InputError, match=r"\.svg"):
        write_interaction_figure(USUAL, tmp_path / "figure.png")


def test_content_has_shares_and_reasons():
    one = ModelInteraction("x", ("a", "b"), share(0.5), share(0.5), 0.5, ((0.0, 0.0), (0.0, 0.0)), 4, 0)
    raw = {"redundancy": 0.2, "unique1": 0.1, "unique2": 0.1, "synergy": 0.4}
    data = QuantifiedAtoms("estimated", raw=raw, interval=dict.fromkeys(raw, (0.2, 0.6)))
    constant = QuantifiedAtoms("constant", "one value", dict.fromkeys(raw, 0.0))
    figure = beside_synergy([one] * 3, data, [data, constant, QuantifiedAtoms("refused", "too few rows")])
    assert figure.share_interval == pytest.approx((0.25, 0.75))
    assert [p.prediction_share for p in figure.points] == [pytest.approx(0.5), None, None]
    assert [p.prediction_reason for p in figure.points] == [None, "one value", "too few rows"]
    assert beside_synergy([one], data).points[0].prediction_reason == "not quantified"


def test_a_planted_exclusive_or_end_to_end(tmp_path):
    from mmcore.models import build_model
    from mmcore.training import fit, predict

    a, b = np.tile([[0, 0, 1, 1], [0, 1, 0, 1]], 75)  # each cell as often: what is masked carries no chance effect
    split = ["train"] * 160 + ["valid"] * 40 + ["test"] * 100
    ds = from_arrays({"a": 2.0 * a[:, None] - 1, "b": 2.0 * b[:, None] - 1}, labels=a ^ b, name="xor", split=split)
    test = np.arange(200, 300)
    frame = quantification_frame(ds, rows=test, options={"n_boot": 20})
    shares, atoms = [], []
    for name in ("late_fusion", "tensor_fusion"):
        model = fit(build_model(name, ds.spec), ds, epochs=20, batch_size=32, learning_rate=1e-2, device="cpu").model

        def logits(part, model=model):
            return predict(model, part, np.arange(len(part)))

        outputs = masked_outputs(logits, ds, test[:40], n_draws=40)
        shares.append(model_interaction(outputs, model=name, n_boot=100))
        atoms.append(frame.quantify(name, predict(model, ds, test).argmax(axis=1)).prediction)
    figure = beside_synergy(shares, frame.data, atoms)
    late, tensor = figure.points
    assert late.share.value == pytest.approx(0.0, abs=1e-5)  # single precision
    assert tensor.share.value > 0.75  # logits of the four cells are not quite of one size after 20 epochs
    assert tensor.prediction_share == pytest.approx(1.0, abs=0.05)
    assert figure.synergy_share == pytest.approx(1.0, abs=0.05)
    root = ElementTree.parse(write_interaction_figure(figure, tmp_path / "xor.svg")).getroot()
    assert "late_fusion: interaction 0.00" in root.get("aria-label")
