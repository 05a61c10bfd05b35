"""make ranking: every composition of the table with its status, while the sweep runs or not; reads files alone."""

import argparse
import sys
from pathlib import Path

from saltflow.configfiles import read_configuration
from saltflow.errors import SaltflowError
from saltflow.ranking import in_words, rank
from saltflow.ranking_so_far import read_so_far
from saltflow.targets import load_campaign


def main() -> None:
    """Read what is finished and print the ranking."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", type=Path, default=Path(), help="working directory of the sweep")
    parser.add_argument("--configfile", nargs="+", default=[], help="as for snakemake")
    asked = parser.parse_args()
    repository = Path(__file__).resolve().parents[1]
    try:
        campaign = load_campaign(read_configuration(asked.configfile), folders=[asked.directory, repository])
        literature = {name: campaign.literature(name) for name in campaign.compositions}
        print(in_words(rank(*read_so_far(campaign, asked.directory), literature=literature)))
    except SaltflowError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
