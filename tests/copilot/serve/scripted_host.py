"""`python -m tests.copilot.serve.scripted_host [IDLE_MINUTES [STEP_SECONDS]]`: a host process without a model."""

import sys

from copilot.serve import host, logs
from tests.fakes import ScriptedEngine
from tests.hosts import loads, settings

if __name__ == "__main__":
    idle, step = map(float, [*sys.argv[1:], *("30", "0.02")[len(sys.argv) - 1 :]])
    logs.to_terminal()
    engine = ScriptedEngine(["word "] * 2000, step_seconds=step)
    sys.exit(0 if host.serve(settings(idle_minutes=idle), loads(engine)) else 3)
