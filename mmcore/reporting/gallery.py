"""Placeholder until the gallery is written."""


def gallery() -> str:
    raise NotImplementedError
