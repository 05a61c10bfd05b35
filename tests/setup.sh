#!/bin/sh
# Install what some tests need beyond Python packages; without the right to, those tests say why they are skipped.
set -eu
if ! command -v cp2k.psmp >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq cp2k cp2k-data; } >/dev/null ||
        echo "CP2K could not be installed; the tests that need it will say so." >&2
fi
