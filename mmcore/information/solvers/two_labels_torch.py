"""The closed form for two labels on torch: the operations of `two_labels`, in float64, on any device.

Same equations and the same care for small masses; only the order of additions differs, so results agree with numpy's to
rounding. Worth it on a GPU for batches of large tables; on a CPU numpy is as fast and needs no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmcore.errors import InputError
from mmcore.information.entropy import LN2
from mmcore.information.solvers.two_labels import Curves

if TYPE_CHECKING:
    import torch

Float = NDArray[np.float64]

_TINY = float(np.finfo(np.float64).tiny)
_CHUNK_CELLS = 16_000_000  # cells on the device at once: 128 MB, a few of which are alive


def check_device(device: str) -> torch.device:
    """Return the torch device called `device`.

    Raises:
        InputError: for a name that torch does not know, a device that is not here, or one without float64.

    Example:
        >>> check_device("cpu").type
        'cpu'
    """
    import torch

    try:
        found = torch.device(device)
        torch.zeros(1, dtype=torch.float64, device=found)
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError("device", device, "a torch device with float64", f"Pass device='cpu' ({reason}).") from error
    return found


def _negative_entropy(p: torch.Tensor) -> torch.Tensor:
    """Return sum p ln p (B,) of p (B, ...)."""
    return (p * (p + _TINY).log()).flatten(1).sum(dim=1)


def _compare(a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Return I(X1;Y), I(X2;Y) and both excesses (B,), nats; the steps of `two_labels._compare`."""
    import torch

    n1 = a.shape[1]
    masses = torch.cat([a, b], dim=1).permute(2, 1, 0).contiguous()  # (label, symbol, pair)
    posterior = masses + _TINY
    logs = (posterior / posterior.sum(dim=0)).log()
    prior = _negative_entropy(a.sum(dim=1))
    terms = (masses * logs).sum(dim=0)
    information1, information2 = terms[:n1].sum(dim=0) - prior, terms[n1:].sum(dim=0) - prior

    odds, order = torch.sort(logs[1] - logs[0], dim=0, stable=True)
    masses = torch.cat([masses[:, :n1], -masses[:, n1:]], dim=1)
    fall_masses, rise_masses = masses[0].gather(0, order), masses[1].gather(0, order)
    log0, log1 = logs[0].gather(0, order), logs[1].gather(0, order)
    rise = -rise_masses[:-1].cumsum(dim=0)
    fall = fall_masses[1:].flip(0).cumsum(dim=0).flip(0)

    starts, ends = rise * log1[:-1] + fall * log0[:-1], rise * log1[1:] + fall * log0[1:]
    size1, size0 = rise.abs() + _TINY, fall.abs() + _TINY
    total = size1 + size0
    cross1, cross0 = (size1 / total).log(), (size0 / total).log()
    crossing = cross1 - cross0
    crosses = (rise * fall > 0) & (crossing > odds[:-1]) & (crossing < odds[1:])
    turns = torch.where(crosses, rise * cross1 + fall * cross0, ends)
    before, after = turns - starts, ends - turns
    excess1 = before.clamp_min(0.0).sum(dim=0) + after.clamp_min(0.0).sum(dim=0)
    excess2 = (-before).clamp_min(0.0).sum(dim=0) + (-after).clamp_min(0.0).sum(dim=0)
    return information1, information2, excess1, excess2


def compare_curves(ps: Float, *, device: str = "cpu") -> tuple[Curves, Float]:
    """Return the informations and excesses of B joint tables, and I(X1,X2;Y) (B,), bits, as numpy arrays.

    Args:
        ps: (B, n1, n2, 2), each table summing to one.
        device: of torch: "cpu", "cuda", "cuda:1", ...

    Raises:
        InputError: for a device that is not here.

    Example:
        >>> curves, both = compare_curves(np.array([[[[0.25, 0.0], [0.25, 0.0]], [[0.25, 0.0], [0.0, 0.25]]]]))
        >>> curves.union.round(6).tolist(), both.round(6).tolist()
        ([0.311278], [0.811278])
    """
    import torch

    place = check_device(device)
    size = max(1, _CHUNK_CELLS // int(np.prod(ps.shape[1:])))
    found = []
    with torch.no_grad():
        for start in range(0, len(ps), size):
            p = torch.as_tensor(np.ascontiguousarray(ps[start : start + size])).to(place)
            both = _negative_entropy(p) - _negative_entropy(p.sum(dim=3)) - _negative_entropy(p.sum(dim=(1, 2)))
            columns = torch.stack([*_compare(p.sum(dim=2), p.sum(dim=1)), both]) / LN2
            found.append(columns.cpu().numpy())
    values = np.concatenate(found, axis=1)
    return Curves(values[0], values[1], values[2], values[3]), values[4]
