"""The report as a PDF by WeasyPrint: A4, light colours, everything unfolded, the same bytes from the same page."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmcore.atomic import atomic_file
from mmcore.errors import InputError


@contextmanager
def _screen_rules_unmentioned() -> Iterator[None]:
    """Keep WeasyPrint from listing every rule of the style sheet that is for screens; errors are still told."""
    logger = logging.getLogger("weasyprint")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def write_pdf(html: str, path: str | Path) -> Path:
    """Write the page as PDF and return its path.

    The PDF carries no date and its identifier is a hash of the page, so the same page gives the same bytes.

    Args:
        html: what `build_page` or `build_index` returned.
        path: the file to write; its folder is made where it is missing.

    Raises:
        InputError: the page asks for something outside itself.
    """
    import weasyprint
    from weasyprint.urls import FatalURLFetchingError, URLFetcher

    nothing = URLFetcher(allowed_protocols=(), fail_on_errors=True)
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    identifier = hashlib.sha256(html.encode()).digest()[:16]
    # fontTools stamps embedded fonts with this clock; a fixed one keeps the bytes.
    before = os.environ.get("SOURCE_DATE_EPOCH")
    os.environ["SOURCE_DATE_EPOCH"] = "0"
    try:
        with _screen_rules_unmentioned(), atomic_file(target) as aside:
            document = weasyprint.HTML(string=html, url_fetcher=nothing).render()
            document.write_pdf(aside, pdf_identifier=identifier)
    except FatalURLFetchingError as error:
        remedy = "Write style and pictures into the page itself."
        raise InputError("html", str(error), "a page that asks for nothing outside itself", remedy) from error
    finally:
        if before is None:
            del os.environ["SOURCE_DATE_EPOCH"]
        else:
            os.environ["SOURCE_DATE_EPOCH"] = before
    return target
