# Sourced by the install scripts beside it: packages of Debian, installed by root and named to everybody else.

fail() { echo "Some of the tests cannot run: $*" >&2; exit 1; }

# packages PACKAGE...: what is missing of them.
packages() {
  command -v dpkg-query >/dev/null || return 0
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q ' installed' || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  [ "$(id -u)" = 0 ] || fail "install these packages first: apt install ${missing[*]}"
  echo "Installing ${missing[*]} ..."
  export DEBIAN_FRONTEND=noninteractive
  { apt-get update -qq && apt-get install -qq -y --no-install-recommends "${missing[@]}"; } >/dev/null ||
    fail "apt-get could not install ${missing[*]}. Is the package mirror in reach?"
}

# programs PROGRAM...: all of them are there, wherever they came from.
programs() {
  local program
  for program in "$@"; do
    command -v "$program" >/dev/null || fail "there is no $program."
  done
}
