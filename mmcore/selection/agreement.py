"""Agreement of the interactions in the data with those in a model's predictions.

    alpha   = sum_I Ihat_data I_model,              Ihat = I / sum_I' I'                         (equation 3.6, bits)
    shares  = 1 - 1/2 sum_I |Ihat_data - Ihat_model|                                              (in [0, 1])
    captured = sum_I min(I_data, I_model) / sum_I I_data                                          (in [0, 1])

Reference: thesis section 3.3.4. Equation 3.6 is no distance: a weighted sum of the model's atoms, which are not
normalised, so it grows with the total information of the predictions and not with how well the atoms match: a model of
equal atoms has alpha = sum I^2 / sum I, one with the same total in the data's largest atom alone has more. The two
variants do not grow with it: `shares` is one less half the distance by which section 3.3.4 ranks datasets, 1 for equal
shares and 0 for disjoint ones; `captured` is the part of the data's information that is there in the model under the
same name, 1 where the model has as much of every atom. `shares` says nothing of how much a model knows, on purpose.

Assumes atoms of one pair on the same rows and symbols (`quantify`). Nothing is clipped: a corrected atom below zero
enters as it is, and then `shares` and `captured` may leave [0, 1]; atoms as counted never do.

Shares are a quotient, so an error e of an atom moves them by e / total: those of next to nothing are noise of any size.
`shares` of a near-constant prediction once came out at -142 of 1. They exist only where the total T is above 0.01 bit
(what counts as information everywhere here, see `rule`) and above n, the sum of what lies below zero: true atoms are
not negative, so n is an error that the estimate itself admits. Then sum_I |Ihat| = 1 + 2 n / T < 3, and `shares` lies
above -2 (above -1 where the data's atoms are not negative). Elsewhere `shares` is None, also of a constant prediction,
0 / 0; `no_shares` says why. `captured` divides by the data's total alone, and is None where the data have no shares.
Equation 3.6 is left as printed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from mmcore.errors import InputError, unknown_name
from mmcore.information.atoms import ATOMS
from mmcore.selection.arguments import check_mapping, number, shown
from mmcore.selection.rule import RELEVANT_BITS

Atoms = Mapping[str, float]

_NOTHING = 1e-9  # bits: a sum of atoms below it is no information, and has no shares


def _total(atoms: Atoms, argument: str) -> float:
    given = check_mapping(argument, atoms, "bits by atom, " + ", ".join(ATOMS))
    values = {name: number(given.get(name)) for name in ATOMS}
    known = [value for value in values.values() if value is not None]
    if len(known) < len(ATOMS):
        wrong = [f"{name} {shown(given[name])}" if name in given else f"no {name}" for name in ATOMS
                 if values[name] is None]  # fmt: skip
        allowed = "four finite atoms: " + ", ".join(ATOMS)
        raise InputError(argument, ", ".join(wrong), allowed, "Pass `values` of an estimate.")
    return sum(known)


def shares(atoms: Atoms, *, argument: str = "atoms") -> dict[str, float]:
    """Return Ihat: each atom over the sum of the four.

    Args:
        atoms: redundancy, unique1, unique2, synergy in bits.
        argument: what to call them in a complaint.

    Raises:
        InputError: for a missing or infinite atom, or a sum that is not positive: without information no shares.

    Example:
        >>> shares({"redundancy": 0.5, "unique1": 0.0, "unique2": 0.0, "synergy": 1.5})["synergy"]
        0.75
    """
    total = _total(atoms, argument)
    if total <= _NOTHING:
        received = f"atoms that sum to {total:.3g} bits"
        raise InputError(argument, received, "information about the target", "Without information no atom has a share.")
    return {name: float(atoms[name]) / total for name in ATOMS}


def no_shares(atoms: Atoms, *, least: float = RELEVANT_BITS, argument: str = "atoms") -> str | None:
    """Return why the atoms have no shares that could be told from noise; None where they have.

    Args:
        atoms: redundancy, unique1, unique2, synergy in bits.
        least: bits that their sum must exceed: a chance level where one is known, 0 for atoms without any error.
        argument: what to call them in a complaint.

    Raises:
        InputError: for a missing or infinite atom, or a least that is negative.

    Example:
        >>> no_shares({"redundancy": -0.001, "unique1": 0.0, "unique2": 0.0, "synergy": 0.0012})
        'the atoms add to 0.0002 bit, not above 0.01 bit: their shares are noise'
    """
    limit = number(least)
    if limit is None or limit < 0.0:
        raise InputError("least", shown(least), "bits, 0 or more", "Leave it out for 0.01 bit.")
    total = _total(atoms, argument)
    if total <= max(limit, _NOTHING):
        return f"the atoms add to {total:.2g} bit, not above {limit:g} bit: their shares are noise"
    below = -sum(min(float(atoms[name]), 0.0) for name in ATOMS)
    if below >= total:
        return f"atoms below zero add to -{below:.2g} bit and all to {total:.2g}: the error is as large as the sum"
    return None


def distance(first: Atoms, second: Atoms) -> float:
    """Return sum |Ihat_first - Ihat_second|, the distance of datasets in section 3.3.4: 0 equal shares, 2 disjoint.

    Raises:
        InputError: as `shares`.

    Example:
        >>> xor = {"redundancy": 0.0, "unique1": 0.0, "unique2": 0.0, "synergy": 1.0}
        >>> copy = {"redundancy": 0.0, "unique1": 1.0, "unique2": 1.0, "synergy": 0.0}
        >>> distance(xor, xor), distance(xor, copy)
        (0.0, 2.0)
    """
    one, other = shares(first, argument="first"), shares(second, argument="second")
    return sum(abs(one[name] - other[name]) for name in ATOMS)


def agreement(data: Atoms, model: Atoms) -> float:
    """Return alpha(f, D) of equation 3.6 in bits, as printed.

    Raises:
        InputError: as `shares` for the data; for a missing or infinite atom of the model.

    Example:
        >>> data = {"redundancy": 0.25, "unique1": 0.0, "unique2": 0.0, "synergy": 0.75}
        >>> agreement(data, data), agreement(data, {**data, "synergy": 1.75})
        (0.625, 1.375)
    """
    _total(model, "model")
    weights = shares(data, argument="data")
    return sum(weights[name] * float(model[name]) for name in ATOMS)


def normalised_agreement(data: Atoms, model: Atoms, *, least: float = RELEVANT_BITS) -> float | None:
    """Return 1 - distance / 2; None where data or model have no shares (`no_shares` with the same `least`).

    Raises:
        InputError: as `shares` for the data; for a missing or infinite atom of the model; as `no_shares`.

    Example:
        >>> data = {"redundancy": 0.25, "unique1": 0.0, "unique2": 0.0, "synergy": 0.75}
        >>> normalised_agreement(data, {name: 2 * value for name, value in data.items()})
        1.0
        >>> normalised_agreement(data, {name: value / 1000 for name, value in data.items()}) is None
        True
    """
    shares(data, argument="data")
    if any(no_shares(one, least=least, argument=of) for one, of in ((data, "data"), (model, "model"))):
        return None
    return 1.0 - 0.5 * distance(data, model)


def captured(data: Atoms, model: Atoms, *, least: float = RELEVANT_BITS) -> float | None:
    """Return the share of the data's information that the model has under the same names; None as the data's shares.

    Raises:
        InputError: as `normalised_agreement`.

    Example:
        >>> data = {"redundancy": 0.5, "unique1": 0.0, "unique2": 0.0, "synergy": 0.5}
        >>> captured(data, {**data, "synergy": 0.0, "redundancy": 9.0})
        0.5
    """
    _total(model, "model")
    shares(data, argument="data")
    if no_shares(data, least=least, argument="data"):
        return None
    return sum(min(float(data[name]), float(model[name])) for name in ATOMS) / _total(data, "data")


@dataclasses.dataclass(frozen=True)
class Agreement:
    """A measure of agreement: its name, function of (data, model), None where it has no value, and what it means."""

    name: str
    measure: Callable[[Atoms, Atoms], float | None]
    meaning: str


AGREEMENTS = (
    Agreement("as_defined", agreement, "equation 3.6, bits: grows with the information of the predictions"),
    Agreement("normalised", normalised_agreement, "one less half the distance of the shares"),
    Agreement("captured", captured, "share of the data's information that the model has under the same name"),
)


def find_agreement(name: str) -> Agreement:
    """Return the measure called `name`.

    Raises:
        InputError: for an unknown name, with the valid ones.

    Example:
        >>> find_agreement("normalised").meaning
        'one less half the distance of the shares'
    """
    for entry in AGREEMENTS:
        if entry.name == name:
            return entry
    raise unknown_name("agreement", str(name), [entry.name for entry in AGREEMENTS])
