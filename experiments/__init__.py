"""Published tables and figures, computed again: one module a stage, expected values and tolerances in `params.yaml`."""
