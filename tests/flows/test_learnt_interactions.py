"""The pipeline quantifies the models that it trained, and its page shows them beside the data."""

from __future__ import annotations

import json
import re

import pytest


@pytest.fixture(scope="module")
def content(finished):
    return json.loads((finished / "results" / "planted-tiny" / "learn" / "interactions.json").read_text("utf-8"))


def test_every_proposed_model_is_quantified_on_the_leading_pair(finished, content):
    selection = json.loads((finished / "results" / "planted-tiny" / "selection.json").read_text("utf-8"))
    proposed = {entry["model"] for kind in ("candidates", "mandatory") for entry in selection[kind]}
    assert content["status"] == "measured" and content["pair"] == selection["leading_pair"] == ["alpha", "beta"]
    assert {entry["model"] for entry in content["models"]} == proposed


def test_planted_synergy_is_in_what_multiplies_and_not_in_what_adds(content):
    found = {entry["model"]: entry for entry in content["models"]}
    late, early = found["late_fusion"], found["early_fusion"]
    assert late["interaction"]["share"]["value"] == pytest.approx(0.0, abs=1e-5)  # single precision
    assert early["interaction"]["share"]["low"] > 0.1
    # the planted exclusive or: a bit less the noise, which decisions do not repeat
    assert early["atoms"]["corrected"]["synergy"] > 0.7 > 0.3 > late["atoms"]["corrected"]["synergy"]
    low, high = found["unimodal:alpha"]["atoms"]["interval"]["unique2"]
    assert low <= 0.0 <= high
    assert early["agreement"]["normalised"] > late["agreement"]["normalised"]


def test_the_page_has_figure_and_table_and_knows_the_file(finished):
    page = (finished / "reports" / "planted-tiny" / "index.html").read_text(encoding="utf-8")
    assert "Which interactions the models use" in page and 'id="interactions-w"' in page
    assert "results/planted-tiny/learn/interactions.json" in re.sub(r"<[^>]+>", "", page)
