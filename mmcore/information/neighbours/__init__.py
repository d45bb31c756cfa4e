"""Decomposition by nearest neighbours, the estimator "neighbours" of `pid.estimate`.

`search` lists each row's neighbours, `information` reads mutual information off the lists, `estimate` is the door.
"""
