#!/usr/bin/env bash
# Installs the NATS server that tests of the audit talk to. A second run does nothing; without it those are skipped.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
PATH=$PATH:/usr/sbin command -v nats-server >/dev/null && exit 0
. tests/editors/debian.sh
(packages nats-server) || echo 'Tests with a NATS server will be skipped.' >&2
