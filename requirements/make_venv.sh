#!/bin/sh
# Make a fresh virtual environment from lock files: make_venv.sh PYTHON FOLDER LOCK...
set -eu
python=$1 folder=$2
shift 2

fail() {
    echo "$1" >&2
    exit 1
}

wanted="saltflow needs Python 3.11, 3.12 or 3.13"
command -v "$python" >/dev/null ||
    fail "$wanted, and there is no $python here: install one, or say where it is, as in: make demo PYTHON=python3.12"
"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' ||
    fail "$wanted, and $python is $("$python" -V 2>&1): say where another is, as in: make demo PYTHON=python3.12"
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "$python cannot make virtual environments: on Debian and Ubuntu run 'apt-get install python3-venv'."

echo "Making $folder from $*: a minute or two, once." >&2
"$python" -m venv --clear "$folder"
for lock in "$@"; do
    set -- "$@" --requirement "$lock"
    shift
done
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --no-compile --use-pep517 "$@"

# The command. The library is not installed: the jobs of a sweep import the one beside their rules.
here=$(cd "$(dirname "$0")/.." && pwd)
cat >"$folder/bin/saltflow" <<LAUNCHER
#!/bin/sh
exec "$(cd "$folder" && pwd)/bin/python" -c 'import sys; sys.path.insert(0, sys.argv.pop(1)); import saltflow.__main__' \\
    "$here/scripts" "\$@"
LAUNCHER
chmod +x "$folder/bin/saltflow"
