"""The colours and sizes of the report: the only place that names a colour.

The four hues stand for the four parts of an interaction and for nothing else. Any two of them stay at least 33 (CIE76)
apart under normal, protan, deutan and tritan vision and 3:1 against the page; text colours keep 4.5:1. Change one only
after repeating that check. Marks carry the light values as attributes (for print) and a class that re-colours them on
screen.
"""

from __future__ import annotations

LIGHT: dict[str, str] = {
    "bg": "#ffffff", "panel": "#f5f6f8", "ink": "#1a1d21", "ink2": "#4a5058", "ink3": "#636a73",
    "null": "#8a9099", "line": "#d5d9de", "line2": "#e9ecef", "band": "#e3e7eb",
    "u1": "#c78405", "r": "#173878", "u2": "#0e9bc3", "s": "#c41959",
    "ok": "#1b6e3c", "warn": "#8a5a00", "fail": "#b3261e",
}  # fmt: skip
DARK: dict[str, str] = {
    "bg": "#14171b", "panel": "#1c2025", "ink": "#e9ebee", "ink2": "#b4bac2", "ink3": "#949ba5",
    "null": "#7a828c", "line": "#363c44", "line2": "#272c32", "band": "#3a424b",
    "u1": "#f3b65a", "r": "#6b88df", "u2": "#72eaf1", "s": "#e64f89",
    "ok": "#7fd09c", "warn": "#e8b95a", "fail": "#ff8a80",
}  # fmt: skip
SANS = (
    '-apple-system,BlinkMacSystemFont,"Segoe UI",Roboto,"Helvetica Neue","Noto Sans","Liberation Sans",Arial,sans-serif'
)
MONO = 'ui-monospace,"SF Mono",Menlo,Consolas,"Liberation Mono","DejaVu Sans Mono",monospace'
WIDE = 720
NARROW = 342
ATOM_TOKENS: dict[str, str] = {"unique1": "u1", "redundancy": "r", "unique2": "u2", "synergy": "s"}


def _variables(colours: dict[str, str], scheme: str) -> str:
    return f"color-scheme:{scheme};" + "".join(f"--{name}:{value};" for name, value in colours.items())


def tokens_css() -> str:
    """Return the custom properties of both themes and the classes that re-colour SVG marks on screen.

    Example:
        >>> "--s:#c41959" in tokens_css() and "@media screen" in tokens_css()
        True
    """
    light, dark = _variables(LIGHT, "light"), _variables(DARK, "dark")
    fills = "".join(f".f-{name}{{fill:var(--{name})}}" for name in LIGHT)
    strokes = "".join(f".k-{name}{{stroke:var(--{name})}}" for name in LIGHT)
    return (
        f":root{{{light}--sans:{SANS};--mono:{MONO}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{dark}}}}}\n"
        f"@media screen{{:root[data-theme=dark]{{{dark}}}}}\n"
        f"@media screen{{{fills}{strokes}}}\n"
    )
