"""What the factors of generative models share: how many dimensions they have, and weights that are none below zero."""

from __future__ import annotations

from mmcore.errors import InputError


def factor_size(name: str, size: int | None, width: int, **weights: float) -> int:
    """Return the dimensions of a factor: those that are given, or half of the width.

    Args:
        name: what the model calls them.
        size: as given to the model.
        width: of its encoders.
        weights: of the added losses, by name, checked first.

    Raises:
        InputError: for a weight below zero or that is no number, or fewer than one dimension.

    Example:
        >>> factor_size("latent", None, 64, divergence=0.1), factor_size("latent", 5, 64)
        (32, 5)
    """
    for weight_name, weight in weights.items():
        if not weight >= 0:
            raise InputError(weight_name, weight, "0 or more", "Use the default.")
    chosen = max(width // 2, 1) if size is None else size
    if chosen < 1:
        raise InputError(name, chosen, "a positive whole number", "Use the default.")
    return chosen
