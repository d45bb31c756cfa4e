"""Figure 3.3 of the thesis: the atoms of a Gaussian mixture over the angle of its centres, in two coordinate systems.

    Y = -1, +1 with equal odds,   (X1, X2) | Y ~ N(y mu, I),   mu = norm (cos angle, sin angle),   50 bins over [-5, 5]

What must hold is known without the figure. Cartesian: the coordinates are independent given Y, so the union is that of
two independent clouds; at angle 0 all is unique to X1, at 45 degrees the two are exchangeable and nothing is unique.
Polar: the angle of a point's line tells nothing of Y alone, so R = U2 = 0. Totals are J(norm) up to what 50 bins lose
(`mmcore.data.worlds.gaussian_mixture`). The table is integrated, not sampled: there is no sampling error.

The thesis remarks that synergy seems independent of the norm. Of the two norms it draws that is nearly so (peaks of
0.195 and 0.192 bit), but not in general: it rises and falls with the norm (`synergy_peaks` in the record: 0.021 bit at
norm 0.25, 0.235 at 1.5, 0.010 at 4).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from experiments.plot import Panel, panels
from experiments.record import Check, near, run
from mmcore.data.worlds.gaussian_mixture import cloud_information, table
from mmcore.information import pid
from mmcore.information.atoms import ATOMS


def curves(norm: float, coordinates: str, degrees: list[float], bins: int) -> dict[str, list[float]]:
    """Return each atom (bits) at each angle."""
    tables = [table(norm, np.deg2rad(angle), coordinates=coordinates, bins=bins) for angle in degrees]
    found = pid.decompose_many(tables)
    return {name: [getattr(result, name) for result in found] for name in ATOMS}


def _cartesian_checks(norm: float, atoms: Mapping[str, list[float]], degrees: list[float], tol: float) -> list[Check]:
    first, middle, last = 0, degrees.index(45.0), len(degrees) - 1
    where, source = f"cartesian, norm {norm:g}", "J(norm), closed form"
    checks = [
        near(f"{where}, 0 degrees: unique1", atoms["unique1"][first], cloud_information(norm), tol, source),
        near(f"{where}, 90 degrees: unique2", atoms["unique2"][last], cloud_information(norm), tol, source),
        near(f"{where}, 0 degrees: synergy", atoms["synergy"][first], 0.0, 1e-8, "X2 independent of (X1, Y)"),
        near(f"{where}, 45 degrees: unique1", atoms["unique1"][middle], 0.0, 1e-8, "exchangeable sources"),
        near(f"{where}, 45 degrees: unique2", atoms["unique2"][middle], 0.0, 1e-8, "exchangeable sources"),
    ]
    half = cloud_information(norm * np.sqrt(0.5))
    checks.append(near(f"{where}, 45 degrees: redundancy", atoms["redundancy"][middle], half, tol, "R = I(X1;Y)"))
    for name in ("redundancy", "synergy"):
        peak = degrees[int(np.argmax(atoms[name]))]
        checks.append(near(f"{where}: angle where {name} peaks", peak, 45.0, 1e-9, "thesis, section 3.3.1"))
    return checks


def _polar_checks(norm: float, atoms: Mapping[str, list[float]], tol: float) -> list[Check]:
    where = f"polar, norm {norm:g}"
    checks = [
        near(f"{where}: largest {name}", max(map(abs, atoms[name])), 0.0, 1e-8, "I(theta;Y) = 0, closed form")
        for name in ("redundancy", "unique2")
    ]
    totals = np.sum([atoms[name] for name in ATOMS], axis=0)
    worst = float(np.abs(totals - cloud_information(norm)).max())
    return [*checks, near(f"{where}: largest distance of the total from J(norm)", worst, 0.0, tol, "closed form")]


def experiment(settings: Mapping[str, Any]) -> tuple[list[Check], dict[str, Any], dict[str, str]]:
    """Return the checks, the curves, and the figure."""
    degrees = np.arange(0.0, 90.0 + 1e-9, settings["step"]).tolist()
    checks: list[Check] = []
    found: dict[str, Any] = {"degrees": degrees}
    parts = []
    for norm in settings["norms"]:
        for coordinates in ("cartesian", "polar"):
            atoms = curves(norm, coordinates, degrees, settings["bins"])
            found[f"{coordinates}, norm {norm:g}"] = atoms
            parts.append(Panel(f"{coordinates}, norm {norm:g}", degrees, atoms))
            if coordinates == "cartesian":
                checks += _cartesian_checks(norm, atoms, degrees, settings["binning_tolerance"])
            else:
                checks += _polar_checks(norm, atoms, settings["binning_tolerance"])
    peaks = {
        f"norm {norm:g}": curves(norm, "cartesian", [45.0], settings["bins"])["synergy"][0]
        for norm in settings["peak_norms"]
    }
    label = "Redundancy, unique and synergistic information of a Gaussian mixture over the angle of its centres"
    figure = panels("gaussian-mixture", label, parts, x="angle, degrees", y="bits")
    return checks, {**found, "synergy_peaks": peaks}, {"figure.svg": figure}


if __name__ == "__main__":
    run("gaussian_mixture", experiment)
