"""Elastic constants and moduli of one cell: relaxed, strained in six directions, relaxed again at every strain."""

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import ase.io
import numpy as np
import torch
from ase import Atoms
from ase.stress import full_3x3_to_voigt_6_stress
from ase.units import GPa

from saltflow.base.errors import InputError, SaltflowError
from saltflow.base.provenance import atomic_write, digest
from saltflow.materials.density import density_g_cm3
from saltflow.potentials.protocol import MDPotential, stack
from saltflow.statistics.jackknife import mean_and_error
from saltflow.studies.kept_numbers import kept_numbers
from saltflow.studies.mechanics.elastic_tensor import ElasticTensor, fit_tensor, strained
from saltflow.studies.mechanics.figure import plot_stresses
from saltflow.studies.mechanics.moduli import Moduli, bounds, hill, of_directions, universal_anisotropy
from saltflow.studies.relaxation.batched_evaluation import BatchedEvaluation
from saltflow.studies.relaxation.relaxed_cells import relax_cells
from saltflow.studies.relaxation.relaxed_states import RelaxedState, relax

OK, NOT_RELAXED, NOT_LINEAR, UNSTABLE = "ok", "not relaxed", "beyond the elastic range", "unstable"
LARGEST_STRAIN = 0.05
ISOTROPIC_WITHIN = 0.5  # universal anisotropy of a cell of glass
# In Voigt's order.
AXES = ("xx", "yy", "zz", "yz", "xz", "xy")

log = logging.getLogger(__name__)


def check_settings(settings: Mapping) -> None:
    """Refuse strains that no solid bears and limits that nothing meets.

    Raises:
        InputError: naming the option.
    """
    strains = settings["strains"]
    if not strains or len(set(strains)) < len(strains) or not all(0 < each <= LARGEST_STRAIN for each in strains):
        raise InputError(
            [f"--strains has to list different values in (0, {LARGEST_STRAIN:g}]; give such as 0.005,0.01."]
        )
    if not settings["force_eV_A"] > 0 or not settings["steps"] > 0:
        raise InputError(["--force and --steps have to be above 0; correct them."])


def study_mechanics(given: Atoms, potential: MDPotential, *, settings: Mapping, folder: Path) -> dict:
    """Elastic constants and moduli at 0 K; directions that the folder holds are not computed again.

    Args:
        given: ordered cell of a crystal, or of a glass.
        potential: of the engine.
        settings: strains, force_eV_A, steps, glass (whether all directions are alike), potential (its name), and what
            else tells one potential from another.
        folder: for the relaxed cell, the stresses and the figure; it exists.

    Returns:
        The record, JSON-able.

    Raises:
        InputError: a strain that was asked for is none.
        SaltflowError: the potential lacks an element, or the cell becomes unphysical.
    """
    formula = str(given.symbols.formula.reduce()[0])
    potential.check_elements(given.numbers, composition=formula)
    limits = {name: settings[name] for name in ("force_eV_A", "steps")}
    (cell,) = relax_cells([given], BatchedEvaluation(potential), **limits)
    if not cell.is_physical:
        raise SaltflowError(f"{formula} becomes unphysical when it is relaxed; use another potential or structure.")
    log.info("%s is relaxed: volume %+.1f %%, %.3f GPa left.", formula, 100 * cell.volume_change, cell.residual_GPa)
    with atomic_write(folder / "relaxed.extxyz") as temporary:
        ase.io.write(temporary, cell.atoms, format="extxyz")
    stresses_GPa, all_relaxed = _stresses(cell.atoms, potential, settings, folder, formula)
    tensor = fit_tensor(stresses_GPa, settings["strains"])
    is_relaxed = all_relaxed and cell.is_converged(settings["force_eV_A"])
    status = _status(tensor, is_relaxed=is_relaxed)
    title = f"{formula} by {Path(settings['potential']).name}: {status}"
    plot_stresses(stresses_GPa, tensor, folder / "mechanics.svg", title=title)
    return {
        "formula": formula,
        "atoms": len(given),
        "status": status,
        "evaluated_by": potential.evaluated_by,
        "density_g_cm3": density_g_cm3(cell.atoms),
        "relaxation": {
            "volume_change": cell.volume_change,
            "residual_stress_GPa": cell.residual_GPa,
            "largest_force_eV_A": cell.force_eV_A,
        },
        "elastic_constants_GPa": tensor.constants_GPa.tolist(),
        "asymmetry_GPa": tensor.asymmetry_GPa,
        "nonlinearity": tensor.nonlinearity,
        **(_moduli(tensor.constants_GPa, is_glass=settings["glass"]) if tensor.is_stable else {}),
    }


