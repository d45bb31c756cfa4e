"""Inner loops of models on a CPU, compiled by numba: what costs torch several passes over memory, in one."""

LANES = 64
"""Rows of (batch, heads) that attention takes side by side."""
