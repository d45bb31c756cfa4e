"""The figure "interaction in the model, synergy in the data" as a file of its own, for people without the report.

The file carries its colours of both themes and follows the reader's; the background is drawn, so that it can be read on
any page. Same content, same bytes.
"""

from __future__ import annotations

from pathlib import Path

from mmcore.atomic import atomic_file
from mmcore.errors import InputError
from mmcore.reporting.figures import interaction
from mmcore.reporting.svg import coordinate
from mmcore.reporting.tokens import LIGHT, WIDE, tokens_css

_MARGIN = 12


def interaction_figure_svg(figure: interaction.Content, *, width: int = WIDE) -> str:
    """Return the figure as a whole SVG file, `width` pixels and a margin across.

    Args:
        figure: from `mmcore.selection.interaction_masked.beside_synergy`.
        width: pixels across, 342 or more; below 500 names stand above their marks.

    Raises:
        InputError: for no model, a share that is not finite, or a smaller width.

    Example:
        >>> from mmcore.evaluation.interval import Interval
        >>> from mmcore.selection.interaction_masked import InteractionFigure, InteractionPoint
        >>> point = InteractionPoint("tensor_fusion", Interval(0.97, 0.95, 0.99, 0.95, "sample", 400))
        >>> interaction_figure_svg(InteractionFigure((point,), 0.9, (0.8, 1.0), 0.9)).startswith("<svg xmlns=")
        True
    """
    body = str(interaction.draw(figure, width, "f-interaction"))
    head, _, marks = body.partition(">")
    wide, _, tall = head.partition('viewBox="0 0 ')[2].partition('"')[0].partition(" ")
    w, h = (coordinate(float(side) + 2 * _MARGIN) for side in (wide, tall))
    box = f'viewBox="0 0 {wide} {tall}" width="{wide}" height="{tall}"'
    head = head.replace(box, f'viewBox="-{_MARGIN} -{_MARGIN} {w} {h}" width="{w}" height="{h}"')
    ground = f'<rect class="f-bg" x="-{_MARGIN}" y="-{_MARGIN}" width="{w}" height="{h}" fill="{LIGHT["bg"]}"/>'
    head = head.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    return f"{head}><style>\n{tokens_css()}</style>{ground}{marks}\n"


def write_interaction_figure(figure: interaction.Content, path: str | Path, *, width: int = WIDE) -> Path:
    """Write the figure as an SVG file and return its path.

    Args:
        figure: from `mmcore.selection.interaction_masked.beside_synergy`.
        path: the file, with the suffix `.svg`; folders are made.
        width: as in `interaction_figure_svg`.

    Raises:
        InputError: for another suffix, and as `interaction_figure_svg`.
    """
    target = Path(path)
    if target.suffix != ".svg":
        raise InputError("path", str(path), "a name that ends in .svg", "Write interaction.svg, for example.")
    content = interaction_figure_svg(figure, width=width)
    with atomic_file(target) as aside:
        aside.write_text(content, encoding="utf-8")
    return target
