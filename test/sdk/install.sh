#!/usr/bin/env bash
# Installs the official SDKs that the tests here drive, into a cache outside of the tree.
#
#   install.sh [SET...]      SET: node20 node24 python go; none means all
#
# Each set has a folder named after what it was made of, so a changed pin makes a new one and an unchanged one costs
# nothing (Go has caches of its own and uses those). For each set the last line on standard output is "SET FOLDER". Exit 3: a tool that a set needs is missing.
# WEIR_SDK_CACHE names the cache; without it, it is weir-sdk in the user's cache folder.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
default_cache=${XDG_CACHE_HOME:-$HOME/.cache}
if [[ $(uname -s) == Darwin ]]; then default_cache=$HOME/Library/Caches; fi
cache=${WEIR_SDK_CACHE:-$default_cache/weir-sdk}
mkdir -p "$cache"
trap 'rm -rf "${work:-}"' EXIT

say() { echo "sdk: $*" >&2; }

need() {
  local tool
  for tool in "$@"; do
    command -v "$tool" >/dev/null || { say "there is no $tool"; exit 3; }
  done
}

checksum() { cat "$@" | { sha256sum 2>/dev/null || shasum -a 256; } | cut -c1-16; }

# The folder that a set is to be in, given the version of its tool and its pins.
folder() { # set version file...
  local set=$1 version=$2
  shift 2
  echo "$cache/$set-$(checksum "$@" "${BASH_SOURCE[0]}" <(echo "$version"))"
}

# Puts a finished folder in its place; another install may have been faster, which is as good.
settle() { # from to
  touch "$1/.ready"
  [[ -e $2/.ready ]] || { rm -rf "$2" && mv "$1" "$2"; } || [[ -e $2/.ready ]]
}

install_node() { # set
  need node npm
  local from=$here/js/$1 to
  to=$(folder "$1" "$(node --version)" "$from/package.json" "$from/package-lock.json")
  if [[ ! -e $to/.ready ]]; then
    say "installing $1"
    work=$(mktemp -d "$cache/.new.XXXXXX")
    cp "$from/package.json" "$from/package-lock.json" "$work/"
    (cd "$work" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) >&2
    settle "$work" "$to"
  fi
  echo "$1 $to"
}

install_python() {
  need python3
  local to
  to=$(folder python "$(python3 --version)" "$here/python/requirements.txt")
  if [[ ! -e $to/.ready ]]; then
    say "installing python"
    work=$(mktemp -d "$cache/.new.XXXXXX")
    python3 -m venv "$work/venv" || { say "python3 has no venv module"; exit 3; }
    "$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps -r "$here/python/requirements.txt" >&2
    settle "$work" "$to"
  fi
  echo "python $to"
}

# Go keeps modules and builds in caches of its own, and knows itself what is stale: this takes a second where nothing is.
install_go() {
  need go
  (cd "$here/go" && GOWORK=off go mod download && GOWORK=off go test -run '^$' ./...) >&2
  echo "go $here/go"
}

[[ $# -gt 0 ]] || set -- node20 node24 python go
for set in "$@"; do
  case $set in
    node20 | node24) install_node "$set" ;;
    python) install_python ;;
    go) install_go ;;
    *) say "unknown set $set"; exit 2 ;;
  esac
done
