"""One crystal: its barriers, the graph of hops, percolation thresholds and diffusion."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from ase import Atoms

from saltflow.base.errors import InputError, SaltflowError
from saltflow.base.provenance import digest, write_json
from saltflow.potentials.protocol import MDPotential
from saltflow.studies.barriers.attempt_frequencies import Prefactors, attempt_frequencies
from saltflow.studies.barriers.carrier_edges import edges_of
from saltflow.studies.barriers.crossing import crossing
from saltflow.studies.barriers.endpoints import end_states, repeats_for
from saltflow.studies.barriers.figures import plot_graph, plot_percolation, plot_profiles
from saltflow.studies.barriers.graph_file import node_link
from saltflow.studies.barriers.hop_barriers import OK, HopBarrier, compute_barriers
from saltflow.studies.barriers.hop_choice import NOT_COMPUTED, next_hops, not_computed, rank_correlation
from saltflow.studies.barriers.hop_classes import HopClass, find_hops
from saltflow.studies.barriers.hop_graph import Edge
from saltflow.studies.barriers.kept_hops import keep_hop, kept_hop, row_of
from saltflow.studies.barriers.knock_offs import find_knock_offs, leg_vectors
from saltflow.studies.barriers.straight_lines import straight_lines_eV
from saltflow.studies.kept_numbers import kept_numbers
from saltflow.studies.mobile_sites import MobileSites, find_sites
from saltflow.studies.relaxation.batched_evaluation import BatchedEvaluation
from saltflow.studies.relaxation.relaxed_states import relax

COLLAPSED_A = 1.5  # an atom that relaxes farther has left its site
VACANCY, INTERSTITIAL, KNOCK_OFF = MECHANISMS = ("vacancy", "interstitial", "knock-off")
# Settings that no path depends on.
NOT_OF_PATHS = ("temperatures_K", "carriers_per_cm3", "jumps", "seed", "cheapest", "prefactor_radius_A")


def study_barriers(crystal: Atoms, potential: MDPotential, *, mobile: str, settings: Mapping, folder: Path) -> dict:
    """Barriers of all hops of a mobile ion, by one potential; a hop that a folder holds is not computed again.

    Args:
        crystal: ordered unit cell.
        potential: of the engine.
        mobile: element.
        settings: mechanism (vacancy, interstitial or knock-off), r_max_A, edge_A, images, end_force_eV_A,
            band_force_eV_A, end_steps, band_steps, temperatures_K, carriers_per_cm3, jumps, seed; perhaps cheapest
            (hops of the cheap ranking that get a path) and prefactor_radius_A (of the atoms that vibrate); and what
            else tells one potential from another, so that a kept hop is of the same one.
        folder: for the paths, the graph and the figures; it exists.

    Returns:
        The record, JSON-able.

    Raises:
        InputError: as of `find_sites`, `find_hops`, `find_knock_offs` and `end_states`.
        SaltflowError: the crystal collapses on relaxation.
    """
    evaluation = BatchedEvaluation(potential)
    formula = str(crystal.symbols.formula.reduce()[0])
    potential.check_elements(crystal.numbers, composition=formula)
    find_sites(crystal, mobile, voids=False)  # refuses what has no barrier before anything is computed
    relaxed = _relaxed(crystal, evaluation, settings)
    sites = find_sites(relaxed, mobile, voids=settings["mechanism"] != VACANCY)
    find = find_knock_offs if settings["mechanism"] == KNOCK_OFF else find_hops
    hops = find(sites, r_max_A=settings["r_max_A"])
    repeats = repeats_for(sites.cell, smallest_edge_A=settings["edge_A"])
    key = digest([settings_of_paths(settings), relaxed.get_positions().round(4).tolist(), str(relaxed.symbols)])
    barriers = _barriers(sites, hops, evaluation, repeats=repeats, settings=settings, folder=folder, key=key)
    prefactors = _prefactors(sites, barriers, evaluation, repeats=repeats, settings=settings, folder=folder, key=key)
    edges = edges_of(sites, barriers, prefactors)
    _draw(sites, barriers, edges, folder, title=f"{formula}, {mobile} by {settings['mechanism']}")
    write_json(folder / "hop_graph.json", node_link(sites, edges, barriers))
    return {
        "formula": formula,
        "mobile_ion": mobile,
        "mechanism": settings["mechanism"],
        "evaluated_by": potential.evaluated_by,
        "sites": len(sites.positions),
        "supercell": list(repeats),
        "atoms": len(relaxed) * int(np.prod(repeats)),
        "note": _note(barriers),
        "evaluations": evaluation.evaluated,
        "hops": [_row(sites, each, prefactors.get(each.hop.name)) for each in barriers],
        "rank_correlation": rank_correlation(barriers),
        "attempt_frequencies": _attempt_frequencies(barriers, prefactors, settings),
        **crossing(sites, edges, settings),
    }


def _barriers(
    sites: MobileSites,
    hops: Sequence[HopClass],
    evaluation: BatchedEvaluation,
    *,
    repeats: tuple[int, int, int],
    settings: Mapping,
    folder: Path,
    key: str,
) -> list[HopBarrier]:
    """All hops in their order: kept, computed, or left out.

    On a CPU, where a batch is not faster, one hop after another is computed, so that little is lost by a stop.
    """

    def straight_lines() -> dict:
        energies = straight_lines_eV(sites, hops, evaluation, repeats=repeats, images=settings["images"])
        return {hop.name: each if np.isfinite(each) else None for hop, each in zip(hops, energies, strict=True)}

    kept = kept_numbers(folder / "straight_lines.json", straight_lines, key=key)
    cheap_eV = {name: np.inf if each is None else each for name, each in kept.items()}
    found = {hop.name: each for hop in hops if (each := kept_hop(hop, folder, key=key))}
    while wanted := next_hops(sites, hops, cheap_eV, found, cheapest=settings.get("cheapest")):
        batch = wanted[:1] if evaluation.device.type == "cpu" else wanted
        for barrier in compute_barriers(sites, batch, evaluation, repeats=repeats, settings=settings):
            found[barrier.hop.name] = replace(barrier, straight_line_eV=kept[barrier.hop.name])
            keep_hop(found[barrier.hop.name], folder, key=key)
    barriers = (found.get(hop.name) or not_computed(hop, kept[hop.name]) for hop in hops)
    return [replace(each, straight_line_eV=kept[each.hop.name]) for each in barriers]


def _prefactors(
    sites: MobileSites,
    barriers: Sequence[HopBarrier],
    evaluation: BatchedEvaluation,
    *,
    repeats: tuple[int, int, int],
    settings: Mapping,
    folder: Path,
    key: str,
) -> dict[str, Prefactors]:
    """Attempt frequencies of all hops with a barrier, where they are asked for."""
    radius_A = settings.get("prefactor_radius_A")
    found = {}
    for barrier in barriers if radius_A else ():
        if barrier.status != OK:
            continue

        def vibrations(barrier: HopBarrier = barrier) -> dict:
            ions = end_states(sites, barrier.hop, repeats=repeats).ions
            return asdict(attempt_frequencies(barrier.band, evaluation, ions=ions, radius_A=radius_A))

        path = folder / f"{barrier.hop.name}.vibrations.json"
        found[barrier.hop.name] = Prefactors(**kept_numbers(path, vibrations, key=digest([key, str(radius_A)])))
    return found


def _draw(
    sites: MobileSites, barriers: Sequence[HopBarrier], edges: Sequence[Edge], folder: Path, *, title: str
) -> None:
    plot_profiles(barriers, folder / "profiles.svg", title=title)
    plot_percolation(edges, folder / "percolation.svg", title=title)
    plot_graph(sites, edges, folder / "hop_graph.svg", title=title)


def _note(barriers: Sequence[HopBarrier]) -> str:
    """What holds for all numbers of a study."""
    note = "Energies are those of neutral cells at the volume of the file."
    absent = [each for each in barriers if each.status.startswith(NOT_COMPUTED)]
    if absent:
        note += (
            f" {len(absent)} of {len(barriers)} hops were not computed, so that percolation barriers are upper bounds."
        )
    return note


def _row(sites: MobileSites, barrier: HopBarrier, prefactors: Prefactors | None) -> dict:
    row = row_of(barrier)
    if barrier.hop.pushed:
        first, second = leg_vectors(sites, barrier.hop)
        cosine = first @ second / np.linalg.norm(first) / np.linalg.norm(second)
        row |= {
            "legs_A": [float(np.linalg.norm(leg)) for leg in (first, second)],
            "bend_deg": float(np.degrees(np.arccos(np.clip(cosine, -1, 1)))),
        }
    if prefactors:
        row["vibrations"] = asdict(prefactors)
    return row


def _attempt_frequencies(
    barriers: Sequence[HopBarrier], prefactors: Mapping[str, Prefactors], settings: Mapping
) -> str:
    """Where the attempt frequencies of the kinetics are from."""
    if not settings.get("prefactor_radius_A"):
        return "1e13 per s"
    failed = [each.hop.name for each in barriers if each.status == OK and not prefactors[each.hop.name].is_valid]
    return "vibrations" + (f"; 1e13 per s for {', '.join(failed)}" if failed else "")


def settings_of_paths(settings: Mapping) -> dict:
    """Those settings that the paths depend on."""
    return {key: value for key, value in settings.items() if key not in NOT_OF_PATHS}


def _relaxed(crystal: Atoms, evaluation: BatchedEvaluation, settings: Mapping) -> Atoms:
    (state,) = relax([crystal], evaluation, force_eV_A=settings["end_force_eV_A"], steps=settings["end_steps"])
    if not np.isfinite(state.energy_eV):
        raise SaltflowError(
            "The crystal collapses on relaxation (its energy is no number); check the structure, or choose a potential "
            "that knows it."
        )
    moved = state.atoms.positions - crystal.positions
    farthest = np.linalg.norm(moved - moved.mean(axis=0), axis=1).max()
    if farthest > COLLAPSED_A:
        raise SaltflowError(
            f"The crystal collapses on relaxation (an atom moves by {farthest:.1f} Å); check the structure, or choose "
            "a potential that knows it."
        )
    return state.atoms


def check_settings(settings: Mapping) -> None:
    """Refuse numbers that no path can be computed with.

    Raises:
        InputError: naming the option.
    """
    if not 1 <= settings["images"] <= 30:
        raise InputError([f"--images is {settings['images']}; give 1 to 30, usually 5."])
    if not 1.0 <= settings["r_max_A"] <= 8.0:
        raise InputError([f"--r-max is {settings['r_max_A']:g} Å; give 1 to 8, usually 5."])
    if (cheapest := settings.get("cheapest")) is not None and cheapest < 1:
        raise InputError([f"--cheapest is {cheapest}; give 1 or more hops."])
    if (radius_A := settings.get("prefactor_radius_A")) is not None and not radius_A >= 1.0:
        raise InputError([f"--vibrating-within is {radius_A:g} Å; give 1 or more, usually 4, or inf for all atoms."])
