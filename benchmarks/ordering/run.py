"""Can published crystals be ordered, in what time, and to what energy? All CIFs of OBELiX (Therrien et al., 2025).

Every structure is ordered below an atom limit: with occupancies kept within 1 %, else within 2 or 5 %. The smallest
supercell that has few arrangements is also ordered by pymatgen's EwaldMinimizer, which finds the lowest by branch and
bound, and its energy by pymatgen's EwaldSummation. Rows go to benchmarks/ordering/work/; the next call goes on there.

usage: python benchmarks/ordering/run.py [--structures cifs.zip] [--atoms 300] [--minutes 60] [--every 1]
"""

import argparse
import json
import re
import signal
import statistics
import sys
import time
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable
from math import comb
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "scripts"))

from pymatgen.analysis.ewald import EwaldMinimizer, EwaldSummation  # noqa: E402
from pymatgen.core import Species, Structure  # noqa: E402

from saltflow.base.errors import InputError  # noqa: E402
from saltflow.materials.ordering.disordered_crystal import DisorderedCrystal, read_disordered  # noqa: E402
from saltflow.materials.ordering.formal_charges import guess_charges  # noqa: E402
from saltflow.materials.ordering.occupation import DisorderedSupercell  # noqa: E402
from saltflow.materials.ordering.ordered_cells import order_replicas  # noqa: E402
from saltflow.materials.ordering.ordering_plan import OrderingPlan, plan_within  # noqa: E402
from saltflow.materials.ordering.site_counts import site_counts  # noqa: E402
from saltflow.materials.ordering.supercells import near_cubic_supercells  # noqa: E402

WORK = REPOSITORY / "benchmarks/ordering/work"
STRUCTURES = REPOSITORY.parent / "shared/data/obelix/cifs.zip"
TOLERANCES = (0.01, 0.02, 0.05)
MOST_ARRANGEMENTS, PEER_SITES, PEER_S = 20_000, 120, 60


def timed(work: Callable) -> tuple[object, float]:
    """What work gives, and its CPU seconds."""
    began = time.process_time()
    return work(), time.process_time() - began


def ordered(path: Path, *, atoms: int) -> dict:
    """The row of one structure."""
    began = time.process_time()
    crystal = read_disordered(path)
    row = {"refined": " ".join(f"{element}{amount:.4g}" for element, amount in crystal.amounts.items())}
    if crystal.is_ordered:
        return row | {"status": "no partial occupancy"}
    charges = guess_charges(crystal.amounts, subject=path.name)
    row["charges"] = charges
    for tolerance in TOLERANCES:
        try:
            plan = plan_within(crystal, charges, most_atoms=atoms, tolerance=tolerance)
            break
        except InputError:
            if tolerance == TOLERANCES[-1]:
                raise
    (cell,) = order_replicas(plan, replicas=1, seed=1)
    row |= {
        "status": f"within {tolerance:g}",
        "formula": plan.formula,
        "atoms": plan.atoms,
        "deviation": plan.counts.deviation,
        "close_pairs": cell.close_pairs,
        "cpu_s": time.process_time() - began,
    }
    structure = decorated(Structure.from_ase_atoms(cell.atoms), charges)
    row["energy_error"] = abs(cell.energy_eV / EwaldSummation(structure).total_energy - 1)
    return row | beside_pymatgen(crystal, charges)


def decorated(structure: Structure, charges: dict) -> Structure:
    """The structure with oxidation states."""
    structure.add_oxidation_state_by_element(charges)
    return structure


def beside_pymatgen(crystal: DisorderedCrystal, charges: dict) -> dict:
    """Lowest energies of the smallest supercell with few arrangements, where there is one."""
    for size, (matrix, _) in sorted(near_cubic_supercells(crystal.cell, most_cells=12).items()):
        counts = site_counts(crystal, charges, cells=size)
        if size * len(crystal.positions) > PEER_SITES or counts is None or counts.deviation > TOLERANCES[-1]:
            continue
        arrangements = 1
        for orbit, count in zip(crystal.orbits, counts.counts, strict=True):
            free = size * len(orbit.sites)
            for number in count.values():
                arrangements *= comb(free, number)
                free -= number
        if 1 < arrangements <= MOST_ARRANGEMENTS:
            plan = OrderingPlan(crystal, charges, matrix, counts)
            (own,), own_s = timed(lambda: order_replicas(plan, replicas=1, seed=1))  # noqa: B023
            signal.signal(signal.SIGVTALRM, stop)
            signal.setitimer(signal.ITIMER_VIRTUAL, PEER_S)
            try:
                peer_eV, peer_s = timed(lambda: lowest_by_pymatgen(plan))  # noqa: B023
            except TimeoutError:
                peer_eV, peer_s = None, PEER_S
            finally:
                signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            return {
                "arrangements": arrangements,
                "own_eV": own.energy_eV,
                "peer_eV": peer_eV,
                "own_s": own_s,
                "peer_s": peer_s,
            }
    return {}


