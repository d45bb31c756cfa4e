"""One answer under each heading: a bold claim, then its evidence. Each stands alone on the first page in print."""

from __future__ import annotations

from dataclasses import dataclass

from mmcore.reporting import format as fmt
from mmcore.reporting.facts import ATOMS, Estimate, Facts, Pair, Subset
from mmcore.reporting.figures import reach as reach_figure
from mmcore.reporting.measured import scaling_of
from mmcore.reporting.sentences.verdict import change, improvement, stopping_check, synergy_text, verdict_of


@dataclass(frozen=True)
class Answer:
    """A claim and its evidence."""

    claim: str
    evidence: str


def data(facts: Facts) -> Answer:
    """Return whether the data can be trusted, from the acceptance checks."""
    result, nouns = facts.result("checks"), facts.nouns
    if result is None:
        return Answer("Not checked.", facts.reasons["checks"])
    checks = result.get("checks") or []
    failed = [c for c in checks if c["status"] == "failed"]
    warned = [c for c in checks if c["status"] == "warning"]
    passed = len(checks) - len(failed) - len(warned)
    evidence = f"{passed} of {len(checks)} checks passed"
    evidence += f", {fmt.words(len(warned))} warned" * bool(warned) + f", {fmt.words(len(failed))} failed" * bool(
        failed
    )
    aside = result.get("n_quarantined") or 0
    evidence += f"; {fmt.counted(aside, nouns.sample)} set aside." if aside else "."
    if any(c.get("source") == "leakage" and c["status"] == "passed" for c in checks) and facts.grouped:
        evidence += f" {fmt.capital(fmt.plural(nouns.group))} are never split between training and test."
    if failed:
        claim = "No." if stopping_check(facts) else f"With care: “{failed[0]['title']}” failed."
    elif warned or aside:
        n = len(warned) + bool(aside)
        claim = f"Yes, with {fmt.words(n)} {fmt.plural('remark', n)}."
    else:
        claim = "Yes."
    return Answer(claim, evidence)


def _dominant(pair: Pair) -> str | None:
    total = sum(pair.atoms[a].value for a in ATOMS)
    return next((a for a in ATOMS if total > 0 and pair.atoms[a].value > 0.5 * total), None)


def interact(facts: Facts) -> Answer:
    """Return how the leading pair interacts."""
    pair = facts.leading
    if pair is None:
        reason = facts.reasons.get("estimate") or next((p.reason for p in facts.pairs if p.reason), None)
        return Answer("No estimate.", reason or "No pair of modalities was estimated.")
    both, synergy = pair.information.get("both"), pair.atoms["synergy"]
    if both is not None and (both.value <= 0 or (both.low is not None and both.low <= 0)):
        return Answer(
            f"They tell next to nothing about the {facts.nouns.label}.",
            f"{fmt.capital(pair.first)} and {pair.second} together tell {_ends(both)}.",
        )
    claims = {
        "redundancy": "Mostly they repeat each other", "unique1": f"Mostly {pair.first} tells it",
        "unique2": f"Mostly {pair.second} tells it", "synergy": "Mostly they complete each other",
        None: "No part dominates",
    }  # fmt: skip
    dominant = _dominant(pair)
    claim = claims[dominant]
    if dominant != "synergy" and synergy.above_zero:
        claim += ", and in part they complete each other"
    lead = (
        "" if len(facts.modalities) == 2 else f"For the pair with the surest synergy, {pair.first} with {pair.second}: "
    )
    return Answer(f"{claim}.", fmt.capital(lead + _parts(pair)))


def _ends(estimate: Estimate) -> str:
    ends = "" if estimate.low is None or estimate.high is None else f" {fmt.interval(estimate.low, estimate.high, 2)}"
    return fmt.bits(estimate.value) + ends


def _parts(pair: Pair) -> str:
    total = sum(pair.atoms[a].value for a in ATOMS)
    shared, together = pair.atoms["redundancy"].value, pair.atoms["synergy"].value
    if total <= 0 or any(pair.atoms[a].value < 0 for a in ATOMS):
        return f"{fmt.bits(shared)} are shared; {synergy_text(pair)} exist only in the combination."
    return (
        f"{fmt.percent(shared / total, 0)} of what they tell is shared; "
        f"{fmt.percent(together / total, 0)} exists only in the combination."
    )


