"""Print the JSON schema of config.yaml."""

import json

from saltflow.campaign.settings.schema import json_schema

print(json.dumps(json_schema(), indent=2))
