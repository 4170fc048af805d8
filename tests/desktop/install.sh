#!/usr/bin/env bash
# Installs the system's libraries that Qt needs to draw without a screen. A second run does nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
.venv/bin/python -c 'import PySide6.QtWidgets' 2>/dev/null && exit 0
. tests/editors/debian.sh
packages libegl1 libgl1 libxkbcommon0 libdbus-1-3 libfontconfig1 libglib2.0-0 fonts-dejavu-core
.venv/bin/python -c 'import PySide6.QtWidgets' || fail "Qt cannot be loaded; the line above says why."
