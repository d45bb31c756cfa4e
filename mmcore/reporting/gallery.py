"""Placeholder until the gallery is written."""


def gallery() -> str:
    """Return the gallery page."""
    raise NotImplementedError
