"""Model manifests and the prompt format of each model family: data, and a small loader. Weights are never here."""
