#!/bin/sh
# Install what some tests need beyond Python packages; without the right to, those tests say why they are skipped.
set -eu
missing=
command -v cp2k.psmp >/dev/null || missing="$missing cp2k cp2k-data"
command -v slurmctld >/dev/null && command -v slurmd >/dev/null && command -v sbatch >/dev/null &&
    command -v munged >/dev/null || missing="$missing slurmctld slurmd slurm-client munge"
command -v chromium >/dev/null || missing="$missing chromium"
if [ -n "$missing" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    # shellcheck disable=SC2086 # a list of names
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $missing; } >/dev/null ||
        echo "Not installed:$missing; the tests that need them will say so." >&2
fi
