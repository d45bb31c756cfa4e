"""What noise does: how far the recommended model falls, and how it then stands to late fusion."""

from __future__ import annotations

from collections.abc import Mapping

from mmcore.reporting import format as fmt
from mmcore.reporting.facts import Estimate, Facts
from mmcore.reporting.figures.robustness import noise_words
from mmcore.reporting.measured import ALL, Curve, Noise

_MOST = 4
# What a corruption leaves, in words; any other name is read as it is written.
_WORDS = {
    "gaussian": "Gaussian noise", "drop_entries": "dropped numbers", "drop_steps": "dropped steps",
    "swap_neighbours": "swapped neighbours", "swap_rows": "numbers of other rows", "replace_tokens": "replaced tokens",
    "typos": "typing errors", "structured_dropout": "dropped stretches",
}  # fmt: skip


def meaning(facts: Facts, noise: Noise) -> str:
    """Return what the worst noise on one modality, and noise on all, does to the recommended model."""
    chosen = facts.recommended.key if facts.recommended else noise.models[0]
    single = [c for name in noise.noises if name != ALL and (c := noise.curve(name, chosen)) is not None]
    together = noise.curve(ALL, chosen)
    said = []
    if single:
        worst = max(single, key=lambda curve: _loss(facts, curve))
        said.append(_fall(facts, noise, worst))
    if together is not None and (len(facts.modalities) > 1 or not single):
        said.append(_fall(facts, noise, together))
    return " ".join(said) if said else "The recommended model has no curve."


def _loss(facts: Facts, curve: Curve) -> float:
    sign = 1 if facts.metric.higher_is_better else -1
    return sign * (curve.clean.value - curve.worst.value)


def _fall(facts: Facts, noise: Noise, curve: Curve) -> str:
    amount = "all noise" if curve.points[-1][0] == 1 else f"noise of level {curve.points[-1][0]:g}"
    place = noise_words(facts, curve.noise)
    text = f"With {amount} on {place}, {curve.words} {_moves(facts, curve)}"
    late = noise.curve(curve.noise, "late_fusion")
    if late is None or curve.model == "late_fusion":
        return f"{text}."
    return f"{text}; late fusion {_moves(facts, late)}. {_standing(facts, curve, late)}"


def _moves(facts: Facts, curve: Curve) -> str:
    """`falls from 77.8 % to 43.1 %`; where the two intervals meet, that it cannot be told from staying."""
    first, last, value = curve.clean, curve.worst, facts.metric.value
    if value(first.value) == value(last.value):
        return f"stays at {value(first.value)}"
    if meet(first, last):
        return f"goes from {value(first.value)} to {value(last.value)}, within its intervals"
    verb = "falls" if last.value < first.value else "rises"
    return f"{verb} from {value(first.value)} to {value(last.value)}"


def meet(a: Estimate, b: Estimate) -> bool:
    """Return whether two intervals share a value; without an interval nothing can be told apart.

    Example:
        >>> meet(Estimate(0.5, 0.4, 0.6), Estimate(0.7, 0.65, 0.75)), meet(Estimate(0.5), Estimate(0.9, 0.8, 1.0))
        (False, True)
    """
    if a.low is None or a.high is None or b.low is None or b.high is None:
        return True
    return a.low <= b.high and b.low <= a.high


def _standing(facts: Facts, curve: Curve, late: Curve) -> str:
    if meet(curve.worst, late.worst):
        return "There the two intervals meet."
    ahead = (curve.worst.value > late.worst.value) == facts.metric.higher_is_better
    return "It stays ahead." if ahead else "There late fusion is better."


def corruption_words(corruptions: Mapping[str, tuple[str, ...]]) -> str:
    """Return which corruptions were applied, modalities with the same ones together.

    Example:
        >>> corruption_words({"text": ("typos",), "audio": ("white_noise", "drop_entries")})
        'typing errors on text; white noise and dropped numbers on audio'
        >>> corruption_words({"a": ("gaussian",), "b": ("gaussian",)})
        'Gaussian noise'
    """
    kinds: dict[tuple[str, ...], list[str]] = {}
    for modality, names in corruptions.items():
        kinds.setdefault(names, []).append(modality)
    texts = {names: _listed(names) for names in kinds}
    if len(kinds) == 1:
        return next(iter(texts.values()))
    return "; ".join(f"{texts[names]} on {fmt.listing(modalities)}" for names, modalities in kinds.items())


def _listed(names: tuple[str, ...]) -> str:
    words = [_WORDS.get(name, name.replace("_", " ")) for name in names]
    if len(words) > _MOST + 1:
        words = [*words[:_MOST], f"{len(words) - _MOST} more"]
    return fmt.listing(words) or "none"
