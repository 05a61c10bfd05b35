"""make approve: keep the plan of a sweep as the approved one, to compare the next one with."""

import argparse
import sys
from pathlib import Path

from saltflow.base.errors import SaltflowError
from saltflow.operations.plan.comparison import APPROVED, approve

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--directory", type=Path, default=Path())
directory = parser.parse_args().directory
try:
    plan = approve(directory)
except SaltflowError as error:
    sys.exit(str(error))
print(f"Plan {plan['approved_digest']} of {plan['made']} is approved by {plan['approved_by']}: {directory / APPROVED}")
