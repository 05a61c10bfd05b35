"""make plan: what a sweep would run, why, and what it would cost; as a page, as data and in short."""

import argparse
import sys
from pathlib import Path

from engine.dag import SNAKEFILE, load_dag
from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import atomic_write, write_json
from saltflow.campaign.loading import load_campaign
from saltflow.operations.pages import plan_page
from saltflow.operations.plan.calibration import read_calibration
from saltflow.operations.plan.comparison import PLAN
from saltflow.operations.plan.document import PlanRequest, make_plan
from saltflow.operations.plan.terminal import summary

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--directory", type=Path, default=Path())
parser.add_argument("--configfile", nargs="+", default=[])
parser.add_argument("--profile")
asked = parser.parse_args()

words = ["--profile", asked.profile] if asked.profile else []
words += ["--directory", str(asked.directory)] if asked.directory != Path() else []
words += ["--configfile", *asked.configfile] if asked.configfile else []
try:
    dag = load_dag(asked.directory, configfiles=asked.configfile, profile=asked.profile)
    folders = [dag.directory, SNAKEFILE.parent]
    request = PlanRequest(" ".join(["snakemake", *words]), asked.profile, read_calibration(folders))
    plan = make_plan(dag, load_campaign(dag.config, folders=folders), request)
    write_json(dag.directory / PLAN, plan)
    with atomic_write((dag.directory / PLAN).with_suffix(".html")) as page:
        page.write_text(plan_page(plan), encoding="utf-8")
except SaltflowError as error:
    sys.exit(str(error))
print(summary(plan))
