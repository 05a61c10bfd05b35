"""make ranking: every composition of the table with its status, while the sweep runs or not; reads files alone."""

import argparse
import sys
from pathlib import Path

from saltflow.analysis.ranking.ranking import in_words, rank
from saltflow.analysis.ranking.so_far import read_so_far
from saltflow.base.errors import SaltflowError
from saltflow.campaign.loading import load_campaign
from saltflow.campaign.config_files import read_configuration


def main() -> None:
    """Read what is finished and print the ranking."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", type=Path, default=Path(), help="working directory of the sweep")
    parser.add_argument("--configfile", nargs="+", default=[], help="as for snakemake")
    asked = parser.parse_args()
    repository = Path(__file__).resolve().parents[1]
    try:
        campaign = load_campaign(read_configuration(asked.configfile), folders=[asked.directory, repository])
        literature = {name: campaign.composition(name).literature for name in campaign.compositions}
        print(in_words(rank(*read_so_far(campaign, asked.directory), literature=literature)))
    except SaltflowError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
