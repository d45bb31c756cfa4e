"""Interplay's science: how the modalities of a dataset interact, how sure that is, and which model it calls for.

Knows no prefect, dvc, pandera or great_expectations, nor where the pipeline keeps its files.
"""
