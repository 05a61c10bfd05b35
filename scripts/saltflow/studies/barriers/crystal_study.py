"""The study of one structure file of a table: its record, or the sentence that says why there is none."""

import logging
import time
from collections.abc import Mapping
from pathlib import Path

from saltflow.base.errors import SaltflowError
from saltflow.potentials.protocol import MDPotential
from saltflow.studies.barriers.barrier_ranking import NO_PATH, OK
from saltflow.studies.barriers.barrier_study import study_barriers
from saltflow.studies.barriers.figures import plot_profiles
from saltflow.studies.given_crystal import read_crystal

PER_CM3 = 1e21  # 1 per nm³

log = logging.getLogger(__name__)


def study_file(file: str, potential: MDPotential, *, mobile: str, settings: Mapping, folder: Path) -> dict:
    """Barriers of the mobile ion of a structure file.

    Args:
        file: of the structure; partial occupancies are ordered first.
        potential: of the engine.
        mobile: element.
        settings: of the section `barriers`, and what tells one potential from another.
        folder: for the paths and profiles.svg; it exists.

    Returns:
        The record of `study_barriers` with a status and seconds; without hops where the status says why.
    """
    began = time.perf_counter()
    chosen = study_settings(settings)
    try:
        crystal = read_crystal(file, seed=chosen["seed"])
        found = study_barriers(crystal, potential, mobile=mobile, settings=chosen, folder=folder)
    except SaltflowError as error:
        status = " ".join(str(error).split())
        log.warning("%s", status)
        plot_profiles([], folder / "profiles.svg", title=folder.name)
        nowhere = dict.fromkeys(("1D", "2D", "3D"))
        found = {"formula": None, "status": status, "hops": [], "percolation": nowhere, "diffusion": []}
    else:
        found["status"] = OK if found["percolation"]["1D"] else NO_PATH
    return found | {"seconds": round(time.perf_counter() - began, 1)}


def study_settings(settings: Mapping) -> dict:
    """The section `barriers` as `study_barriers` wants it."""
    chosen = dict(settings)
    chosen["end_steps"] = chosen["band_steps"] = chosen.pop("steps")
    chosen["carriers_per_cm3"] = chosen.pop("carriers_per_nm3") * PER_CM3
    return chosen
