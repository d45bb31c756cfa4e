"""What was expected before training, and what became of it: the bank's evidence beside the measured scores."""

from __future__ import annotations

from mmcore.reporting import format as fmt
from mmcore.reporting.facts import Facts, model_words
from mmcore.reporting.proposal import Neighbour, Proposal, Ranked
from mmcore.reporting.sentences.verdict import NEAR, ended

FAR = 0.5
"""Distance, of at most two, above which the nearest synthetic dataset is not close."""


def points(ranked: Ranked) -> str:
    """Return an expected regret: `0.8 points [0.1, 2.0]`."""
    regret = ranked.regret
    text = f"{fmt.number(100 * regret.value, 1)}{fmt.NBSP}points"
    if regret.low is None or regret.high is None:
        return text
    return f"{text} {fmt.interval(100 * regret.low, 100 * regret.high, 1)}"


def expected(facts: Facts, proposal: Proposal) -> str:
    """Return which model came first before training, how far behind the best it may be, and how sure its place is."""
    if proposal.fallback is not None:
        known = "" if proposal.ranking else "No model was compared with others before training. "
        return f"{known}{ended(proposal.fallback)}"
    if not proposal.ranking:
        return "No model was ranked before training: each was left out, for the reasons below."
    first = proposal.ranking[0]
    text = f"{fmt.capital(first.words)} came first: in the {NEAR} it stays {points(first)} behind the best model."
    least = min(proposal.ranking, key=lambda entry: entry.regret.value)
    if least.regret.value < first.regret.value:
        text += (
            f" {fmt.capital(least.words)} is expected {points(least)} behind; the two cannot be told apart, so the"
            f" simpler comes first."
        )
    kind, number = proposal.draws
    if kind != "none" and number > 1 and least is first:
        text += (
            f" Over {fmt.count(number)} draws of the parts within their uncertainty, {first.words} stays among the"
            f" recommended in {fmt.percent(first.chosen, 0)}."
        )
    return text


def outcome(facts: Facts, proposal: Proposal) -> str:
    """Return whether training confirmed the first place; nothing where there is no first place or no verdict."""
    chosen = facts.recommended
    if chosen is None or not proposal.ranking or proposal.fallback is not None:
        return ""
    first, own = proposal.ranking[0], proposal.ranked(chosen.key)
    if own is None:
        reason = proposal.reason_left_out(chosen.key)
        why = f": {reason[:1].lower()}{reason[1:].rstrip('.')}" if reason else ""
        return f"After training {chosen.words} is recommended, which the ranking does not hold{why}."
    if own.key == first.key:
        return f"After training {chosen.words} is the one that validation rows recommend too."
    trained = facts.model(first.key)
    place = f"place {proposal.place(chosen.key)} of {len(proposal.ranking)}, expected {points(own)} behind"
    if trained is None:
        return (
            f"{fmt.capital(first.words)} was not trained; of those that were, {chosen.words} is recommended: {place}."
        )
    return f"After training validation rows recommend {chosen.words} instead: {place}."


def nearest(proposal: Proposal) -> str:
    """Return which synthetic dataset is nearest, how near, and what does best where most of the weight is."""
    text = ""
    known = [neighbour for neighbour in proposal.neighbours if neighbour.distance is not None]
    if known:
        first = min(known, key=lambda neighbour: neighbour.distance or 0.0)
        share = fmt.percent((first.distance or 0.0) / 2, 0)
        text = f"{world_words(first)} is nearest: {share} of the information lies in other parts."
        if (first.distance or 0.0) > FAR:
            text += " None is close, so take the ranking as a guess."
    weights: dict[str, float] = {}
    for neighbour in proposal.neighbours:
        for model in neighbour.best[:1]:
            weights[model] = weights.get(model, 0.0) + neighbour.weight
    if weights:
        best = max(sorted(weights), key=lambda model: weights[model])
        where = f"datasets that hold {fmt.percent(weights[best], 0)} of the weight"
        text += f" {fmt.capital(model_words(best))} is the best model in {where}."
    return text.strip()


def best_words(neighbour: Neighbour, most: int = 3) -> str:
    """Return the best models of a synthetic dataset in words."""
    return ", ".join(model_words(model) for model in neighbour.best[:most]) or "–"


def world_words(neighbour: Neighbour) -> str:
    """Return the name of a synthetic dataset as a row or a sentence begins with it."""
    return fmt.capital(neighbour.world.replace("_", " "))
