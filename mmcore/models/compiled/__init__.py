"""Inner loops of models on a CPU, compiled by numba: what costs torch several passes over memory, in one."""
