"""Which models to try on a dataset: those that did best in the synthetic worlds with the nearest interactions.

    s(D, D') = sum_i |share_i(D) - share_i(D')|     and the models with the least expected regret near to D, with
    the uncertainty of D's atoms, ties given to the simpler model, and what each fit costs.

Reference: thesis section 3.3.4 (the nearest world, its top three). The parts: `dataset_atoms` (draws of the atoms),
`nearest` (distance and weights), `neighbourhood` (several pairs), `ranking` (regret, intervals, order), `contestants`
(what fits, costs, budget). The kind of model, the verdict, stays that of the rule on the atoms (`rule`); where the
bank's order disagrees, the evidence says so. Late fusion and the best single modality are always among the models,
also over a budget: without them nobody could tell whether another was needed. So is the model of least expected regret,
where a simpler one took the first place from it: whether simple is enough shows against the best guess.

The expected accuracy of a model is its relative accuracy times that of the best classifier, which lies between bounds
that the information sets (`information.bounds`: Hellman and Raviv below, Fano above): value times the middle of the
bounds, low times the lower at the low end of the information, high times the upper at its high end. It speaks of
classifiers that see the estimate's symbols; features may hold more. Of more than two modalities the bounds are those
of the pair that knows most.

Where no pair holds information that counts, no world is near. The rule would say that one modality is enough, but
features may hide what symbols do not show, and an exclusive or is lost by every model that the rule proposes: the
models are then those that lose least over all worlds alike, and `fallback` says so. Where there is nothing to compare
at all, because no bank was built or no model of it fits, the rule alone orders the models, and `fallback` says why.
What a model reaches on validation rows decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmcore.errors import InputError, unknown_name
from mmcore.information.bounds import accuracy
from mmcore.selection.arguments import check_names, check_seed, check_whole, number, shown
from mmcore.selection.bank_scores import COST_ASSUMPTION, find_bank, read_scores
from mmcore.selection.contestants import available_models, check_budget, expected_seconds, over_budget
from mmcore.selection.dataset_atoms import KINDS, AtomDraws, draw_atoms
from mmcore.selection.neighbourhood import everywhere, neighbourhood, shown_neighbours
from mmcore.selection.ranking import Neighbourhood, Ranked, rank
from mmcore.selection.reasons import agreement_statement, blind_reasons, gain_statement, neighbour_statement, reasons_of
from mmcore.selection.recommendation import Recommendation
from mmcore.selection.rule import (
    LATE_FUSION,
    UNIMODAL,
    Decomposition,
    Ruling,
    apply_rule,
    information_alone,
    read_atoms,
    read_pairs,
)

if TYPE_CHECKING:
    from mmcore.selection.bank.table import Bank

__all__ = ["Recommendation", "recommend"]

Pairs = Mapping[tuple[str, str], Decomposition]

NO_BANK = "no bank of synthetic datasets was to be used"
NOT_BUILT = "no bank of synthetic datasets was built ('dvc repro bank' builds it)"
NOTHING_COUNTS = (
    "The estimate sees no information that counts, so no synthetic dataset is near: "
    "the models are those that lose least over all of them."
)


def recommend(
    pid: Decomposition | Pairs,
    *,
    budget: float | None = None,
    bank: Bank | str | Path | bool | None = None,
    modalities: Sequence[str] | None = None,
    methods: Sequence[str] | None = None,
    n_rows: int | None = None,
    label_entropy: float | None = None,
    n_classes: int | None = None,
    top: int = 3,
    n_neighbours: int = 6,
    n_draws: int = 200,
    seed: int = 0,
) -> Recommendation:
    """Return the models to try, best first, the kind that the interactions call for, and the evidence for both.

    Args:
        pid: the decomposition of one pair (its modalities are then called `first` and `second`), or of several.
        budget: CPU seconds of one fit; models expected to take longer are not ranked.
        bank: the tables, or their folder; None or True: those that come with Interplay; False: the rule alone.
        modalities: names of all modalities of the dataset; None: those of the pairs.
        methods: names of the only methods to consider beside late fusion and unimodal ones; None: all of the bank.
        n_rows: training rows, for costs; None: as many as the bank's median world.
        label_entropy: H(Y) in bits, and
        n_classes: for expected accuracies; None: what the decomposition's diagnostics say, else none are given.
        top: models to propose beside the contestants.
        n_neighbours: worlds of each pair and draw; n_draws: of the atoms, even. With n_neighbours=1 and atoms without
            intervals the ranking is that of the nearest world.
        seed: of the draws.

    Raises:
        InputError: for what is no decomposition, no pair, a pair of one modality with itself, atoms that are not
            finite, one pair twice; a budget that is not positive, below the cheapest model, or without a bank; a bank
            that is broken or not there; an unknown method; other numbers outside their range.

    Example:
        >>> from types import SimpleNamespace
        >>> found = recommend(SimpleNamespace(redundancy=0.0, unique1=0.0, unique2=0.0, synergy=1.0, gap=0.0))
        >>> found.verdict, {"late_fusion", "unimodal:first"} <= set(found.models)
        ('fusion', True)
    """
    given = _given(modalities)
    named: Any = pid if isinstance(pid, Mapping) or given is None else {given: pid}
    pairs = _of_these(read_pairs(named), given)
    check_whole("top", top, 1, "Pass for example top=3.")
    check_seed(seed)
    _check_label(label_entropy, n_classes)
    atoms = read_atoms(pairs)
    names = list(modalities) if modalities is not None else list(dict.fromkeys(name for pair in pairs for name in pair))
    limit, ruling, tables = check_budget(budget), apply_rule(atoms), find_bank(bank)
    if tables is None:
        return _without_bank(ruling, bank, limit)
    scores = read_scores(tables)
    models, left_out = available_models(scores, names, methods)
    seconds = expected_seconds(scores, models, n_rows)
    costly = over_budget(models, seconds, limit)
    draws = {pair: draw_atoms(pair, one, atoms[pair], n_draws=n_draws, seed=seed) for pair, one in pairs.items()}
    telling = {pair: one for pair, one in draws.items() if one.counts}
    if not telling:
        found = everywhere(scores, names, models)
        ranked, missing = rank(found, seconds, top=top, without=costly)
        return _by_average(ruling, ranked, found, top, {**left_out, **missing, **costly}, limit)
    found = neighbourhood(scores, telling, models, n_neighbours=n_neighbours)
    ranked, missing = rank(found, seconds, top=top, without=costly) if found.worlds else ([], {})
    left_out = {**left_out, **missing, **costly}
    if not ranked:
        return _by_rule(ruling, "no model of the bank fits this dataset", left_out, limit)
    kind = next(kind for kind in KINDS if kind in {one.kind for one in telling.values()})
    simple = (LATE_FUSION, f"{UNIMODAL}{_most_informative(atoms)}")
    contestants = [name for name in ruling.models if name in simple]
    reach = _reach(pairs, telling, label_entropy, n_classes)
    return Recommendation(
        models=_models(ranked, top, contestants),
        verdict=ruling.verdict,
        evidence=(*ruling.evidence, *_bank_evidence(ruling, ranked, found, contestants, kind),
                  {"statement": COST_ASSUMPTION, "source": "bank", "values": {"rows": float(n_rows or scores.rows)}}),
        ranking=tuple(_entry(one, place, found, reach, top) for place, one in enumerate(ranked)),
        neighbours=shown_neighbours(found),
        draws={"number": len(found.weights), "kind": kind},
        budget=limit,
        left_out=_listed(left_out),
    )  # fmt: skip


def _check_label(entropy: float | None, n_classes: int | None) -> None:
    bits = number(entropy)
    if entropy is not None and (bits is None or bits < 0.0):
        raise InputError("label_entropy", shown(entropy), "bits, 0 or more", "Leave it out where it is not known.")
    if n_classes is not None:
        check_whole("n_classes", n_classes, 2, "Leave it out where it is not known.")


def _without_bank(ruling: Ruling, bank: Any, limit: float | None) -> Recommendation:
    """Return what the rule says where there is no bank, which could not tell what models cost either."""
    if limit is not None:
        remedy = "Run 'dvc repro bank', or leave it out."
        raise InputError("budget", f"{limit:g} CPU seconds", "None where no bank tells what models cost", remedy)
    return _by_rule(ruling, NO_BANK if bank is False else NOT_BUILT)


def _given(modalities: Sequence[str] | None) -> tuple[str, ...] | None:
    """Return the modalities that were named, two or more."""
    if modalities is None:
        return None
    names = check_names("modalities", modalities)
    if len(set(names)) < 2 or len(set(names)) < len(names):
        raise InputError("modalities", ", ".join(names) or "none", "two or more, each once",
                         "With one modality there is nothing to select: train its unimodal model.")  # fmt: skip
    return names


def _of_these(pairs: Pairs, names: Sequence[str] | None) -> Pairs:
    """Return the pairs, all of modalities that were named."""
    for name in [name for pair in pairs for name in pair]:
        if names is not None and name not in names:
            raise unknown_name("pid", name, names)
    return pairs


def _by_rule(
    ruling: Ruling, reason: str, left_out: Mapping[str, str] | None = None, budget: float | None = None
) -> Recommendation:
    fallback = f"The rule on the atoms alone orders the models: {reason}."
    return Recommendation(
        ruling.models, ruling.verdict, ruling.evidence,
        budget=budget, left_out=_listed(left_out or {}), fallback=fallback,
    )  # fmt: skip


def _by_average(
    ruling: Ruling,
    ranked: Sequence[Ranked],
    found: Neighbourhood,
    top: int,
    left_out: Mapping[str, str],
    budget: float | None,
) -> Recommendation:
    """Return the models that lose least over all worlds alike: symbols that show nothing may still hide an exclusive
    or, which the rule on the atoms, one modality, would never find."""
    if not ranked:
        return _by_rule(ruling, "no model of the bank fits this dataset", left_out, budget)
    n_worlds = len(set(found.worlds))
    contestants = [name for name in ruling.models if name == LATE_FUSION or name.startswith(UNIMODAL)]
    return Recommendation(
        models=_models(ranked, top, contestants),
        verdict=ruling.verdict,
        evidence=ruling.evidence,
        ranking=tuple(
            {"model": one.model, "relative_accuracy": one.relative.to_dict(), "regret": one.regret.to_dict(),
             "expected_accuracy": None, "chosen": one.chosen, "cpu_seconds": one.seconds,
             "reasons": blind_reasons(one, n_worlds)}
            for one in ranked
        ),
        budget=budget, left_out=_listed(left_out), fallback=NOTHING_COUNTS,
    )  # fmt: skip


def _listed(left_out: Mapping[str, str]) -> tuple[dict[str, Any], ...]:
    return tuple({"model": name, "reason": left_out[name]} for name in sorted(left_out))


def _most_informative(atoms: Mapping[tuple[str, str], Any]) -> str:
    alone = information_alone(atoms)
    return max(alone, key=lambda name: alone[name])


def _models(ranked: Sequence[Ranked], top: int, contestants: Sequence[str]) -> tuple[str, ...]:
    """The top, what the first was preferred to for being simpler, and the contestants, each once."""
    rival = [ranked[0].tied[0]] if ranked[0].tied is not None else []
    return tuple(dict.fromkeys([*(one.model for one in ranked[:top]), *rival, *contestants]))


def _bank_evidence(
    ruling: Ruling, ranked: Sequence[Ranked], found: Neighbourhood, contestants: Sequence[str], kind: str
) -> list[dict[str, Any]]:
    gains = [gain_statement(simple, ranked, found) for simple in contestants]
    return [
        neighbour_statement(found, kind),
        agreement_statement(ruling.verdict, ranked[0].model),
        *(gain for gain in gains if gain is not None),
    ]


def _reach(
    pairs: Pairs, draws: Mapping[tuple[str, str], AtomDraws], label_entropy: float | None, n_classes: int | None
) -> dict[str, float] | None:
    """Return bounds of the best accuracy: the lower at the low end of I(X1,X2;Y), the middle of both at its value, the
    upper at its high end, of the pair that knows most; None where the label's entropy or classes are not known.
    """
    pair = max(draws, key=lambda one: draws[one].total)
    told: Mapping[str, Any] = getattr(pairs[pair], "diagnostics", None) or {}
    entropy = label_entropy if label_entropy is not None else told.get("label_entropy")
    classes = n_classes if n_classes is not None else told.get("n_classes")
    if entropy is None or classes is None:
        return None
    _check_label(entropy, classes)
    # Information lies between 0 and H(Y): an interval is met with that range before it enters the bounds.
    low, value, high = (min(max(end, 0.0), entropy) for end in (draws[pair].low, draws[pair].total, draws[pair].high))
    return {
        "low": accuracy(low, entropy, classes).lower,
        "value": accuracy(value, entropy, classes).average,
        "high": accuracy(high, entropy, classes).upper,
    }


def _entry(
    one: Ranked, place: int, found: Neighbourhood, reach: Mapping[str, float] | None, top: int
) -> dict[str, Any]:
    relative = one.relative.to_dict()
    return {
        "model": one.model,
        "relative_accuracy": relative,
        "regret": one.regret.to_dict(),
        "expected_accuracy": None if reach is None else {end: reach[end] * relative[end] for end in relative},
        "chosen": one.chosen,
        "cpu_seconds": one.seconds,
        "reasons": reasons_of(one, place, found, top=top),
    }
