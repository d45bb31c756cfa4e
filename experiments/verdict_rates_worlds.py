"""The worlds on which verdicts are counted, and what each is planted to hold: exact, checked before anything is drawn.

    one modality suffices   S + min(U1, U2) = 0        I(X1, X2; Y) = max_i I(Xi; Y), so nothing is gained by two
    synergy                 S > 0, and both together are right more often than either alone
    both unique             U1 > 0 and U2 > 0, S = 0
    nothing known           I(X1, X2; Y) = 0

The identity is that of Williams & Beer 2010 (thesis equations 2.6-2.8); atoms and Bayes accuracies are those of
`mmcore.information.worlds.truth`. In `views` both modalities tell more bits than one, and no rule is right more often
with both: a verdict by accuracy cannot see that synergy, so the world is counted and not judged.
"""

from __future__ import annotations

from mmcore.data.worlds.catalogue import find_world
from mmcore.data.worlds.controlled import ControlledWorld
from mmcore.data.worlds.parts import Part
from mmcore.errors import InputError, unknown_name
from mmcore.information.worlds import Truth

TINY = 1e-6  # bits, and accuracy: what the solver leaves of a zero
_BOTH = (0, 1)
_NUISANCE = (Part("nuisance", (0,)), Part("nuisance", (1,)))

OWN: dict[str, ControlledWorld] = {
    world.name: world
    for world in (
        ControlledWorld(
            "second_sufficient", (Part("shared", _BOTH, noise=0.05), Part("unique", (1,), noise=0.05), *_NUISANCE)
        ),
        ControlledWorld(
            "one_sufficient_noisy", (Part("shared", _BOTH, noise=0.2), Part("unique", (0,), noise=0.2), *_NUISANCE)
        ),
        ControlledWorld("nothing_known", (Part("shared", _BOTH, noise=0.5), *_NUISANCE)),
    )
}
"""Worlds that the catalogue has not."""


def world_called(name: str) -> ControlledWorld:
    """Return a world of `OWN`, or of the catalogue.

    Raises:
        InputError: for an unknown name, or a world whose truth is not exact.

    Example:
        >>> world_called("second_sufficient").modalities
        ('alpha', 'beta')
    """
    if name in OWN:
        return OWN[name]
    try:
        found = find_world(name)
    except InputError as error:
        raise unknown_name("world", name, OWN) from error
    if not isinstance(found, ControlledWorld):
        raise InputError("world", name, "a controlled world", "Its truth is exact.")
    return found


def planted(known: Truth) -> str:
    """Return what a world of two modalities holds: "one_modality", "synergy", "unique" or "nothing".

    Example:
        >>> from mmcore.information.worlds import truth
        >>> planted(truth(world_called("one_sufficient"))), planted(truth(world_called("redundancy_synergy")))
        ('one_modality', 'synergy')
        >>> planted(truth(world_called("nothing_known"))), planted(truth(world_called("unique_both")))
        ('nothing', 'unique')
    """
    atoms = known.atoms
    if known.information[known.modalities] < TINY:
        return "nothing"
    if atoms["synergy"] + min(atoms["unique1"], atoms["unique2"]) < TINY:
        return "one_modality"
    return "synergy" if atoms["synergy"] > TINY else "unique"


def accuracy_gain(known: Truth) -> float:
    """Return the Bayes accuracy of both modalities less that of the better one alone.

    Example:
        >>> from mmcore.information.worlds import truth
        >>> round(accuracy_gain(truth(world_called("pure_synergy"))), 3)
        0.45
    """
    return known.bayes_accuracy - known.accuracy[(known.best_single,)]
