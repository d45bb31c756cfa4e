"""Models that also generate: factorised representations, variational ones, and translation between modalities."""
