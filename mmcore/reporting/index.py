"""The index over all datasets: a card for each, from a small JSON, so that no report need be read again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from mmcore.reporting import format as fmt
from mmcore.reporting.facts import ATOMS, Estimate, Facts, Pair, facts_of
from mmcore.reporting.figures import strip
from mmcore.reporting.metrics import metric_named
from mmcore.reporting.page import environment, inline_assets
from mmcore.reporting.sentences.meanings import found_parts
from mmcore.reporting.sentences.verdict import improvement, rival, verdict_of
from mmcore.reporting.view import FAILED, Cell, Column, Status, Table, number_head

_NEEDS_FUSION = ("gain", "unclear", "worse")
_ENOUGH = ("late_fusion", "one_modality", "late_fusion_contradicted", "one_modality_contradicted")


def card(results: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the index says about one dataset, as plain JSON; its keys are read by `build_index` only.

    Example:
        >>> spec = {"name": "tiny", "modalities": [{"name": "a", "kind": "tabular", "shape": [2]}]}
        >>> card({"dataset": spec})["kind"]
        'no_answer'
    """
    facts = facts_of(results)
    verdict, pair = verdict_of(facts), facts.leading
    fusion = facts.recommended if facts.recommended and len(facts.recommended.modalities) > 1 else None
    chosen = fusion if fusion and fusion.key != "late_fusion" else rival(facts)
    gain = improvement(facts, chosen)
    return {
        "name": facts.name,
        "kind": verdict.kind,
        "verdict": verdict.short,
        "reason": facts.reasons.get("estimate") if pair is None else None,
        "labels": f"{len(facts.classes)} {fmt.plural(facts.nouns.label)}" if facts.classes else facts.nouns.label,
        "modalities": list(facts.modalities),
        "metric": facts.metric.key,
        "gain": None if gain is None else {"value": gain.value, "low": gain.low, "high": gain.high},
        "entropy": facts.entropy,
        "pair": None if pair is None else _pair_json(pair),
        "warnings": sum(c["status"] == "warning" for c in (facts.result("checks") or {}).get("checks") or []),
        "failures": sum(c["status"] == "failed" for c in (facts.result("checks") or {}).get("checks") or []),
        "planted": _planted(facts),
    }


def _pair_json(pair: Pair) -> dict[str, Any]:
    return {
        "first": pair.first, "second": pair.second,
        "corrected": {a: pair.atoms[a].value for a in ATOMS},
        "interval": {a: [pair.atoms[a].low, pair.atoms[a].high] for a in ATOMS},
        "both": pair.information["both"].value if "both" in pair.information else None,
        "truth": None if pair.truth is None else {a: pair.truth[a] for a in ATOMS},
    }  # fmt: skip


def _planted(facts: Facts) -> list[int] | None:
    known = [pair for pair in facts.estimated if pair.truth is not None]
    return [sum(found_parts(pair)[0] for pair in known), 4 * len(known)] if known else None


def _pair(raw: Mapping[str, Any]) -> Pair:
    atoms = {a: Estimate(raw["corrected"][a], *raw["interval"][a]) for a in ATOMS}
    return Pair(raw["first"], raw["second"], None, atoms, {}, {}, raw["truth"], {}, None, None, (), {})


def build_index(cards: Sequence[Mapping[str, Any]]) -> str:
    """Return the page over all datasets; a card's report is expected at `<name>/index.html` beside it.

    Args:
        cards: what `card` returned for each dataset, in the order of the page.

    Example:
        >>> "No datasets yet" in build_index([])
        True
    """
    real = [c for c in cards if c["planted"] is None]
    planted = [c for c in cards if c["planted"] is not None]
    html = (
        environment()
        .get_template("index.html")
        .render(
            title="All datasets",
            verdict=overview(cards),
            because=overview_reason(cards),
            groups=[
                (identity, heading, _table(heading, group, identity))
                for identity, heading, group in (
                    ("real", "Datasets", real),
                    ("planted", "Planted worlds, where the truth is known", planted),
                )
                if group
            ],
            **inline_assets(),
        )
    )
    return html.rstrip("\n") + "\n"


def overview(cards: Sequence[Mapping[str, Any]]) -> str:
    """Return the sentence over all datasets whose truth is not planted (or, without any, over the planted ones)."""
    real = [c for c in cards if c["planted"] is None] or list(cards)
    judged = [c for c in real if c["kind"] in (*_NEEDS_FUSION, *_ENOUGH)]
    if not cards:
        return "No datasets yet: add one, then run the pipeline."
    if not judged:
        return "No dataset has an answer yet."
    fuse, n = sum(c["kind"] == "gain" for c in judged), len(judged)
    if fuse == n:
        return f"{fmt.capital(_scope(n))} {'gains' if n == 1 else 'gain'} from a fusion model."
    rest = _enough({c["kind"] for c in judged if c["kind"] != "gain"})
    if fuse:
        verb, others = "gains" if fuse == 1 else "gain", "the other" if n - fuse == 1 else "the others"
        tail = f"for {others} {rest}" if rest else f"for {others} the gain is not clear"
        return f"{fmt.capital(fmt.words(fuse))} of {fmt.words(n)} datasets {verb} from a fusion model; {tail}."
    if rest:
        return f"For {_scope(n)} {rest}."
    none = {1: "The one dataset does not gain", 2: "Neither dataset gains"}.get(
        n, f"None of {fmt.words(n)} datasets gains"
    )
    return f"{none} clearly from a fusion model."


