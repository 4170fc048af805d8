#!/usr/bin/env bash
# Installs what the tests of the VS Code extension need: VS Code itself, as code-server from npm, and a Chromium.
# It lands in $SLIPSTREAM_TEST_TOOLS (~/.cache/slipstream-test-tools) and is kept; a second run does nothing.
set -euo pipefail
VERSION=4.100.3
TOOLS=${SLIPSTREAM_TEST_TOOLS:-$HOME/.cache/slipstream-test-tools}
DIR=$TOOLS/code-server-$VERSION
. "$(dirname "${BASH_SOURCE[0]}")/../debian.sh"

programs node npm
[ "$(node -p 'process.versions.node.split(".")[0]')" = 20 ] ||
  fail "code-server $VERSION needs Node 20, and node is $(node --version)."

# Whoever has the programs from elsewhere needs no packages.
(programs chromium git rg) 2>/dev/null || packages chromium fonts-dejavu-core git ripgrep
programs chromium git rg
[ -f "$DIR/complete" ] && exit 0
packages build-essential libkrb5-dev libsecret-1-dev libx11-dev libxkbfile-dev pkg-config python3

echo "Installing code-server $VERSION into $DIR ..."
rm -rf "$DIR"; mkdir -p "$DIR"; cd "$DIR"
printf '{"name":"tools","private":true,"dependencies":{"code-server":"%s"}}\n' "$VERSION" >package.json
log=$DIR/install.log
step() { "$@" >>"$log" 2>&1 || { tail -n 30 "$log" >&2; fail "\`$*\` failed. Is the npm registry in reach?"; }; }
# Native parts are built against the headers beside Node, so that none are downloaded.
prefix=$(dirname "$(dirname "$(readlink -f "$(command -v node)")")")
[ -f "$prefix/include/node/node.h" ] && export npm_config_nodedir="${npm_config_nodedir:-$prefix}"
quiet=(--ignore-scripts --no-audit --no-fund)

# Not the packages' own scripts: some download from places that need not be in reach.
step npm install "${quiet[@]}"
root=$DIR/node_modules/code-server
step npm rebuild argon2
cd "$root/lib/vscode"
step npm install --omit=dev "${quiet[@]}"
# node-pty builds, and then its script fails over a file that only editors of its source want.
npm rebuild @parcel/watcher @vscode/spdlog node-pty native-watchdog @vscode/deviceid kerberos >>"$log" 2>&1 || true
mkdir -p node_modules/@vscode/ripgrep/bin
ln -sf "$(command -v rg)" node_modules/@vscode/ripgrep/bin/rg
ln -sfn node_modules node_modules.asar
ln -sf code-linux.sh bin/remote-cli/code-server
ln -sf browser-linux.sh bin/helpers/browser.sh
cd extensions
step npm install --omit=dev "${quiet[@]}"
step node "$root/out/node/entry.js" --version
touch "$DIR/complete"
