"""What ExLlamaV2 and ExLlamaV3 have in common: the job loop, tokens, pages, memory, the compiled part.

Both have the same shape: a generator over a KV cache of 256-token pages, whose ``iterate`` makes one step for every
job. ``copilot.engine.exllamav2`` and ``exllamav3`` are what differs.
"""
