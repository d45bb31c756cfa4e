"""Fusions: how the representations of several modalities become one output; one file each."""
