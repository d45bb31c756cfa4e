"""What a trained model takes from each modality: exact Shapley values and permutation importance."""