def stop(*_: object) -> None:
    """The peer has had its time."""
    raise TimeoutError


def lowest_by_pymatgen(plan: OrderingPlan) -> float:
    """The lowest Ewald energy in eV, as pymatgen's OrderDisorderedStructureTransformation finds it, orbit by orbit."""
    supercell = DisorderedSupercell(plan.crystal, matrix=plan.matrix, charges=plan.charges)
    every = {orbit.label: orbit for orbit in plan.crystal.orbits}
    assert len(every) == len(plan.crystal.orbits), "labels are unique in OBELiX"
    species, places, manipulations = [], [], []
    for orbit, count in zip(plan.crystal.orbits, plan.counts.counts, strict=True):
        here = supercell.places(orbit)
        indices = list(range(len(species), len(species) + len(here)))
        first = max(count, key=lambda element: abs(plan.charges[element]))
        species += [Species(first, plan.charges[first])] * len(here)
        places += [*here]
        rest = {element: number for element, number in count.items() if element != first and number}
        manipulations += [
            [plan.charges[element] / plan.charges[first], number, indices, element] for element, number in rest.items()
        ]
        if empty := len(here) - sum(count.values()):
            manipulations.append([0, empty, indices, None])
    structure = Structure(supercell.cell, species, places, coords_are_cartesian=True)
    minimizer = EwaldMinimizer(EwaldSummation(structure).total_energy_matrix, manipulations, 1)
    return minimizer.output_lists[0][0]


def summarise(rows: list[dict]) -> None:
    """Print the tables."""
    statuses = Counter(re.sub(r"\d+\.\d+ atoms", "… atoms", row["status"]) for row in rows)
    print("| structures | status |\n|---|---|")
    print("\n".join(f"| {number} | {status} |" for status, number in statuses.most_common()))
    done = [row for row in rows if "cpu_s" in row]
    seconds = sorted(row["cpu_s"] for row in done)
    if seconds:
        median = statistics.median(seconds)
        print(
            f"CPU s of {len(seconds)}: median {median:.1f}, 90 % {seconds[int(0.9 * len(seconds))]:.1f}, most",
            seconds[-1],
        )
        print("with close pairs:", sum(row["close_pairs"] > 0 for row in done))
        print("largest relative deviation of energies from pymatgen:", max(row["energy_error"] for row in done))
    beside = [row for row in rows if row.get("peer_eV") is not None]
    gaps = [row["own_eV"] - row["peer_eV"] for row in beside]
    print(f"{len(beside)} beside pymatgen ({sum('own_eV' in row for row in rows) - len(beside)} above {PEER_S} s)")
    print("equal within 1 meV:", sum(abs(gap) < 1e-3 for gap in gaps), "higher:", [gap for gap in gaps if gap > 1e-3])
    print("lower:", [gap for gap in gaps if gap < -1e-3])
    for name in ("own_s", "peer_s"):
        print(name, sum(row[name] for row in beside), statistics.median([row[name] for row in beside] or [0]))


def reason(error: InputError) -> str:
    """Why a structure is not ordered, without its name and numbers."""
    kinds = {
        "primitive cell has": "primitive cell above the limit",
        "no neutral supercell": f"no neutral supercell within {TOLERANCES[-1]:g}",
        "no whole numbers": "no neutral counts with the usual charges",
        "no usual oxidation": "far from neutral as refined",
        "which ions cannot": "sites that exclude each other are filled too far",
    }
    return next((kind for part, kind in kinds.items() if part in str(error)), str(error))


def main() -> None:
    """Go on with the rows, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--structures", type=Path, default=STRUCTURES)
    parser.add_argument("--atoms", type=int, default=300)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--every", type=int, default=1, help="only every so many structures")
    chosen = parser.parse_args()
    if not chosen.structures.is_file():
        print(f"Skipped: {chosen.structures} is not here; name the zip file of OBELiX's CIFs with --structures.")
        return
    warnings.simplefilter("ignore")
    WORK.mkdir(exist_ok=True)
    with zipfile.ZipFile(chosen.structures) as archive:
        for name in archive.namelist():
            if name.endswith(".cif"):
                (WORK / Path(name).name).write_bytes(archive.read(name))
    table, end = WORK / f"rows-{chosen.atoms}.jsonl", time.time() + 60 * chosen.minutes
    rows = [json.loads(line) for line in table.read_text().splitlines()] if table.is_file() else []
    known = {row["name"] for row in rows}
    for path in sorted(WORK.glob("*.cif"))[:: chosen.every]:
        if path.stem in known or time.time() > end:
            continue
        try:
            row = ordered(path, atoms=chosen.atoms)
        except InputError as error:
            row = {"status": reason(error), "sentence": str(error)}
        rows.append({"name": path.stem, **row})
        with table.open("a") as file:
            file.write(json.dumps(rows[-1]) + "\n")
    summarise(rows)


if __name__ == "__main__":
    main()
