"""What lets the real ExLlamaV2 run on a processor, for tests."""
