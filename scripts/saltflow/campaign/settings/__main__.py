"""Print the JSON schema of config.yaml; with --write, write it and the tables of config/README.md."""

import argparse
import json

from saltflow.base.repository import REPOSITORY
from saltflow.campaign.settings.readme import readme
from saltflow.campaign.settings.schema import json_schema

parser = argparse.ArgumentParser(prog="python -m saltflow.campaign.settings", description=__doc__)
parser.add_argument("--write", action="store_true", help="write config/config.schema.json and config/README.md")
schema = json.dumps(json_schema(), indent=2, ensure_ascii=False)
if parser.parse_args().write:
    page = REPOSITORY / "config/README.md"
    page.write_text(readme(page.read_text()))
    (REPOSITORY / "config/config.schema.json").write_text(schema + "\n")
else:
    print(schema)
