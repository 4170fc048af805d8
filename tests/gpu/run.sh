#!/usr/bin/env bash
# The tests that need a CUDA GPU, and the figures for docs/measurements.md. Uses the torch that is there; the rest comes
# from .gpu-bundle (made by tests/gpu/bundle.sh, for a machine without a network) or else from the usual index.
#   tests/gpu/run.sh [FOLDER_FOR_RESULTS] [PYTEST_ARGUMENTS...]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

mkdir -p "${1:-gpu-results}"
RESULTS=$(cd "${1:-gpu-results}" && pwd)
[ $# -gt 0 ] && shift
PYTHON=${PYTHON:-python3}
VENV=.venv-gpu
BUNDLE=.gpu-bundle
TINY=smollm2-135m-instruct-q4_1

"$PYTHON" -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null || {
  echo "$PYTHON has no torch that can use a CUDA GPU. Install a CUDA build of it, or set PYTHON." >&2; exit 1; }

if [ ! -x $VENV/bin/python ]; then
  "$PYTHON" -m venv $VENV
  # Also where PYTHON is of a virtual environment itself, whose packages the option for that would not show.
  "$PYTHON" -c 'import site, sys; print(*site.getsitepackages(), *[p for p in sys.path if p.endswith("-packages")], sep="\n")' \
    | sort -u > "$($VENV/bin/python -c 'import site; print(site.getsitepackages()[0])')/given.pth"
fi
pip() { $VENV/bin/python -m pip --quiet --disable-pip-version-check "$@"; }
if [ -d $BUNDLE ]; then
  # Without dependencies: torch is there already, and nothing may be asked for on a network.
  pip install --no-index --no-deps $BUNDLE/wheels/*.whl
  # The worker has no environment that would tell it where the project is.
  pip install --no-index --no-deps --no-build-isolation -e .
  [ -f $BUNDLE/tiny.gguf ] || cat $BUNDLE/tiny.gguf.part-* > $BUNDLE/tiny.gguf
  (cd $BUNDLE && sha256sum --quiet --check wheels/tiny.sha256) || {
    rm -f $BUNDLE/tiny.gguf; echo "Not all parts of the model are in $BUNDLE." >&2; exit 1; }
  SLIPSTREAM_TEST_TINY="$PWD/$BUNDLE/tiny.gguf"
else
  pip install -e '.[gpu]' exllamav2==0.3.2 pytest pytest-asyncio pytest-timeout hypothesis
  $VENV/bin/slipstream models pull $TINY
  SLIPSTREAM_TEST_TINY=$($VENV/bin/slipstream models path $TINY)
fi

export SLIPSTREAM_TEST_TINY SLIPSTREAM_GPU_RESULTS="$RESULTS" SLIPSTREAM_GPU_HOME="$PWD/$VENV/home" OMP_WAIT_POLICY=passive
$VENV/bin/python -m pytest -c tests/gpu/pytest.ini --rootdir=. tests/gpu "$@"
$VENV/bin/python -m tests.gpu.rows "$RESULTS"
