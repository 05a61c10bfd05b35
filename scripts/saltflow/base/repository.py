"""The folder of the workflow: Snakefile, rules/, config/ and this library."""

import sysconfig
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[3]
_INSTALLED = Path(sysconfig.get_path("data"), "share/saltflow")  # pip puts the settings there, and no Snakefile
REPOSITORY = _CHECKOUT if (_CHECKOUT / "Snakefile").is_file() else _INSTALLED
SNAKEFILE = REPOSITORY / "Snakefile"
