"""What all rules share: the campaign, the patterns of wildcards, and how a rule asks about its job.

REQUIRED: the configuration, already loaded by the Snakefile.
DEFINES: campaign; spec, the row of each rule in the registry; ask, and the questions that most rules ask
         (scripts/engine/wiring.py): composition("…"), section("…"), potential("…"), generation("…"), group("…").
"""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(workflow.basedir, "scripts")))

from engine.lifecycle import end_run, read_campaign, start_run
from engine.reporting import shown
from engine.wiring import Wiring, code_of
from saltflow.base.tables import SAFE_NAME
from saltflow.campaign.settings import MODES
from saltflow.campaign.sweep_facts import sweep_facts
from saltflow.operations.rules import RULE as spec

campaign = read_campaign(workflow, config)
ask = Wiring(campaign, workflow)
composition, section, its_potential = ask.composition, ask.section, ask.its_potential
potential, generation, group = ask.potential, ask.generation, ask.group
resources = ask.resources()


onstart:
    start_run(workflow)


onsuccess:
    end_run(well=True)


onerror:
    end_run(well=False)


wildcard_constraints:
    # Not the ids one by one: with hundreds of them Snakemake would plan a fifth more slowly.
    composition=SAFE_NAME.pattern,
    structure=SAFE_NAME.pattern,
    electrode=SAFE_NAME.pattern,
    excluded=SAFE_NAME.pattern,
    potential="|".join(map(re.escape, campaign.potentials)),
    reference="|".join(map(re.escape, campaign.settings.references)),
    element="[A-Z][a-z]?",
    mode="|".join(mode for mode in MODES if mode != "free"),
    temperature=r"\d+",
    replica=r"\d+",
    generation=r"\d+",
    chunk=r"\d+",
    member=r"\d+",
    part=r"\d+",
