"""A folder with the tables of a small campaign and a configuration to change."""

import copy
from pathlib import Path

import pytest

from saltflow.base.errors import InputError
from saltflow.campaign.campaign import Campaign
from saltflow.campaign.config_files import read_configuration
from saltflow.campaign.loading import load_campaign

SHIPPED = read_configuration([])
COMPOSITIONS = """id	formula	host	\
salt	mobile_ion	oxidation_states	\
family	potential	start	density_g_cm3	density_basis	\
sigma_mS_cm	sigma_temperature_C	sigma_origin	Ea_eV	Ea_origin	source	note
LiAlCl4	LiAlCl4	-	-	Li	Li:+1 Al:+3 Cl:-1	\
chloride	aluminium	pack	1.7	guess	-	-	-	-	-	for the test	-
2LiCl-ZrCl4	Li2ZrCl6	ZrCl4	2 LiCl	Li	Li:+1 Zr:+4 Cl:-1	\
chloride	zirconium	pack	2.0	guess	-	-	-	-	-	for the test	-
LiCl	LiCl	-	-	Li	Li:+1 Cl:-1	\
salt	zirconium	none	2.16	experiment	0.1	30	recalled	-	-	for the test	-
"""
POTENTIALS = """\
name	foundation	foundation_sha256	reference	compositions	note
base	none	-	gfn1-xtb	LiAlCl4 2LiCl-ZrCl4	from scratch
aluminium	base	-	gfn1-xtb	LiAlCl4	fine-tuned
both	base	-	gfn1-xtb	LiAlCl4 2LiCl-ZrCl4	fine-tuned
zirconium	both	-	gfn1-xtb	LiAlCl4 2LiCl-ZrCl4	fine-tuned twice
unused	none	-	gfn1-xtb	LiAlCl4	nothing needs it
"""


class Project:
    """A folder with tables and a configuration to change."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.config = copy.deepcopy(SHIPPED)
        self.config["tables"] = {
            name: str(folder / f"{name}.txt") for name in ("compositions", "potentials", "overrides")
        }
        self.write(compositions=COMPOSITIONS, potentials=POTENTIALS, overrides="")

    def write(self, **tables: str) -> None:
        for name, text in tables.items():
            (self.folder / f"{name}.txt").write_text(text)

    def load(self) -> Campaign:
        return load_campaign(self.config)

    def problems(self) -> list[str]:
        with pytest.raises(InputError) as caught:
            self.load()
        return caught.value.problems