def reach(facts: Facts) -> Answer:
    """Return the ceiling that the information sets and what was reached."""
    rows = [row for row in reach_figure.rows(facts) if row.upper is not None]
    if not rows:
        refused = next((row.reason for row in reach_figure.rows(facts) if row.reason), None)
        return Answer("No bounds.", facts.reasons.get("estimate") or fmt.capital(refused or "the estimate holds none."))
    top = max(rows, key=lambda row: (len(row.modalities), row.upper or 0.0))
    upper = top.upper or 0.0
    of_bins = f" in naming which of {facts.bins} bins the {facts.nouns.label} is in" if facts.bins else ""
    claim = f"With {top.inputs} at most {fmt.percent(upper)}{of_bins}."
    singles = [row for row in rows if len(row.modalities) == 1 and row is not top]
    best = max(singles, key=lambda row: row.upper or 0.0, default=None)
    evidence = f"{fmt.capital(best.name)} allows at most {fmt.percent(best.upper or 0.0)}. " if best else ""
    some = f"{fmt.percent(top.share, 0)} of the {fmt.plural(facts.nouns.sample)}"
    if top.reached is None and facts.bins:
        return Answer(claim, f"{evidence}Models predict the number itself, so no accuracy stands beside these bounds.")
    if top.reached is None:
        only = "" if top.comparable else f", and the bound speaks only of {some}"
        return Answer(claim, f"{evidence}No trained model with {top.inputs} has a score{only}.")
    name, value = top.model or "", fmt.percent(top.reached.value)
    if not top.comparable:
        return Answer(claim, f"{evidence}{name} reaches {value} on all; the bound speaks only of {some}.")
    if top.reached.value > upper:
        missed = "above that bound: the estimate misses information that it finds"
        return Answer(claim, f"{evidence}{name} reaches {value}, {missed}.")
    return Answer(claim, f"{evidence}{name} reaches {value}.")


def model(facts: Facts) -> Answer:
    """Return the recommended model and its difference to late fusion."""
    verdict, chosen = verdict_of(facts), facts.recommended
    if verdict.kind in ("no_answer", "stopped") or chosen is None:
        return Answer(
            "No model is recommended.",
            facts.reasons.get("verdict") or facts.reasons.get("evaluation") or verdict.sentence,
        )
    score = f"{facts.metric.words} {facts.metric.value(chosen.score.value)}" if chosen.score else "no score"
    if chosen.score and chosen.score.low is not None:
        score += f" {facts.metric.interval(chosen.score.low, chosen.score.high)}"
    difference = improvement(facts, chosen)
    if chosen.key == "late_fusion" or difference is None:
        return Answer(f"{chosen.name}.", f"On test rows: {score}.")
    raw = chosen.difference or difference
    return Answer(f"{chosen.name}.", f"On test rows: {score}; {change(facts, raw)} to late fusion.")


def missing(facts: Facts) -> Answer:
    """Return which modality is missed most."""
    full = facts.subset(facts.modalities)
    losses = losses_of(facts)
    if not losses:
        return Answer(
            "Not measured.", facts.reasons.get("evaluation") or "No model was tested with a modality dropped."
        )
    name, loss, left = losses[0]
    if full is None or full.dropped is None or left.dropped is None:
        return Answer("Not measured.", "The full set of modalities has no score.")
    metric = facts.metric
    if loss <= 0:
        return Answer(
            "Nothing is lost.", f"Dropping any one {facts.nouns.modality} at test time does not lower the score."
        )
    evidence = (
        f"Without it the score goes from {metric.value(full.dropped.value)} to {metric.value(left.dropped.value)}"
    )
    if left.trained is not None:
        sign = 1 if metric.higher_is_better else -1
        gap = sign * (left.trained.value - left.dropped.value)
        side = "below" if (gap > 0) == metric.higher_is_better else "above"
        evidence += f", {metric.amount(gap)} {side} a model trained without it"
    return Answer(f"Losing {name} costs most: {metric.amount(loss)}.", f"{evidence}.")


