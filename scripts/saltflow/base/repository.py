"""Where the workflow is: the folder that holds Snakefile, rules/, config/ and this library."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
SNAKEFILE = REPOSITORY / "Snakefile"
