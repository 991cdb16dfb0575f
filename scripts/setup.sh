#!/bin/sh
# Installs what building, the demo and the tests need on Debian 12 or 13, and nothing that is already there.
#
#   scripts/setup.sh           what `make build` and `make demo` need
#   scripts/setup.sh --tests   also the Node.js SDKs of the end-to-end suites
#
# Runs again at once when all is in place. Without root it installs no packages and says which are missing.
set -eu

cd "$(dirname "$0")/.."
venv=.venv
requirements=tests/e2e/requirements.txt
with_tests=no

say() { printf 'setup: %s\n' "$*"; }
have() { command -v "$1" >/dev/null 2>&1; }

case "${1:-}" in
"") ;;
--tests) with_tests=yes ;;
*)
    say "unknown argument '$1': there is only --tests"
    exit 2
    ;;
esac

# --- Debian packages -------------------------------------------------------------------------------------------
missing=""
need() { # need COMMAND PACKAGE
    PATH="$PATH:/usr/sbin:/sbin" have "$1" || missing="$missing $2"
}
need cc build-essential
need pkg-config pkg-config
need python3 python3
need node nodejs
need ip iproute2
need mke2fs e2fsprogs
need curl curl
[ "$with_tests" = no ] || need npm npm
python=/usr/bin/python3.11
[ -x "$python" ] || python=python3
# The module is there without its bundled pip when python3-venv is not installed.
"$python" -c 'import venv, ensurepip' >/dev/null 2>&1 || missing="$missing python3-venv"

if [ -n "$missing" ]; then
    if [ "$(id -u)" != 0 ] || ! have apt-get; then
        say "please install, as root:$missing"
        exit 1
    fi
    say "installing$missing"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    # shellcheck disable=SC2086 # a list of words
    apt-get install -y -qq --no-install-recommends ca-certificates $missing
    [ -x /usr/bin/python3.11 ] && python=/usr/bin/python3.11 || python=python3
fi

# --- Rust ------------------------------------------------------------------------------------------------------
# This path has not been tried: every machine it was written on had cargo. Debian 13 has rustup as a package;
# on Debian 12 rustup's own installer is used. The toolchain itself is pinned in rust-toolchain.toml.
[ -x "$HOME/.cargo/bin/cargo" ] && PATH="$HOME/.cargo/bin:$PATH"
if ! have cargo; then
    if [ "$(id -u)" = 0 ] && apt-cache show rustup >/dev/null 2>&1; then
        say "installing rustup from Debian"
        apt-get install -y -qq --no-install-recommends rustup
    else
        say "installing rustup with its own installer"
        curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal --default-toolchain none
        PATH="$HOME/.cargo/bin:$PATH"
    fi
    toolchain=$(sed -n 's/^channel *= *"\(.*\)"/\1/p' rust-toolchain.toml)
    say "installing Rust $toolchain"
    rustup toolchain install "$toolchain" --profile minimal --component clippy --component rustfmt
fi

# --- SDKs ------------------------------------------------------------------------------------------------------
stamp="$venv/requirements.stamp"
if ! cmp -s "$requirements" "$stamp"; then
    say "installing the Python SDKs of both vendors into $venv"
    [ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
    cp "$requirements" "$stamp"
fi

if [ "$with_tests" = yes ]; then
    node_stamp=tests/e2e/node/node_modules/.lock.stamp
    if ! cmp -s tests/e2e/node/package-lock.json "$node_stamp"; then
        say "installing the Node.js SDKs of both vendors into tests/e2e/node"
        (cd tests/e2e/node && npm ci --no-audit --no-fund --loglevel=error)
        cp tests/e2e/node/package-lock.json "$node_stamp"
    fi
fi
say "all is in place"
