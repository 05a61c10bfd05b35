"""Pack one composition with all that it was made from into one file, and see that it is complete elsewhere."""

import argparse
import sys
from pathlib import Path

from engine.dag import load_dag
from saltflow.base.errors import SaltflowError
from saltflow.operations.archive.archiving import archive_composition


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", default=".", help="of the sweep")
    parser.add_argument("--configfile", nargs="+", default=[], help="as for snakemake")
    parser.add_argument("--profile", help="as for snakemake")
    parser.add_argument("--composition", required=True, help="its id")
    asked = parser.parse_args()
    sweep, repository = Path(asked.directory).resolve(), Path(__file__).resolve().parents[1]
    dag = load_dag(sweep, configfiles=asked.configfile, profile=asked.profile)
    archive, files = archive_composition(asked.composition, dag, sweep=sweep, repository=repository)
    print(f"{archive}: {files} files, {archive.stat().st_size / 1e9:.3f} GB.")
    print("Unpacked elsewhere, every hash is right and Snakemake finds nothing to do.")


if __name__ == "__main__":
    try:
        main()
    except SaltflowError as error:
        sys.exit(str(error))