def _scope(n: int) -> str:
    return {1: "the one dataset", 2: "both datasets"}.get(n, f"all {fmt.words(n)} datasets")


def _enough(kinds: set[str]) -> str:
    """Return what is enough for datasets with these verdicts; nothing where one of them is open."""
    if kinds == {"late_fusion"}:
        return "late fusion is enough"
    if kinds == {"one_modality"}:
        return "one modality is enough"
    return "late fusion or one modality is enough" if kinds == {"late_fusion", "one_modality"} else ""


def overview_reason(cards: Sequence[Mapping[str, Any]]) -> str:
    """Return how many have no answer, and how many planted parts were found."""
    none = sum(c["kind"] in ("no_answer", "stopped") for c in cards)
    planted = [c["planted"] for c in cards if c["planted"] is not None]
    text = f"{fmt.capital(fmt.words(none))} {'has' if none == 1 else 'have'} no answer. " if none else ""
    if planted:
        inside, total = sum(p[0] for p in planted), sum(p[1] for p in planted)
        text += f"On planted data {fmt.count(inside)} of {fmt.count(total)} known parts lie within their intervals."
    return text.strip()


def _table(heading: str, cards: Sequence[Mapping[str, Any]], identity: str) -> Table:
    heads = (Column("Dataset"), Column("What is known about the label, as a share of all"), Column("Verdict"),
             number_head("Best fusion over late fusion"), Column("Status"))  # fmt: skip
    rows = tuple(_row(c, f"{identity}-{i}") for i, c in enumerate(cards))
    return Table(heading, heads, rows, sortable=True)


def _row(c: Mapping[str, Any], identity: str) -> tuple[Cell, ...]:
    about = f"{c['labels']}; {', '.join(c['modalities'])}"
    name = Cell(c["name"], link=f"{c['name']}/index.html", quiet=about, quiet_below=True, value=c["name"])
    return (
        name,
        _known(c, identity),
        Cell(c["verdict"], value=c["verdict"]),
        _gain(c),
        Cell(status=_status(c), value=_status(c).word),
    )


def _known(c: Mapping[str, Any], identity: str) -> Cell:
    if c["pair"] is None or not c["entropy"]:
        reason = c["reason"] or "no pair was estimated"
        return Cell(quiet=f"no estimate: {reason}", value="-1", code=False, tag="empty")
    pair, synergy = _pair(c["pair"]), c["pair"]["corrected"]["synergy"]
    low, high = c["pair"]["interval"]["synergy"]
    ends = "" if low is None or high is None else f" {fmt.interval(low, high, 2)}"
    both = c["pair"]["both"]
    text = f"{fmt.number(both, 2)} of {fmt.bits(c['entropy'])}; " if both is not None else ""
    text += f"synergy {fmt.number(synergy, 2)}{ends}"
    if len(c["modalities"]) > 2:
        text += f"; {pair.first} with {pair.second}"
    drawing: Markup = strip.draw_small(pair, c["entropy"], f"card-{identity}")
    return Cell(drawing=drawing, quiet=text, quiet_below=True, value=repr(float(synergy / c["entropy"])))


def _gain(c: Mapping[str, Any]) -> Cell:
    if c["gain"] is None:
        return Cell("–", value="x")
    metric, gain = metric_named(c["metric"]), c["gain"]
    unit = f"{fmt.NBSP}{metric.difference_unit}" if metric.difference_unit else ""
    return Cell(
        f"{metric.signed(gain['value'])}{unit}",
        quiet=metric.interval(gain["low"], gain["high"], signed=True),
        value=repr(float(gain["value"])),
    )


def _status(c: Mapping[str, Any]) -> Status:
    if c["kind"] == "stopped":
        return Status("fail", FAILED.sign, "Failed its checks")
    if c["kind"] == "no_answer":
        return Status("off", "–", "No answer")
    if c["planted"] is not None:
        inside, total = c["planted"]
        return Status(
            "ok" if inside == total else "warn", "✓" if inside == total else "!", f"{inside} of {total} parts found"
        )
    if c["failures"]:
        return Status("warn", "!", f"Current, {fmt.counted(c['failures'], 'check')} failed")
    if c["warnings"]:
        return Status("warn", "!", f"Current, {fmt.counted(c['warnings'], 'warning')}")
    return Status("ok", "✓", "Current")
