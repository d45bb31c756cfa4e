"""Speed beside named peers, as ratios of CPU time within one run."""
