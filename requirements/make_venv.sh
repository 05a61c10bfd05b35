#!/bin/sh
# Make a fresh virtual environment from lock files: make_venv.sh PYTHON FOLDER LOCK...
set -eu
python=$1 folder=$2
shift 2

fail() {
    echo "$1" >&2
    exit 1
}

command -v "$python" >/dev/null ||
    fail "saltflow needs Python 3.11 or newer, and there is no $python here: install it, or say where it is with PYTHON=..."
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "saltflow needs Python 3.11 or newer, and $python is $("$python" -V 2>&1): say where a newer one is with PYTHON=..."
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "$python cannot make virtual environments: on Debian and Ubuntu run 'apt-get install python3-venv'."

echo "Making $folder from $*: a minute or two, once." >&2
"$python" -m venv --clear "$folder"
for lock in "$@"; do
    set -- "$@" --requirement "$lock"
    shift
done
exec "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-input "$@"
