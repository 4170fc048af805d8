#!/usr/bin/env bash
# Installs what the tests of the Emacs package need. A second run does nothing.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../debian.sh"
packages elpa-eglot emacs-nox tmux
programs emacs tmux
