#!/bin/sh
# Install what some tests need beyond Python packages; without the right to, those tests say why they are skipped.
# The Python whose environment gets GPAW, which is compiled on the spot: the first argument.
set -eu
GPAW=gpaw==26.7.0
missing=
command -v cp2k.psmp >/dev/null || missing="$missing cp2k cp2k-data"
command -v pw.x >/dev/null || missing="$missing quantum-espresso"
command -v slurmctld >/dev/null && command -v slurmd >/dev/null && command -v sbatch >/dev/null &&
    command -v munged >/dev/null || missing="$missing slurmctld slurmd slurm-client munge"
command -v chromium >/dev/null || missing="$missing chromium"
python=${1:-}
wanted=
if [ -n "$python" ] && ! "$python" -c "import gpaw" 2>/dev/null; then
    wanted=yes
    missing="$missing libopenmpi-dev libxc-dev libopenblas-dev libfftw3-dev gcc python3-dev"
fi
if [ -n "$missing" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    # shellcheck disable=SC2086 # a list of names
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $missing; } >/dev/null ||
        echo "Not installed:$missing; the tests that need them will say so." >&2
fi
if [ -n "$wanted" ]; then
    # Without dependencies: those that it has are in the environment, at the versions that are locked.
    "$python" -m pip install --quiet --disable-pip-version-check --no-input --no-deps $GPAW gpaw-data==1.2.1 2>/dev/null ||
        echo "Not installed: $GPAW; the tests that need it will say so." >&2
fi
# Molecular dynamics on a GPU; here its build for a CPU, for the same calls.
SYMMETRIX=symmetrix-xl==0.1.1
if [ -n "$python" ] && ! "$python" -c "import symmetrix" 2>/dev/null; then
    "$python" -m pip install --quiet --disable-pip-version-check --no-input --no-deps --only-binary :all: $SYMMETRIX \
        2>/dev/null || echo "Not installed: $SYMMETRIX; the tests that need it will say so." >&2
fi
# Faults in the accessibility of a page; MPL-2.0, used by tests alone.
if [ ! -f build/axe-core/axe.min.js ]; then
    AXE=axe-core@4.14.1
    # shellcheck disable=SC2015 # whatever fails, the tests say that it is missing
    command -v npm >/dev/null && mkdir -p build/axe-core &&
        (cd build/axe-core && npm pack --silent $AXE >/dev/null 2>&1 && tar xzf axe-core-*.tgz --strip-components 1) ||
        echo "Not installed: $AXE, which needs npm; the tests that need it will say so." >&2
fi
# Loops that every copy of the repository runs.
[ -z "$python" ] || "$python" -W ignore tests/compile_loops.py 2>/dev/null ||
    echo "Loops are not compiled in advance; the tests take longer." >&2
make --no-print-directory universal 2>/dev/null ||
    echo "Not installed: requirements/universal.txt; the tests that need it will say so." >&2