def _stresses(
    cell: Atoms, potential: MDPotential, settings: Mapping, folder: Path, formula: str
) -> tuple[dict[tuple[int, float], np.ndarray], bool]:
    """(direction, strain) → stress in GPa, and whether the atoms of every strained cell came to rest."""
    strains = [sign * strain for strain in settings["strains"] for sign in (1, -1)]
    made_by = {name: value for name, value in settings.items() if name != "glass"}
    places = [each.round(4).tolist() for each in (cell.cell.array, cell.positions)]
    key = digest([made_by, str(cell.symbols), *places])
    evaluation = BatchedEvaluation(potential)

    def strain_along(direction: int) -> dict:
        states = [strained(cell, direction, strain) for strain in strains]
        relaxed = relax(states, evaluation, force_eV_A=settings["force_eV_A"], steps=settings["steps"])
        if not np.isfinite([state.energy_eV for state in relaxed]).all():
            raise SaltflowError(f"{formula} becomes unphysical under strain; give smaller --strains.")
        return _rows(relaxed, strains, potential)

    stresses_GPa, all_relaxed = {}, True
    for direction, axes in enumerate(AXES):
        kept = kept_numbers(folder / f"stresses_{axes}.json", partial(strain_along, direction), key=key)
        log.info("%s of %s directions are strained.", direction + 1, len(AXES))
        all_relaxed &= kept["relaxed"]
        stresses_GPa |= {(direction, row["strain"]): np.array(row["stress_GPa"]) for row in kept["rows"]}
    return stresses_GPa, all_relaxed


def _rows(states: Sequence[RelaxedState], strains: Sequence[float], potential: MDPotential) -> dict:
    numbers, system, positions, boxes = stack([state.atoms for state in states])
    at = [torch.as_tensor(each, device=potential.device) for each in (positions, boxes)]
    stresses = potential.on(numbers, system).evaluate(*at).stresses.double().cpu().numpy() / GPa
    return {
        "relaxed": all(state.is_converged for state in states),
        "rows": [
            {"strain": strain, "stress_GPa": full_3x3_to_voigt_6_stress(stress).tolist()}
            for strain, stress in zip(strains, stresses, strict=True)
        ],
    }


def _status(tensor: ElasticTensor, *, is_relaxed: bool) -> str:
    if not is_relaxed:
        return NOT_RELAXED
    if not tensor.is_stable:
        return UNSTABLE
    return OK if tensor.is_linear else NOT_LINEAR


def _moduli(constants_GPa: np.ndarray, *, is_glass: bool) -> dict:
    """Of a crystal in all orientations, with its bounds; of a glass the mean over directions, with its error."""
    anisotropy = universal_anisotropy(constants_GPa)
    if not is_glass:
        upper, lower = bounds(constants_GPa)
        return {
            "moduli": hill(constants_GPa).record(),
            "voigt": upper.record(),
            "reuss": lower.record(),
            "universal_anisotropy": anisotropy,
        }
    bulk, shear = (mean_and_error(values) for values in of_directions(constants_GPa))
    return {
        "moduli": Moduli(float(bulk[0]), float(shear[0])).record(),
        "errors_over_directions": {"bulk_GPa": float(bulk[1]), "shear_GPa": float(shear[1])},
        "universal_anisotropy": anisotropy,
        "isotropic": bool(anisotropy <= ISOTROPIC_WITHIN),
    }
