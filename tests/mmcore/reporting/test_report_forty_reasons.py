"""With forty models the reasons stay few: the comparisons of the recommended model and of late fusion."""

from __future__ import annotations

from mmcore.reporting.facts import Facts
from mmcore.reporting.sections.model import STATED_COMPARISONS, _telling


class Told(Facts):
    """Facts of which only the verdict is asked."""

    def __init__(self, verdict):
        object.__setattr__(self, "verdict", verdict)

    def result(self, name):
        return self.verdict if name == "verdict" else None


def comparisons(n):
    rivals = ("late_fusion", "unimodal:a")
    return [{"model": f"m{i}", "against": rival} for i in range(n) for rival in rivals]


def test_many_comparisons_are_cut_to_those_of_the_verdict():
    late = {"model": "late_fusion", "against": "unimodal:a"}
    told = Told({"verdict": "fusion", "recommended": "m3", "comparisons": [*comparisons(40), late]})
    assert [(c["model"], c["against"]) for c in _telling(told)] == [
        ("m3", "late_fusion"), ("m3", "unimodal:a"), ("late_fusion", "unimodal:a"),
    ]  # fmt: skip


def test_a_few_are_all_stated():
    told = Told({"verdict": "fusion", "recommended": "m0", "comparisons": comparisons(STATED_COMPARISONS // 2)})
    assert len(_telling(told)) == STATED_COMPARISONS
