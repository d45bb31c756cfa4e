"""The BATCH estimator: cross-fitted classifiers, neural couplings by Sinkhorn, and a bound on either side.

`estimate` is the estimator; the other modules are one idea each. Needs torch, so nothing here is imported by `pid`
until the method is asked for.
"""
