"""One figure, one module, one function `draw(..., width, identity) -> svg`; drawn at 720 and at 342 units."""
