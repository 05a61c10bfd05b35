"""Compare pair distribution functions of an exploration with molecular dynamics by the reference."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations_with_replacement

import numpy as np
from ase import Atoms

from saltflow.analysis.structure.rdf import pair_distributions
from saltflow.labels.frames import read_frames
from saltflow.materials.density import density_g_cm3
from saltflow.materials.frame_info import IMPORTED, FrameInfo, Key
from saltflow.statistics.block_averages import TIME_BLOCKS
from saltflow.trajectory.memory import Trajectory

AGREES, DIFFERS, UNDECIDED = "agrees", "differs", "not decided"
R_MAX_A, BIN_WIDTH_A = 8.0, 0.1
EQUILIBRATION = 0.2  # of the heating: the cell starts from a relaxed packing
FARTHEST_TEMPERATURES, FARTHEST_DENSITIES = 0.1, 0.05  # larger relative differences are flagged
SIGMAS = 2.0


def compare_structure_of_files(files: Mapping) -> dict | None:
    """`compare_structure` of files: reference_md_train, reference_md_valid and exploration; None without the last."""
    if not files.get("exploration"):
        return None
    labelled = [frame for part in ("train", "valid") for frame in read_frames(files[f"reference_md_{part}"])]
    return compare_structure(labelled, read_frames(files["exploration"]))


def compare_structure(labelled: Iterable[Atoms], explored: Sequence[Atoms]) -> dict[str, dict[str, dict]]:
    """Compare g(r) of imported molecular dynamics with that of the explored cells nearest in temperature.

    Args:
        labelled: of a potential; imported frames with a temperature are molecular dynamics by the reference.
        explored: of `sampling.explore`; the first fifth of the heating and close contacts are left out.

    Returns:
        composition → temperature in K of the reference → status ("ok", or why nothing is compared) and, with status ok:
        explored_temperature_K, frames and density_g_cm3 (of reference and exploration), flags (different temperatures
        or densities), and pairs "A-B", of `compare_curves`.
    """
    states: dict[tuple[str, float], list[Atoms]] = {}
    for frame in labelled:
        info = FrameInfo.of(frame)
        if info.temperature_K is not None and info.origin.startswith(IMPORTED):
            states.setdefault((info.composition, info.temperature_K), []).append(frame)
    found: dict[str, dict[str, dict]] = {}
    for (name, temperature_K), frames in sorted(states.items()):
        own = [frame for frame in explored if FrameInfo.of(frame).composition == name]
        found.setdefault(name, {})[f"{temperature_K:g}"] = _compare(frames, own, temperature_K=temperature_K)
    return found


def _compare(reference: Sequence[Atoms], explored: Sequence[Atoms], *, temperature_K: float) -> dict:
    if not explored:
        return {"status": "it was not explored"}
    temperatures_K = [FrameInfo.of(frame).temperature_K for frame in explored]
    nearest_K = min(temperatures_K, key=lambda each: abs(each - temperature_K))
    nearest = [frame for frame, own_K in zip(explored, temperatures_K, strict=True) if own_K == nearest_K]
    sets = [
        _runs(_in_order(reference), key=FrameInfo.origin),
        _runs(nearest, key=FrameInfo.lineage, equilibration=EQUILIBRATION),
    ]
    for runs, source in zip(sets, ("the reference", "the exploration"), strict=True):
        if not runs:
            return {"status": f"{source} has no run of {TIME_BLOCKS} frames of the same atoms without close contacts"}
    densities = [float(np.mean([density_g_cm3(frame) for run in runs for frame in run])) for runs in sets]
    flags = []
    if abs(nearest_K / temperature_K - 1) > FARTHEST_TEMPERATURES:
        flags.append(f"the nearest explored temperature is {nearest_K:g} K")
    if abs(densities[1] / densities[0] - 1) > FARTHEST_DENSITIES:
        flags.append(f"the densities differ: {densities[0]:.2f} and {densities[1]:.2f} g/cm³")
    return {
        "status": "ok",
        "explored_temperature_K": float(nearest_K),
        "frames": [sum(map(len, runs)) for runs in sets],
        "density_g_cm3": densities,
        "flags": flags,
        "pairs": _pairs(*(_distributions(runs) for runs in sets)),
    }


def _in_order(frames: Sequence[Atoms]) -> list[Atoms]:
    """Imported frames in the order of their file: their lineages are its blocks, numbered from 0."""
    return sorted(frames, key=lambda frame: (len(lineage := FrameInfo.of(frame).lineage), lineage))


def _runs(frames: Sequence[Atoms], *, key: Key[str], equilibration: float = 0.0) -> list[list[Atoms]]:
    """Frames of each trajectory after equilibration, without close contacts; at least `TIME_BLOCKS`."""
    runs: dict[tuple, list[Atoms]] = {}
    for frame in frames:
        runs.setdefault((FrameInfo.of(frame).read(key), tuple(frame.numbers)), []).append(frame)
    kept = [
        [
            frame
            for frame in members
            if not FrameInfo.of(frame).close_contact and _is_equilibrated(frame, members, equilibration)
        ]
        for members in runs.values()
    ]
    return [members for members in kept if len(members) >= TIME_BLOCKS]


def _is_equilibrated(frame: Atoms, members: Sequence[Atoms], equilibration: float) -> bool:
    times_ps = [time_ps for each in members if (time_ps := FrameInfo.of(each).time_ps) is not None]
    time_ps = FrameInfo.of(frame).time_ps
    return equilibration == 0 or (time_ps is not None and time_ps > equilibration * max(0.0, *times_ps))


def _distributions(runs: Sequence[Sequence[Atoms]]) -> dict:
    trajectories = [
        Trajectory(
            positions_A=np.array([frame.positions for frame in frames]),
            cells_A=np.array([frame.cell.array for frame in frames]),
            times_ps=np.arange(float(len(frames))),  # g(r) only uses their order
            symbols=tuple(frames[0].symbols),
            masses_u=frames[0].get_masses(),
        )
        for frames in runs
    ]
    most = max(map(len, runs))
    return pair_distributions(trajectories, r_max_A=R_MAX_A, bin_width_A=BIN_WIDTH_A, frames_per_replica=most)


def _pairs(reference: Mapping, explored: Mapping) -> dict[str, dict]:
    elements = sorted({element for pair in reference["pairs"] for element in pair.split("-")})
    names = [f"{first}-{second}" for first, second in combinations_with_replacement(elements, 2)]
    return {name: compare_curves(reference["pairs"][name], explored["pairs"][name]) for name in names}


def compare_curves(reference: Mapping, explored: Mapping) -> dict:
    """Compare two pair distribution functions of the same elements.

    For equal distributions with normal noise σ the mean of |Δg| is √(2/π) σ, its standard deviation √(1 − 2/π) σ.
    Errors of neighbouring bins are correlated by an unknown amount, so they are added linearly, the upper bound.

    Args:
        reference, explored: rows of `pair_distributions` (analysis/structure).

    Returns:
        difference_A = ∫|Δg| dr; from_noise_A, its mean for equal distributions; limit_A, that plus two standard
        deviations; verdict: differs above the limit, agrees below, not decided where an error is unknown.
    """
    bins = min(len(reference["g"]), len(explored["g"]))
    values, errors = (np.array([each[key][:bins] for each in (reference, explored)], float) for key in ("g", "g_error"))
    sigma = np.hypot(*errors).sum() * BIN_WIDTH_A
    difference = float(np.abs(values[0] - values[1]).sum() * BIN_WIDTH_A)
    if not np.isfinite(sigma):
        return {"difference_A": difference, "from_noise_A": None, "limit_A": None, "verdict": UNDECIDED}
    from_noise = float(np.sqrt(2 / np.pi) * sigma)
    limit = from_noise + SIGMAS * float(np.sqrt(1 - 2 / np.pi) * sigma)
    verdict = DIFFERS if difference > limit else AGREES
    return {"difference_A": difference, "from_noise_A": from_noise, "limit_A": limit, "verdict": verdict}