def losses_of(facts: Facts) -> list[tuple[str, float, Subset]]:
    """Return (modality, loss, the subset without it), largest loss first: what dropping one at test time costs."""
    full = facts.subset(facts.modalities)
    if full is None or full.dropped is None:
        return []
    sign = 1 if facts.metric.higher_is_better else -1
    found = []
    for name in facts.modalities:
        rest = facts.subset(tuple(m for m in facts.modalities if m != name))
        if rest is not None and rest.dropped is not None:
            found.append((name, sign * (full.dropped.value - rest.dropped.value), rest))
    return sorted(found, key=lambda item: (-item[1], facts.modalities.index(item[0])))


def trust(facts: Facts) -> Answer:
    """Return whether the stated probabilities hold."""
    calibration = (facts.result("evaluation") or {}).get("calibration")
    if not calibration:
        return Answer(
            "Not measured.", facts.reasons.get("evaluation") or "The recommended model states no probabilities."
        )
    error, scaling = calibration["ece"], scaling_of(facts)
    after = scaling["after"]["ece"] if scaling else error
    claim = "Yes, closely." if error <= 0.02 else "Roughly." if error <= 0.05 else "No, not as they stand."
    if after <= 0.02 < error:
        claim = "Yes, after temperature scaling."
    bins = [b for b in calibration["bins"] if b["n"]]
    total = sum(b["n"] for b in bins)
    lean = sum(b["n"] * (b["confidence"] - b["accuracy"]) for b in bins) / total if total else 0.0
    evidence = f"The calibration error is {fmt.number(error, 3)}"
    if abs(lean) > 0.01:
        direction = "sure" if lean > 0 else "unsure"
        evidence += f"; on average the model is too {direction} by {fmt.number(100 * abs(lean), 1)}{fmt.NBSP}points"
    if fmt.number(after, 3) != fmt.number(error, 3):
        evidence += f". After temperature scaling the error is {fmt.number(after, 3)}"
    return Answer(claim, f"{evidence}.")


def uses(facts: Facts) -> Answer:
    """Return what the model's score rests on."""
    shapley = (facts.result("explanation") or {}).get("shapley")
    if not shapley:
        return Answer("Not measured.", facts.reasons.get("explanation") or "The stage learn left no Shapley values.")
    found = [(m, e) for m in facts.modalities if (e := Estimate.of(shapley["overall"].get(m))) is not None]
    found.sort(key=lambda item: -item[1].value)
    if not found:
        return Answer("Not measured.", "There are no Shapley values.")
    metric = facts.metric
    used = [m for m, e in found if e.low is None or e.low > 0]
    idle = [m for m, e in found if m not in used]
    name, first = found[0]
    claim = (
        f"It uses {fmt.listing(used)}."
        if used
        else f"It uses no {facts.nouns.modality} in a way that can be told from zero."
    )
    evidence = (
        f"{fmt.capital(name)} adds {metric.amount(first.value)} to the {metric.words}"
        if (first.value >= 0) == metric.higher_is_better
        else f"{fmt.capital(name)} takes {metric.amount(first.value)} off the {metric.words}"
    )
    sign = 1 if metric.higher_is_better else -1
    evidence += "".join(f", {m} {metric.signed(sign * e.value)}" for m, e in found[1:]) + "."
    if idle and used:
        evidence += f" What {fmt.listing(idle)} {'does' if len(idle) == 1 else 'do'} to it cannot be told from zero."
    return Answer(claim, evidence)


def repro(facts: Facts) -> Answer:
    """Return how the page is made again."""
    commands = (facts.results.get("provenance") or {}).get("commands") or []
    if not commands:
        return Answer(
            "No commands were recorded.", "The stage that made this page left no record of how it was called."
        )
    n = len(commands)
    verb = "gives" if n == 1 else "give"
    return Answer(
        f"{fmt.capital(fmt.words(n))} {fmt.plural('command', n)} {verb} the same bytes:",
        "this page, every figure and every table.",
    )


ANSWERS = {"data": data, "interact": interact, "reach": reach, "model": model, "missing": missing, "trust": trust,
           "uses": uses, "repro": repro}  # fmt: skip
