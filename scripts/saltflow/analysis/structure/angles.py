"""Bond-angle distributions: within polyhedra, around the mobile ion, and at bridging anions."""

from collections.abc import Hashable, Mapping

import numpy as np

from saltflow.analysis.structure.coordination_shells import Shells, Snapshot
from saltflow.analysis.structure.polyhedra import angles_between, pairs_within
from saltflow.analysis.structure.roles import Roles
from saltflow.statistics.estimate import Estimate, finite, finite_list

BIN_WIDTH_DEG = 2.0
BINS = round(180 / BIN_WIDTH_DEG)
CENTERS_DEG = BIN_WIDTH_DEG * (np.arange(BINS) + 0.5)


def observe_angles(snapshot: Snapshot, bonds: Shells, roles: Roles) -> dict[Hashable, np.ndarray]:
    """Histograms of all bond angles of one frame.

    Args:
        snapshot: the frame.
        bonds: from cations to anions.
        roles: of the elements.

    Returns:
        ("angles", "A-M-B") at every cation and ("angles", "M-A-N") of metals at every anion → counts, (bins,).
    """
    metals = bonds.around(snapshot.atoms_of(*roles.metals))
    order = np.argsort(metals.ligands, kind="stable")
    bridging = Shells(metals.ligands[order], metals.centers[order], -metals.vectors_A[order], -metals.images[order])
    observed: dict[Hashable, np.ndarray] = {}
    for directed in (bonds, bridging):
        first, second = pairs_within(directed.centers)
        angles_deg = angles_between(directed.vectors_A[first], directed.vectors_A[second])
        ends = np.sort(
            np.stack([snapshot.symbols[directed.ligands[first]], snapshot.symbols[directed.ligands[second]]]), axis=0
        )
        middles = snapshot.symbols[directed.centers[first]]
        for one, middle, other in sorted(set(zip(ends[0], middles, ends[1], strict=True))):
            chosen = (ends[0] == one) & (middles == middle) & (ends[1] == other)
            counts, _ = np.histogram(angles_deg[chosen], bins=BINS, range=(0.0, 180.0))
            observed["angles", f"{one}-{middle}-{other}"] = counts
    return observed


def angle_quantities(means: Mapping) -> dict[Hashable, np.ndarray]:
    """Normalised distributions, their mean and width, from averages of `observe_angles`."""
    quantities: dict[Hashable, np.ndarray] = {}
    for name, counts in means.items():
        if name[0] != "angles":
            continue
        total = counts.sum()
        share = counts / total if total else np.full(BINS, np.nan)
        mean_deg = share @ CENTERS_DEG
        quantities["angle density", name[1]] = share / BIN_WIDTH_DEG
        quantities["angle mean", name[1]] = mean_deg
        quantities["angle width", name[1]] = np.sqrt(share @ (CENTERS_DEG - mean_deg) ** 2)
        quantities["angle count", name[1]] = total
    return quantities


def angle_rows(estimates: Mapping[Hashable, Estimate]) -> dict:
    """Angle distributions as JSON: "A-B-C" → density per degree (its integral is 1), mean, width, number per cell."""
    names = sorted(name[1] for name in estimates if name[0] == "angle density")
    return {
        "angle_deg": CENTERS_DEG.tolist(),
        "triples": {
            name: {
                "density_per_deg": finite_list(estimates["angle density", name].value),
                "density_error": finite_list(estimates["angle density", name].error),
                "mean": estimates["angle mean", name].row(unit="deg"),
                "width": estimates["angle width", name].row(unit="deg"),
                "number_per_cell": finite(estimates["angle count", name].value),
            }
            for name in names
        },
    }
