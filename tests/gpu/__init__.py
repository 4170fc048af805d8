"""What needs a CUDA GPU: `tests/gpu/run.sh`, which takes up to ten minutes and nothing from a network."""
