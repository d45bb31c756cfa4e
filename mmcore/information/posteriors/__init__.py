"""Decomposition from cross-fitted calibrated classifiers, the estimator "posteriors" of `pid.estimate`.

`estimate.estimate` is the door; `crossfit` gives out-of-fold posteriors, `symbols` turns them into symbols and tables,
`tables` into atoms. "neighbours" uses the latter two with posteriors of its own.
"""
