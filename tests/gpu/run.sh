#!/usr/bin/env bash
# The tests that need a CUDA GPU, and the figures for docs/measurements.md. Uses the torch that is there; the rest comes
# from .gpu-bundle (made by tests/gpu/bundle.sh, for a machine without a network) or else from the usual index.
#   tests/gpu/run.sh [FOLDER_FOR_RESULTS] [PYTEST_ARGUMENTS...]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

RESULTS=${1:-gpu-results}
[ $# -gt 0 ] && shift
PYTHON=${PYTHON:-python3}
VENV=.venv-gpu
mkdir -p "$RESULTS"

"$PYTHON" -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null || {
  echo "$PYTHON has no torch that can use a CUDA GPU. Install a CUDA build of it, or set PYTHON." >&2; exit 1; }

[ -x $VENV/bin/python ] || "$PYTHON" -m venv --system-site-packages $VENV
pip() { $VENV/bin/python -m pip --quiet --disable-pip-version-check "$@"; }
if [ -d .gpu-bundle ]; then
  # Without dependencies: torch is there already, and nothing may be asked for on a network.
  pip install --no-index --no-deps .gpu-bundle/*.whl
  # The worker has no environment that would tell it where the project is.
  pip install --no-index --no-deps --no-build-isolation -e .
  if [ ! -f .gpu-bundle/tiny.gguf ] && ls .gpu-bundle/tiny.gguf.part-* >/dev/null 2>&1; then
    cat .gpu-bundle/tiny.gguf.part-* > .gpu-bundle/tiny.gguf
  fi
  [ -f .gpu-bundle/tiny.gguf ] && export SLIPSTREAM_TEST_TINY="$PWD/.gpu-bundle/tiny.gguf"
else
  pip install -e '.[gpu]' exllamav2==0.3.2 pytest pytest-asyncio pytest-timeout hypothesis
fi

export SLIPSTREAM_GPU_RESULTS="$PWD/$RESULTS" OMP_WAIT_POLICY=passive
$VENV/bin/python -m pytest -c tests/gpu/pytest.ini --rootdir=. tests/gpu "$@"
$VENV/bin/python -m tests.gpu.rows "$RESULTS"
