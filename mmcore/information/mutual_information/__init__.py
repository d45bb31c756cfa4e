"""Mutual information of two variables from samples: symbols, numbers, or vectors too wide for either.

`plug_in` for symbols, `neighbours` for numbers; on torch, loaded only when asked for, `estimate_infonce` (a lower
bound), `estimate_club` and `estimate_nce_club` (surrogates of an upper one), their terms as training losses, and
`gaussian_staircase`, the study of figure 4.3.
"""

from importlib import import_module
from typing import Any

from mmcore.information.mutual_information.neighbours import neighbours
from mmcore.information.mutual_information.plug_in import plug_in
from mmcore.information.mutual_information.result import MutualInformation

_ON_TORCH = {
    "Learning": "learning",
    "estimate_infonce": "infonce",
    "infonce_loss": "infonce",
    "infonce_bound": "infonce",
    "estimate_club": "club",
    "club_difference": "club",
    "estimate_nce_club": "nce_club",
    "build_critic": "critics",
    "gaussian_staircase": "staircase",
}

__all__ = ["MutualInformation", "neighbours", "plug_in", *_ON_TORCH]


def __getattr__(name: str) -> Any:
    if name not in _ON_TORCH:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ON_TORCH[name]}"), name)
