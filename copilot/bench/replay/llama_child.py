"""llama.cpp's own HTTP server, out of the xllamacpp wheel, on a Unix socket; the program of a process of its own.

``python -m copilot.bench.replay.llama_child MODEL SOCKET THREADS CONTEXT`` prints ``ready`` and serves until standard
input ends. As llama.vim recommends it: one slot, batches of 1,024 tokens, chunks of 256 used again after a move.
"""

import sys

BATCH = 1024
CACHE_REUSE = 256


def main() -> None:
    import xllamacpp

    model, socket, threads, context = sys.argv[1:]
    params = xllamacpp.CommonParams()
    params.model.path = model
    params.hostnames = [socket]
    params.n_ctx = int(context)
    params.n_parallel = 1
    # /infill cuts the text around the caret to what fits into one batch.
    params.n_batch = params.n_ubatch = BATCH
    params.n_cache_reuse = CACHE_REUSE
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = int(threads)
    params.endpoint_metrics = True
    params.ui = False
    params.verbosity = 0
    server = xllamacpp.Server(params)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()
    del server


if __name__ == "__main__":
    main()
