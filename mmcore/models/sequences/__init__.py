"""Models of several sequences at once: crossmodal transformers, recurrent multistage fusion, and their baselines."""
