#!/usr/bin/env bash
# Gathers in .gpu-bundle what tests/gpu/run.sh needs on a machine without a network, but torch: some 15 MB of wheels,
# and the 98 MB test model in parts of 35 MB, which may be brought one after the other.
#   tests/gpu/bundle.sh [PYTHON_VERSION]       (of that machine; default 3.12)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

VERSION=${1:-3.12}
rm -rf .gpu-bundle
mkdir -p .gpu-bundle/wheels
python3 -m pip download --quiet --no-deps --dest .gpu-bundle/wheels --python-version "$VERSION" --only-binary=:all: \
  exllamav2==0.3.2 llguidance safetensors tokenizers gguf msgspec filelock platformdirs psutil rich markdown-it-py mdurl \
  pygments pytest pytest-asyncio pytest-timeout pluggy iniconfig packaging hypothesis sortedcontainers httpx httpcore h11 \
  anyio idna certifi hatchling pathspec trove-classifiers editables
MODEL=$(.venv/bin/slipstream models path smollm2-135m-instruct-q4_1)
split --bytes=35M "$MODEL" .gpu-bundle/tiny.gguf.part-
echo "$(sha256sum < "$MODEL" | cut -d' ' -f1)  tiny.gguf" > .gpu-bundle/wheels/tiny.sha256
du -sh .gpu-bundle/*
