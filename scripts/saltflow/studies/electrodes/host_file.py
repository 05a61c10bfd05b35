"""The study of one structure file of a table of hosts: its record, or the sentence that says why there is none."""

import logging
import time
from collections.abc import Mapping
from pathlib import Path

from saltflow.base.errors import SaltflowError
from saltflow.potentials.protocol import MDPotential
from saltflow.studies.electrodes.electrode_study import check_settings, study_electrode
from saltflow.studies.given_crystal import read_crystal

log = logging.getLogger(__name__)


def study_host_file(file: str, potential: MDPotential, *, ion: str, settings: Mapping, folder: Path) -> dict:
    """The electrode of a structure file.

    Args:
        file: of the host; partial occupancies are ordered first.
        potential: of the engine.
        ion: element.
        settings: of `study_electrode`, with vacancies and antisites as element (or pair) → count.
        folder: for structures, trajectories and figures; it exists.

    Returns:
        The record of `study_electrode` with seconds; without voltages where its status says why.
    """
    began = time.perf_counter()
    try:
        check_settings(settings)
        crystal = read_crystal(file, seed=settings["seed"])
        found = study_electrode(crystal, potential, ion=ion, settings=settings, folder=folder)
    except SaltflowError as error:
        status = " ".join(str(error).split())
        log.warning("%s", status)
        found = {"host": None, "ion": ion, "status": status, "mean_voltage_V": None, "plateaus": [], "compositions": []}
    return found | {"seconds": round(time.perf_counter() - began, 1)}
