"""What each figure means: one or two sentences that a person could act on, never a description of the axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmcore.reporting import format as fmt
from mmcore.reporting.facts import ATOMS, Facts, Pair, Subset
from mmcore.reporting.figures import reach as reach_figure
from mmcore.reporting.figures import shapley as shapley_figure
from mmcore.reporting.parts import LEAST_THAT_COUNTS
from mmcore.reporting.sentences.answers import losses_of


def balance(facts: Facts) -> str:
    """Return how even the labels are and what a constant answer would reach."""
    labels: Mapping[str, int] = facts.description.get("labels") or {}
    total = sum(labels.values())
    if not total or len(labels) < 2:
        return (
            f"{fmt.capital(fmt.counted(int(facts.description.get('n') or 0), facts.nouns.sample))} are in this dataset."
        )
    name = max(labels, key=lambda k: (labels[k], k))
    if facts.task == "multilabel":
        n = int(facts.description.get("n") or 0)
        rare = min(labels, key=lambda k: (labels[k], k))
        return (
            f"A {facts.nouns.sample} may carry several {fmt.plural(facts.nouns.label)}, or none: {name} is on "
            f"{fmt.percent(labels[name] / n, 0)} of the {fmt.plural(facts.nouns.sample)}, {rare} on "
            f"{fmt.percent(labels[rare] / n, 0)}."
        )
    share = fmt.percent(labels[name] / total, 0)
    even = labels[name] / total <= 1.5 / len(labels)
    opening = (
        f"The {fmt.plural(facts.nouns.label)} are close to even"
        if even
        else f"The {fmt.plural(facts.nouns.label)} are uneven"
    )
    return (
        f"{opening}: {name} holds {share} of the {fmt.plural(facts.nouns.sample)}, "
        f"so a model that always says “{name}” is right {share} of the time."
    )


def strip(facts: Facts, pair: Pair) -> str:
    """Return what both modalities remove of the doubt, and what the second is worth."""
    both, entropy = pair.information.get("both"), facts.entropy
    if both is None or entropy is None:
        return "The information of both together was not estimated."
    singles = {"first": pair.first, "second": pair.second}
    known = [(pair.information[k].value, n) for k, n in singles.items() if k in pair.information]
    removed = fmt.number(both.value, 2)
    cut = f", cut into {facts.bins} equally full bins" if facts.bins else ""
    text = f"Knowing both removes {removed} of the {fmt.bits(entropy)} of doubt about the {facts.nouns.label}{cut}."
    if len(known) == 2:
        value, better = max(known, key=lambda item: item[0])
        other = pair.second if better == pair.first else pair.first
        synergy, worth = pair.atoms["synergy"].value, both.value - value
        text += f" {fmt.capital(better)} alone removes {fmt.number(value, 2)}; "
        text += f"adding {other} is worth {fmt.number(worth, 2)}"
        text += (
            f", {fmt.percent(synergy / worth, 0)} of it synergy." if worth > 0.005 and 0 <= synergy <= worth else "."
        )
    return text


def forest(facts: Facts, pair: Pair) -> str:
    """Return which parts are surely there, and how many planted parts were found."""
    if pair.truth is not None:
        return truth_found(pair)
    above = [pair.atom_name(a) for a in ATOMS if pair.atoms[a].above_zero]
    rest = [pair.atom_name(a) for a in ATOMS if not pair.atoms[a].above_zero]
    if not above:
        return "No part can be told from zero: more data are needed before any of them may guide a choice."
    if not rest:
        return "All four parts are above zero."
    return f"Above zero: {fmt.listing(above)}. {fmt.capital(fmt.listing(rest))} cannot be told from zero."


def truth_found(pair: Pair) -> str:
    """Return how many planted parts lie inside their intervals."""
    inside, worst = found_parts(pair)
    return f"{inside} of 4 planted parts lie within their intervals; the largest error is {fmt.bits(worst)}."


def found_parts(pair: Pair) -> tuple[int, float]:
    """Return (how many true parts lie inside their intervals, largest absolute error in bits)."""
    truth = pair.truth or {}
    inside, worst = 0, 0.0
    for atom in ATOMS:
        estimate = pair.atoms[atom]
        worst = max(worst, abs(estimate.value - truth[atom]))
        if estimate.low is not None and estimate.high is not None:
            inside += estimate.low - 1e-9 <= truth[atom] <= estimate.high + 1e-9
    return inside, worst


def matrix(facts: Facts) -> str:
    """Return for which pairs the rule on the parts calls for a joint model, in the words of that rule."""
    joint = [_with_synergy(pair) for pair in facts.estimated if pair.counts("synergy")]
    small = [p for p in facts.estimated if p.atoms["synergy"].above_zero and not p.counts("synergy")]
    level = f"the level that counts ({fmt.bits(LEAST_THAT_COUNTS)}, or what shuffled labels reach where that is more)"
    best = max(facts.alone.items(), key=lambda item: item[1].value, default=None)
    opening = f"{fmt.capital(best[0])} tells most by itself. " if best else ""
    if not joint:
        text = f"{opening}No pair has synergy above {level}, so none calls for a joint model by itself."
        return text + (f" Above zero, but not above it: {_few(small)}." if small else "")
    if len(joint) > 3:
        share = f"{len(joint)} of {len(facts.estimated)} pairs have synergy above {level}"
        return f"{opening}{share}; most surely {joint_name(facts)}."
    return f"{opening}Synergy is above {level} for {fmt.listing(joint)}: worth a joint model."


def _with_synergy(pair: Pair) -> str:
    return f"{pair.first} with {pair.second} ({fmt.bits(pair.atoms['synergy'].value)})"


def _few(pairs: Sequence[Pair]) -> str:
    shown = [_with_synergy(pair) for pair in pairs[:3]]
    return fmt.listing([*shown, f"{len(pairs) - 3} more"] if len(pairs) > 3 else shown)


def joint_name(facts: Facts) -> str:
    """Return the leading pair in words."""
    pair = facts.leading
    return f"{pair.first} with {pair.second}" if pair else "none"


def reach(facts: Facts) -> str:
    """Return how far the best trained model is from its ceiling."""
    found = reach_figure.rows(facts)
    rows = [r for r in found if r.upper is not None and r.reached is not None]
    if facts.bins and not rows:
        return (
            f"The bounds are of naming which of {facts.bins} equally full bins the {facts.nouns.label} is in. "
            "Models predict the number itself, so their errors are in table 1 and not here."
        )
    if all(r.upper is None for r in found):
        return "Without bounds nothing says how much more could be reached."
    if not rows:
        return "No model was trained on these sets, so nothing says how much of the range can be reached."
    same = [r for r in rows if r.comparable]
    if not same:
        few = min(rows, key=lambda r: r.share)
        return (
            f"The bounds of {few.inputs} speak of {fmt.percent(few.share, 0)} of the "
            f"{fmt.plural(facts.nouns.sample)}, the accuracies of all: do not compare the two."
        )
    row = max(same, key=lambda r: (len(r.modalities), r.upper or 0.0))
    room = 100 * ((row.upper or 0.0) - (row.reached.value if row.reached else 0.0))
    points = f"{fmt.number(abs(room), 1)}{fmt.NBSP}points"
    if room < 0:
        return (
            f"The accuracy with {row.inputs} lies {points} above the bound: "
            "take the bound as too low, not the model as too good."
        )
    if room < 2:
        return f"{row.model} is within {points} of its ceiling: tuning it further cannot pay much."
    return f"{row.model} is {points} below its ceiling: better features or more data could still pay."


def subsets(facts: Facts) -> str:
    """Return what each loss costs."""
    losses = losses_of(facts)
    if not losses:
        return "No model was tested with a modality dropped, so keep every modality at hand."
    metric = facts.metric
    kept = losses[:4]
    text = "; ".join(
        f"without {name} {metric.signed(-loss if metric.higher_is_better else loss)}" for name, loss, _ in kept
    )
    unit = f" {metric.difference_unit}" if metric.difference_unit else ""
    return f"Change of the score{unit and f' in{unit}'}: {text}. {_switch(facts, losses)}"


def _switch(facts: Facts, losses: list[tuple[str, float, Subset]]) -> str:
    """Return without which modality a model that was trained without it scores better than the masked one."""
    metric = facts.metric
    sign = 1 if metric.higher_is_better else -1
    gaps = {
        name: sign * (subset.trained.value - subset.dropped.value)
        for name, _, subset in losses
        if subset.trained is not None and subset.dropped is not None
    }
    better = [name for name in gaps if gaps[name] > 0]
    no_better = [name for name in gaps if gaps[name] <= 0]
    if not gaps:
        return f"No model was trained without one {facts.nouns.modality}, so nothing says whether that would do better."
    if not no_better:
        return f"Where a {facts.nouns.modality} may fail, switch to a model trained without it: it scores better."
    if not better:
        return f"A model trained without the missing {facts.nouns.modality} scores no better: keep the one model."
    return (
        f"Where {fmt.listing(better, 'or')} may fail, a model trained without it scores better; "
        f"without {fmt.listing(no_better, 'or')} it does not."
    )


def reliability(calibration: Mapping[str, Any], facts: Facts) -> str:
    """Return whether a stated probability may be used as it is."""
    bins = [b for b in calibration["bins"] if b["n"] and b.get("low") is not None]
    off = [b for b in bins if not b["low"] <= b["confidence"] <= b["high"]]
    if not bins:
        return "There are no filled bins, so nothing is known about the probabilities."
    if not off:
        inside = "the stated probability lies within the interval of the share that is right"
        return f"In all {len(bins)} bins {inside}: it may be used as it is."
    worst = max(off, key=lambda b: b["n"])
    return (
        f"In {len(off)} of {len(bins)} bins the stated probability lies outside the interval; the fullest of them "
        f"states {fmt.percent(worst['confidence'], 0)} and is right {fmt.percent(worst['accuracy'], 0)} of the time."
    )


def shapley(facts: Facts) -> str:
    """Return which modality carries the score, and for how many classes the order turns."""
    rows, _ = shapley_figure.rows(facts)
    overall = rows[0].values
    order = sorted(overall, key=lambda m: -overall[m].value)
    if len(order) < 2:
        return f"{fmt.capital(order[0])} carries the whole score." if order else "Nothing was attributed."
    turned = [r.name for r in rows[1:] if max(r.values, key=lambda m: r.values[m].value) != order[0]]
    text = f"{fmt.capital(order[0])} carries most of the score, {order[1]} comes next."
    if turned:
        shown = fmt.listing(turned) if len(turned) <= 3 else f"{len(turned)} {fmt.plural(facts.nouns.label)}"
        text += f" For {shown} another {facts.nouns.modality} matters more."
    return text
