#!/bin/sh
# Runs the end-to-end suites against the binary in SLUICE_BIN (default: what cargo built last).
#
#   scripts/e2e.sh                     all suites
#   scripts/e2e.sh -k sandbox -x       arguments go to pytest
#
# SLUICE_E2E_LOGS=DIR keeps the servers' logs.
set -eu
cd "$(dirname "$0")/../tests/e2e"
exec ../../.venv/bin/python -m pytest "$@"
