#!/usr/bin/env bash
# Gathers in .gpu-bundle what tests/gpu/run.sh needs on a machine without a network, but torch: some 15 MB of wheels,
# and the 98 MB test model in parts of 50 MB.
#   tests/gpu/bundle.sh [PYTHON_VERSION]       (of that machine; default 3.12)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

VERSION=${1:-3.12}
rm -rf .gpu-bundle
mkdir .gpu-bundle
python3 -m pip download --quiet --no-deps --dest .gpu-bundle --python-version "$VERSION" --only-binary=:all: \
  exllamav2==0.3.2 llguidance safetensors tokenizers gguf msgspec filelock platformdirs psutil rich markdown-it-py mdurl \
  pygments pytest pytest-asyncio pytest-timeout pluggy iniconfig packaging hypothesis sortedcontainers httpx httpcore h11 \
  anyio idna certifi hatchling pathspec trove-classifiers editables
MODEL=$(.venv/bin/slipstream models path smollm2-135m-instruct-q4_1)
split --bytes=50M "$MODEL" .gpu-bundle/tiny.gguf.part-
du -sh .gpu-bundle
