"""Weights of Gradient Blending: how much each stream's loss counts, from what it gains and how much it overfits.

    G_k = V_k(0) - V_k(n)                                   fall of the held-out loss over a window of n epochs
    O_k = [V_k(n) - T_k(n)] - [V_k(0) - T_k(0)]             growth of the gap between held-out and training loss
    w_k = (1 / Z) G_k / O_k^2,   sum_k w_k = 1

These weights make the ratio of overfitting to generalisation smallest when the streams' overfitting is uncorrelated:
they minimise sum_k (w_k O_k)^2 for a given sum_k w_k G_k.
Reference: Wang, Tran, Feiszli 2020, What makes training multi-modal classification networks hard? (CVPR), section 3.
Both are changes over the window; the code of MultiBench takes the losses at its end instead, where a stream that does
not overfit receives a weight of order 1e8 times its loss.
The paper says nothing of G <= 0 or O <= 0, which happen in short windows; what is done then is the `policy`:
`relative`: G and O are at least a tenth of the largest |G| and |O| of all streams, so that differences that are noise
beside the others' do not decide, and no head stays untrained; `absolute`: both are at least 1e-4; `refuse`: an error.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from mmcore.errors import InputError, unknown_name

POLICIES = ("relative", "absolute", "refuse")
SMALLEST = 1e-4
SMALLEST_SHARE = 0.1


def blend_weights(
    start_train: ArrayLike,
    start_valid: ArrayLike,
    end_train: ArrayLike,
    end_valid: ArrayLike,
    policy: str = "relative",
) -> Float[np.ndarray, " streams"]:
    """Return the weights of K streams, (K,) float64, 0 or more, that sum to 1.

    Args:
        start_train: (K,) training losses at the start of the window, in any unit that all share.
        start_valid: (K,) losses of the held-out rows at its start.
        end_train: (K,) training losses at its end.
        end_valid: (K,) losses of the held-out rows at its end.
        policy: what is done where G or O is not positive, see the module.

    Raises:
        InputError: for losses that are not finite or not of one length, an unknown policy, or with `refuse` a stream
            whose G or O is not positive.

    Example:
        >>> blend_weights([1.0, 1.0], [1.0, 1.0], [0.5, 0.2], [0.6, 0.8]).round(3).tolist()
        [0.986, 0.014]
    """
    if policy not in POLICIES:
        raise unknown_name("policy", policy, POLICIES)
    losses = [np.asarray(each, dtype=np.float64) for each in (start_train, start_valid, end_train, end_valid)]
    if any(each.shape != losses[0].shape or each.ndim != 1 or each.size == 0 for each in losses):
        shapes = ", ".join(str(each.shape) for each in losses)
        raise InputError("losses", shapes, "four of one length", "Give one loss a stream each time.")
    if not np.isfinite(losses).all():
        raise InputError("losses", "NaN or infinity", "finite numbers", "Lower learning_rate.")
    train_0, valid_0, train_n, valid_n = losses
    gain = valid_0 - valid_n
    overfitting = (valid_n - train_n) - (valid_0 - train_0)
    if policy == "refuse" and not ((gain > 0).all() and (overfitting > 0).all()):
        received = f"G {gain.tolist()}, O {overfitting.tolist()}"
        raise InputError("losses", received, "G and O above 0 for every stream", "Choose another policy, or window.")
    if policy == "absolute":
        gain, overfitting = np.maximum(gain, SMALLEST), np.maximum(overfitting, SMALLEST)
    elif policy == "relative":
        gain, overfitting = _at_least_a_share(gain), _at_least_a_share(overfitting)
    # Only ratios count: scaled by their largest values, nothing under- or overflows.
    raw = (gain / gain.max()) / (overfitting / overfitting.min()) ** 2
    return raw / raw.sum()


def _at_least_a_share(changes: np.ndarray) -> np.ndarray:
    largest = float(np.abs(changes).max())
    return np.maximum(changes, SMALLEST_SHARE * largest) if largest > 0 else np.ones_like(changes)
