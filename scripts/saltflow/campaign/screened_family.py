"""The family that a sweep screens: its file and its potential, checked before anything runs."""

import math
import os.path
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from saltflow.base.errors import InputError
from saltflow.campaign.crystal_view import CrystalView
from saltflow.campaign.crystals_table import CrystalRow
from saltflow.campaign.family import Family, read_family
from saltflow.campaign.settings.families import Screening

KEY = "screening.family_path"


@dataclass(frozen=True)
class ScreenedFamily:
    """A family as the rules of screening ask about it; all that it hands to a rule is plain builtins.

    family: of the file. settings: of the section. driver: its potential, as that of a crystal.
    """

    family: Family
    settings: Screening
    view: CrystalView

    @property
    def files(self) -> list[str]:
        """All files that it is built of, the family's own first."""
        return [self.view.structure_file, *map(str, self.family.files)]

    @property
    def relaxations(self) -> int:
        """Jobs that share the relaxations."""
        return max(1, math.ceil(self.family.most_members / self.settings.members_per_job))

    @property
    def studies(self) -> int:
        """Jobs that share the survivors; none where no stage follows the hull."""
        funnel = self.family.funnel
        return self.settings.study_jobs if any(funnel[key] for key in OF_STUDIES) else 0

    @property
    def relaxing(self) -> dict:
        """What of the funnel changes a relaxed crystal."""
        return {key: self.family.funnel[key] for key in ("force_eV_A", "steps", "batch_atoms")}


OF_STUDIES = ("phonons", "elastic", "barrier_eV", "temperatures_K")


def named_family(settings: Screening, *, potentials: Collection[str], universal: Collection[str]) -> Family | None:
    """The family of the settings; None without one.

    Args:
        settings: of the section.
        potentials: names of potentials.tsv.
        universal: names of universal potentials.

    Raises:
        InputError: its file or its potential is not there, or wrong.
    """
    if settings.family_path is None:
        return None
    path, potential = settings.family_path, settings.potential
    if not os.path.isfile(path):
        raise InputError([f"{KEY}: there is no file '{path}'; correct its path."])
    if potential not in potentials and potential not in universal:
        if not potential or not os.path.isfile(potential):
            names = ", ".join([*potentials, *universal])
            shown = f"'{potential}' is no potential" if potential else "no potential is named"
            raise InputError([f"screening.potential: {shown}; name a released model file, or take {names}."])
        if not Path(potential).with_suffix(".json").is_file():
            raise InputError([f"screening.potential: '{potential}' has no release record beside it; add it."])
    return read_family(Path(path))


def row_of(family: Family, settings: Screening) -> CrystalRow:
    """What a family has in common with a crystal: a file, a mobile ion and a potential."""
    return CrystalRow("family", str(settings.family_path), family.mobile, str(settings.potential), "")
