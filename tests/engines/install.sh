#!/usr/bin/env bash
# An environment with torch's CPU build and ExLlamaV2, for the tests that drive the library on a processor. One of its
# own: with torch in the other, what is tested there would not be what a user without a GPU has.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

VENV=.venv-engines
TORCH=2.13.0+cpu   # the label keeps pip from taking the CUDA build, of several gigabytes
PYTHON=${PYTHON:-python3}
pip() { "$VENV/bin/python" -m pip "$@" --quiet --disable-pip-version-check; }

[ -x "$VENV/bin/python" ] || "$PYTHON" -m venv "$VENV"
if ! pip install "torch==$TORCH" 2>"$VENV/torch.log"; then
  cat "$VENV/torch.log" >&2
  echo "torch==$TORCH was not found. It is on PyTorch's index of CPU builds: set PIP_EXTRA_INDEX_URL to that." >&2
  exit 1
fi
pip install -c constraints.txt -e '.[cpu,desktop,dev]' llguidance ninja pillow
# Its metadata asks for what only its server and its converter use.
pip install --no-deps exllamav2==0.3.2 'exllamav3>=1.6.5,<1.7'
