"""make status: how far each composition is; reads files alone, so it may be asked at any time."""

import argparse
import sys
from pathlib import Path

from saltflow.base.errors import SaltflowError
from saltflow.campaign.loading import load_campaign
from saltflow.campaign.config_files import read_configuration
from saltflow.operations.status import in_words, read_status


def main() -> None:
    """Read the sweep and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", type=Path, default=Path(), help="working directory of the sweep")
    parser.add_argument("--configfile", nargs="+", default=[], help="as for snakemake")
    parser.add_argument("--all", action="store_true", help="also what has not started, and every failure")
    asked = parser.parse_args()
    repository = Path(__file__).resolve().parents[1]
    try:
        campaign = load_campaign(read_configuration(asked.configfile), folders=[asked.directory, repository])
    except SaltflowError as error:
        sys.exit(str(error))
    print(in_words(read_status(campaign, asked.directory), everything=asked.all))


if __name__ == "__main__":
    main()
