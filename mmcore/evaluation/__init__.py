"""Scores with honest intervals, paired comparisons, the verdict on validation rows, the summary of test rows."""
