"""The engine worker with ExLlamaV2 on a processor. Run as a script, as the worker is: ``cpu_worker.py FD BACKEND``."""

import os
import sys
from pathlib import Path

# The worker has no environment to tell it where the project is.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.engines import cpu_exllamav2

cpu_exllamav2.install()

import torch  # noqa: E402

# Of two threads on a core it would use one.
torch.set_num_threads(os.cpu_count() or 1)

from copilot.engine import worker  # noqa: E402

worker.main()
