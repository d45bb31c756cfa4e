"""The report's sentences: facts in, one string out; every branch is tested, and none is free text.

A causal word stands only where two tests support it: the model is above late fusion and synergy is above zero.
"""
