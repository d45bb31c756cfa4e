"""What was measured of the official modules: milliseconds of CPU time of forward, loss and backward on one thread.

The machine was a 2-core AMD EPYC virtual one with torch 2.13 and other jobs beside; random data, train mode, no
optimiser. `least` is the quickest step; where only a median was noted it stands for both. Parameters are the registered
ones, `hidden` the low-rank factors that the official code leaves unregistered.
"""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Published:
    """A row: what the official module has and takes."""

    parameters: int
    median: float
    least: float
    hidden: int = 0


PUBLISHED: dict[str, Published] = {
    "LF AV-MNIST": Published(260922, 148.5, 141.4),
    "LRTF AV-MNIST": Published(249082, 144.6, 128.6, 1161600),
    "MI-matrix AV-MNIST": Published(2530602, 164.0, 133.8),
    "LF MIMIC": Published(33452, 4.28, 4.07),
    "LRTF MIMIC": Published(8392, 28.5, 25.7, 2928000),
    "MI-matrix MIMIC": Published(801352, 17.6, 15.9),
    "LF MOSI": Published(2570311, 472.0, 363.0),
    "TF MOSI": Published(5488295, 294.0, 278.0),
    "LRTF MOSI": Published(1486625, 329.0, 288.0, 798720),
    "MulT affect": Published(3080321, 1338.0, 1254.0),
    "MulT affect 5/20/300": Published(3076961, 1184.0, 1113.0),
    "MulT defaults": Published(128665, 282.0, 245.0),
    "MulT stocks": Published(125146, 9984.0, 9285.0),
    "MulT Push": Published(13998082, 934.0, 833.0),
    "MCTN": Published(198809, 111.0, 98.0),
    "TF": Published(0, 39.8, 17.8),
    "LRTF": Published(160, 6.2, 5.5, 798720),
    "MI-matrix": Published(270400, 1.6, 1.05),
    "MI-vector": Published(8320, 0.16, 0.16),
    "MI-scalar": Published(130, 0.25, 0.25),
    "NL-gate": Published(6600, 0.75, 0.70),
    "concatenation": Published(0, 0.09, 0.09),
    "CCA loss": Published(0, 1.9, 1.7),
}
