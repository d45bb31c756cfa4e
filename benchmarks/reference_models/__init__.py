"""The reference toolkit's modules written again, clean-room, in plain torch: what our zoo is timed beside.

They follow the official structure on purpose, slow parts and defects included: self-pairs and returned attention
weights in MulT, mask and position table made in every forward, low-rank factors in a plain list. They have the
published numbers of registered parameters, counted in `tests/benchmarks/test_reference_models.py`. Nothing outside
`benchmarks` uses them.
"""
