"""The stages after the hull, each only where it is asked for: phonons, moduli, barriers, dynamics."""

import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from ase import Atoms

from saltflow.base.errors import InputError, SaltflowError
from saltflow.campaign.family import FEWEST_TEMPERATURES
from saltflow.potentials.protocol import MDPotential
from saltflow.studies.barriers.barrier_ranking import DIMENSIONS
from saltflow.studies.barriers.barrier_study import study_barriers
from saltflow.studies.barriers.crystal_study import study_settings
from saltflow.studies.mechanics.mechanics_study import UNSTABLE, study_mechanics
from saltflow.studies.screening.funnel import BARRIERS, SIGMA, Outcome, Study
from saltflow.studies.survivors.ion_dynamics import study_dynamics
from saltflow.studies.survivors.phonon_study import IMAGINARY_THz, study_phonons, verdict

ELASTIC = {"strains": (0.005, 0.01), "force_eV_A": 0.01, "steps": 1000, "glass": False}

Found = tuple[dict[str, str], str]


def check_settings(settings: Mapping) -> None:
    """Refuse limits that nothing meets.

    Raises:
        InputError: naming the option.
    """
    if (limit_eV := settings["barrier_eV"]) is not None and not limit_eV > 0:
        raise InputError(["--barriers-below has to be above 0; correct it."])
    temperatures_K = settings["temperatures_K"]
    if temperatures_K and (len(set(temperatures_K)) < FEWEST_TEMPERATURES or min(temperatures_K) <= 0):
        raise InputError([f"--md needs {FEWEST_TEMPERATURES} temperatures or more; give such as 600,800,1000."])
    if not settings["md_ps"] > 0:
        raise InputError(["--md-ps has to be above 0; correct it."])


def studies_of(settings: Mapping) -> tuple[Study, ...]:
    """Name, criterion and columns of the stages that are asked for; they cannot run.

    Args:
        settings: phonons and elastic (whether), barrier_eV (highest that passes) and temperatures_K (of dynamics), None
            for no such stage.
    """
    return _studies(settings, lambda study: _no_study)


def runnable(potential: MDPotential, *, mobile: str, settings: Mapping, folder: Path) -> tuple[Study, ...]:
    """The stages that are asked for, cheapest first.

    Args:
        potential: of the engine.
        mobile: element.
        settings: of `studies_of`; md_ps (length of a run), barriers (the section of the settings), seed, potential and
            potential_sha256.
        folder: for a folder of each stage, which holds numbers, so that nothing is computed again.
    """

    def bound(study: Callable) -> Callable[[str, Atoms], Outcome]:
        return partial(_told, partial(study, potential=potential, mobile=mobile, settings=settings, folder=folder))

    return _studies(settings, bound)


def _studies(settings: Mapping, bound: Callable) -> tuple[Study, ...]:
    limit_eV, temperatures_K = settings["barrier_eV"], settings["temperatures_K"]
    found = []
    if settings["phonons"]:
        criterion = f"no mode below {-IMAGINARY_THz:g}i THz"
        found.append(Study("phonons", criterion, ("lowest_phonon_THz",), bound(_phonons)))
    if settings["elastic"]:
        columns = ("bulk_GPa", "shear_GPa", "youngs_GPa", "elastic_status")
        found.append(Study("elastic moduli", "every strain costs energy", columns, bound(_elastic)))
    if limit_eV is not None:
        criterion = f"a path in one dimension below {limit_eV:g} eV"
        found.append(Study("barriers", criterion, BARRIERS, bound(_barriers)))
    if temperatures_K:
        columns = ("Ea_MD_eV", "Ea_MD_err_eV", SIGMA)
        criterion = f"ions diffuse at {FEWEST_TEMPERATURES} temperatures or more"
        found.append(Study("dynamics", criterion, columns, bound(_dynamics)))
    return tuple(found)


def _no_study(name: str, cell: Atoms) -> Outcome:
    raise SaltflowError(f"{name} is studied by another job.")


def _told(study: Callable[[str, Atoms], Found], name: str, cell: Atoms) -> Outcome:
    began = time.perf_counter()
    try:
        values, reason = study(name, cell)
    except SaltflowError as error:
        values, reason = {}, "not studied: " + " ".join(str(error).split())
    return Outcome(values, reason, time.perf_counter() - began)


def _phonons(name: str, cell: Atoms, *, potential: MDPotential, settings: Mapping, folder: Path, **_) -> Found:
    found = study_phonons(cell, potential, settings=settings, path=_made(folder / "phonons") / f"{name}.json")
    reason = f"imaginary modes: {verdict(found)}" if found["lowest_THz"] < IMAGINARY_THz else ""
    return {"lowest_phonon_THz": f"{found['lowest_THz']:.3f}"}, reason


def _elastic(name: str, cell: Atoms, *, potential: MDPotential, settings: Mapping, folder: Path, **_) -> Found:
    chosen = ELASTIC | {key: settings[key] for key in ("potential", "potential_sha256")}
    found = study_mechanics(cell, potential, settings=chosen, folder=_made(folder / "elastic" / name))
    moduli = found.get("moduli", {})
    values = {key: f"{moduli[key]:.2f}" for key in ("bulk_GPa", "shear_GPa", "youngs_GPa") if key in moduli}
    reason = "a strain lowers the energy" if found["status"] == UNSTABLE else ""
    return values | {"elastic_status": found["status"]}, reason


def _barriers(name: str, cell: Atoms, *, potential: MDPotential, mobile: str, settings: Mapping, folder: Path) -> Found:
    chosen = study_settings(settings["barriers"]) | {key: settings[key] for key in ("potential", "potential_sha256")}
    found = study_barriers(cell, potential, mobile=mobile, settings=chosen, folder=_made(folder / "barriers" / name))
    lowest_eV = {key: each["barrier_eV"] for key, each in found["percolation"].items() if each}
    values = {f"barrier_{key}_eV": f"{lowest_eV[key]:.4f}" for key in DIMENSIONS if key in lowest_eV}
    if not lowest_eV:
        return values, "no path crosses the crystal"
    above = lowest_eV["1D"] > settings["barrier_eV"]
    return values, f"barrier too high: {lowest_eV['1D']:.3f} eV" if above else ""


def _dynamics(name: str, cell: Atoms, *, potential: MDPotential, mobile: str, settings: Mapping, folder: Path) -> Found:
    fit = study_dynamics(cell, potential, mobile=mobile, settings=settings, path=_made(folder / "md") / f"{name}.json")
    if fit["Ea_eV"] is None:
        return {}, f"no activation energy: {fit['status']}"
    values = {"Ea_MD_eV": f"{fit['Ea_eV']['value']:.4f}", SIGMA: f"{fit['sigma_S_cm']:.3e}"}
    return values | {"Ea_MD_err_eV": f"{fit['Ea_eV']['error']:.4f}"}, ""


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
