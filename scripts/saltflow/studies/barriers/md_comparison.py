"""Molecular dynamics of a crystal beside its graph of hops: which hops happened, and the activation energy."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from ase import Atoms

from saltflow.base.errors import SaltflowError
from saltflow.studies.barriers.barrier_ranking import OK
from saltflow.studies.barriers.hop_classes import HopClass, find_hops
from saltflow.studies.barriers.md_hops import core_radius_A, count_hops, find_md_hops, is_concerted
from saltflow.studies.given_crystal import read_crystal
from saltflow.studies.mobile_sites import MobileSites, find_sites
from saltflow.trajectory.chunks import FRACTIONAL, frame_chunks, framework_weights
from saltflow.trajectory.memory import TrajectoryReader
from saltflow.trajectory.state_point import open_state_point

MOST_OFF_A = 1.0  # framework atoms lie on average within this of the sites of the crystal
LENGTH_A = 0.1  # classes of the file and of the relaxed crystal are alike within this
SHORTEST_STAY_PS = 0.5  # a shorter look into another site is no hop


def map_state_point(
    runs: Sequence[TrajectoryReader], sites: MobileSites, classes: Sequence[HopClass], *, temperature_K: float
) -> dict:
    """Hops of the replicas of a state point by class.

    Args:
        runs: of the same crystal.
        sites, classes: of its unit cell.
        temperature_K: of the dynamics.

    Returns:
        temperature_K, ion_ps (ions × time), hops, concerted, of which in classes and missed (of `count_hops`), and
        between_cores, the fraction of ions × frames near no site.

    Raises:
        SaltflowError: the trajectory is of no supercell of the crystal, or its framework is another.
    """
    neighbour_A = max(each.length_A for each in classes)
    by_class = {each.name: {"hops": 0, "concerted": 0} for each in classes}
    missed: Counter = Counter()
    together: Counter = Counter()
    ion_ps, between, all_hops, all_concerted = 0.0, [], 0, 0
    for run in runs:
        supercell = supercell_of(run, sites)
        places = ion_places(run, sites, supercell)
        interval_ps = float(np.median(np.diff(run.times_ps))) if run.n_frames > 1 else 0.0
        stay = max(1, round(SHORTEST_STAY_PS / interval_ps)) if interval_ps else 1
        cell_A = np.linalg.inv(supercell) @ np.mean(run.cells_A, axis=0)
        hops, nowhere = find_md_hops(places, sites, cell_A, shortest_stay=stay)
        concerted = is_concerted(hops, sites, supercell, neighbour_A=neighbour_A)
        found, absent = count_hops(hops, concerted, sites, classes)
        for name, each in found.items():
            by_class[name] = {key: by_class[name][key] + each[key] for key in each}
        for each in absent:
            key = (*each["sites"], each["length_A"])
            missed[key] += each["hops"]
            together[key] += each["concerted"]
        ion_ps += places.shape[1] * interval_ps * (run.n_frames - 1)
        between.append(nowhere)
        all_hops, all_concerted = all_hops + len(hops), all_concerted + sum(concerted)
    return {
        "temperature_K": temperature_K,
        "ion_ps": ion_ps,
        "hops": all_hops,
        "concerted": all_concerted,
        "classes": by_class,
        "missed": [
            {"sites": list(key[:2]), "length_A": key[2], "hops": number, "concerted": together[key]}
            for key, number in missed.most_common()
        ],
        "between_cores": float(np.mean(between)) if between else None,
        "core_A": core_radius_A(sites, sites.cell),
    }


def graph_of(crystal: Atoms, mobile: str, record: Mapping) -> tuple[MobileSites, list[HopClass]]:
    """Sites and classes of hops of a crystal as its file has it, with the names that they have in a record.

    Raises:
        SaltflowError: the record has other classes: it is of voids, or the crystal relaxes far.
    """
    if not record["hops"]:
        raise SaltflowError(record["status"])
    if record["mechanism"] != "vacancy":
        raise SaltflowError(f"Hops of MD are mapped for vacancies, not by {record['mechanism']}.")
    sites = find_sites(crystal, mobile, voids=False)
    longest = max((hop["length_A"] for hop in record["hops"]), default=0.0)
    classes = find_hops(sites, r_max_A=longest + LENGTH_A) if longest else []
    listed = [(hop["multiplicity"], hop["length_A"]) for hop in record["hops"]]
    for known, (number, length_A) in zip(classes, listed, strict=False):
        if len(known.members) != number or abs(known.length_A - length_A) > LENGTH_A:
            break
    else:
        if len(classes) >= len(listed) > 0:
            return sites, classes[: len(listed)]
    raise SaltflowError("The crystal relaxes so far that its hops are not those of its file; MD is not mapped.")


def supercell_of(run: TrajectoryReader, sites: MobileSites) -> np.ndarray:
    """The cell of a trajectory in units of the unit cell, integers, shape (3, 3).

    Raises:
        SaltflowError: it is no whole number of them.
    """
    cells = len(run.symbols) / len(sites.crystal)
    scale = (abs(np.linalg.det(run.cells_A[0])) / cells / sites.crystal.cell.volume) ** (1 / 3)
    supercell = np.round(np.asarray(run.cells_A[0]) @ np.linalg.inv(sites.cell) / scale)
    if abs(abs(np.linalg.det(supercell)) - cells) > 1e-6:
        raise SaltflowError(
            f"The cell of MD, {len(run.symbols)} atoms, is no supercell of the crystal of {len(sites.crystal)}; take "
            "the same file as start of the composition."
        )
    return supercell


def ion_places(run: TrajectoryReader, sites: MobileSites, supercell: np.ndarray) -> np.ndarray:
    """Unwrapped coordinates of the mobile ions in units of the unit cell, on the framework of the crystal.

    The drift of the framework is removed, and its mean lies on the framework of the crystal.

    Returns:
        shape (frames, ions, 3).

    Raises:
        SaltflowError: the framework is another, or has melted.
    """
    is_mobile = np.array(run.symbols) == sites.mobile
    places, framework = [], np.zeros((int(np.count_nonzero(~is_mobile)), 3))
    weights = framework_weights(run, sites.mobile)
    for chunk in frame_chunks(run, range(run.n_frames), basis_A=FRACTIONAL, drift_weights=weights):
        coordinates = chunk.coordinates @ supercell
        places.append(coordinates[:, is_mobile])
        framework += coordinates[:, ~is_mobile].sum(axis=0)
    symbols = np.array(run.symbols)[~is_mobile]
    return np.concatenate(places) - _offset(framework / run.n_frames, symbols, sites)


def _offset(framework: np.ndarray, symbols: np.ndarray, sites: MobileSites) -> np.ndarray:
    """Where the origin of the crystal is, in units of the unit cell, shape (3,).

    Every site of the first framework atom's element is tried; then the mean distance is least.
    """
    crystal = sites.crystal
    own = np.array(crystal.get_chemical_symbols())
    known = crystal.get_scaled_positions()
    tries = []
    for site in known[own == symbols[0]]:
        offset = framework[0] - site
        for _ in range(2):  # the first atom may vibrate far; then by all of them
            off = _off_sites(framework - offset, symbols, known, own, sites.cell)
            offset = offset + off.mean(axis=0)
        distance = np.linalg.norm(_off_sites(framework - offset, symbols, known, own, sites.cell) @ sites.cell, axis=1)
        shift = np.linalg.norm((offset - np.round(offset)) @ sites.cell)
        tries.append((round(float(distance.mean()), 3), float(shift), offset))
    mean_A, _, offset = min(tries, key=lambda each: each[:2])
    if mean_A > MOST_OFF_A:
        raise SaltflowError(
            f"The framework of MD lies {mean_A:.1f} Å from that of the crystal on average: it melted, or is another."
        )
    return offset


def _off_sites(
    framework: np.ndarray, symbols: np.ndarray, known: np.ndarray, own: np.ndarray, cell_A: np.ndarray
) -> np.ndarray:
    """From the nearest site of its element to each framework atom, in units of the unit cell, shape (atoms, 3)."""
    off = np.empty_like(framework)
    for element in np.unique(symbols):
        mine = symbols == element
        between = framework[mine, None] - known[own == element]
        between -= np.round(between)
        nearest = np.argmin(np.linalg.norm(between @ cell_A, axis=2), axis=1)
        off[mine] = between[np.arange(len(nearest)), nearest]
    return off


def activation_energy(arrhenius: Mapping) -> dict:
    """Ea of the self-diffusion of MD: value and error in eV, and a status."""
    fit = arrhenius["fits"]["D_cm2_s"]
    energy = fit.get("Ea_eV") or {}
    return {"value": energy.get("value"), "error": energy.get("error"), "status": fit.get("status", OK)}


def compare_with_md(
    file: str,
    record: Mapping,
    *,
    points: Sequence[str],
    trajectories: Sequence[str],
    arrhenius: Mapping,
    mobile: str,
    seed: int,
) -> dict:
    """MD of a crystal at all temperatures beside its barriers.

    Args:
        file: the structure that both began with.
        record: of its barriers.
        points: md.json of each temperature.
        trajectories: of all replicas, temperature by temperature.
        arrhenius: of the composition.
        mobile: element.
        seed: of the ordering of the study.

    Returns:
        composition, Ea_eV (value, error, status), status, and points (of `map_state_point`); without points where the
        status says why hops are not mapped.
    """
    own = len(trajectories) // len(points)
    found: list[dict] = []
    status = OK
    try:
        sites, classes = graph_of(read_crystal(file, seed=seed), mobile, record)
        for place, point in enumerate(points):
            state = open_state_point(point, trajectories[own * place : own * (place + 1)])
            kelvin = float(state.identity["temperature_K"])
            found.append(map_state_point(state.runs, sites, classes, temperature_K=kelvin))
    except SaltflowError as error:
        status, found = " ".join(str(error).split()), []
    return {
        "composition": arrhenius["composition"],
        "Ea_eV": activation_energy(arrhenius),
        "status": status,
        "points": sorted(found, key=lambda each: each["temperature_K"]),
    }
