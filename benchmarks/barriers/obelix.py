"""Does the barrier at which paths cross a crystal follow its measured conductivity? OBELiX (Therrien et al., 2025).

Sites with partial occupancies are ordered within 60 atoms, occupancies within 0.1. Hops: up to 1.1 × the length at
which the lithium sites connect in three dimensions, in supercells of 6 Å or twice that, the lowest on a straight line
first until they percolate, by one climbing image, forces to 0.1 and 0.15 eV/Å: a screening on one core, whose barriers
are rough upper bounds. Structures come by their expected cost, the cheapest first: the sample is one of small, open
cells. What is left out, and why, has a row too. Rows go to obelix.tsv; the next call goes on there. CHGNet runs by
chgnet_one_pass.py.

Fixed before the first row: the 3D barrier is compared with log σ by Spearman's ρ, 95 % by resampling of structures.

usage: python benchmarks/barriers/obelix.py [--structures cifs.zip] [--potential chgnet-pbe] [--minutes 10] [--summary]
"""

import argparse
import csv
import os
import re
import signal
import sys
import tempfile
import time
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "scripts"))

import numpy as np  # noqa: E402
import spglib  # noqa: E402
from ase import Atoms  # noqa: E402
from kept_rows import append_rows, read_rows  # noqa: E402
from scipy import stats  # noqa: E402

from saltflow.base.errors import SaltflowError  # noqa: E402
from saltflow.campaign.config_files import read_configuration  # noqa: E402
from saltflow.campaign.settings.references import read_reference  # noqa: E402
from saltflow.potentials.universal.driver import UniversalDriver  # noqa: E402
from saltflow.studies.barriers.barrier_study import study_barriers  # noqa: E402
from saltflow.studies.barriers.endpoints import repeats_for  # noqa: E402
from saltflow.studies.barriers.hop_classes import find_hops, hop_vector  # noqa: E402
from saltflow.studies.barriers.hop_graph import Edge, thresholds  # noqa: E402
from saltflow.studies.given_crystal import read_crystal  # noqa: E402
from saltflow.studies.mobile_sites import find_sites  # noqa: E402

TABLE = Path(__file__).with_name("obelix.tsv")
FOLDER = REPOSITORY / "build/benchmarks/obelix"  # of studies, so that one that was stopped goes on
OBELIX = REPOSITORY.parent / "shared/data/obelix"
COLUMNS = ("id", "potential", "formula", "sigma_S_cm", "atoms", "hops", "ok", "barrier_1D_eV", "barrier_2D_eV",
           "barrier_3D_eV", "evaluations", "seconds", "status")  # fmt: skip
MOST_ATOMS, LONGEST_HOP_A, BEYOND_CONNECTING, LONGEST_S = 60, 5.0, 1.1, 3600
OCCUPANCY_TOLERANCE = 0.1
FEWEST = 5  # structures of a correlation
MISSPELT = {"cholorides": "chlorides"}  # of the dataset
EVALUATIONS_OF_A_PATH = 50  # about
SMALLEST_EDGE_A = 6.0
ONE_PASS = "chgnet_one_pass.make_calculator"  # in this folder
SETTINGS = {
    "mechanism": "vacancy", "images": 1, "end_force_eV_A": 0.1, "band_force_eV_A": 0.15,
    "end_steps": 100, "band_steps": 100, "temperatures_K": [], "carriers_per_cm3": 1e21, "jumps": 1000, "seed": 1,
    "cheapest": 1,
}  # fmt: skip


class LeftOutError(SaltflowError):
    """A structure that has no row of numbers, with its reason."""


def first_cell(path: Path) -> Atoms:
    """The primitive cell of an ordered crystal, or of an ordered arrangement."""
    crystal = read_crystal(str(path), seed=SETTINGS["seed"], most_atoms=MOST_ATOMS, tolerance=OCCUPANCY_TOLERANCE)
    found = spglib.find_primitive((crystal.cell.array, crystal.get_scaled_positions(), crystal.numbers), symprec=0.01)
    if found is not None and len(found[2]) < len(crystal):
        lattice, places, numbers = found
        crystal = Atoms(numbers, scaled_positions=places, cell=lattice, pbc=True)
    if len(crystal) > MOST_ATOMS:
        raise LeftOutError(f"more than {MOST_ATOMS} atoms in the primitive cell")
    if "Li" not in crystal.symbols:
        raise LeftOutError("no lithium")
    return crystal


def connecting_length_A(crystal: Atoms) -> float:
    """The length of hops at which lithium sites connect in as many dimensions as they can."""
    sites = find_sites(crystal, "Li", voids=False)
    edges = [
        Edge(*hop, each.name, each.length_A, each.length_A, hop_vector(sites, hop))
        for each in find_hops(sites, r_max_A=LONGEST_HOP_A)
        for hop in each.members
    ]
    if (found := thresholds(edges)[2]) is None:
        raise LeftOutError(f"sites do not connect in three dimensions within {LONGEST_HOP_A:g} Å")
    return found.barrier_eV


def distinct_sites(crystal: Atoms) -> int:
    """Sites of lithium that symmetry does not make of each other."""
    found = spglib.get_symmetry((crystal.cell.array, crystal.get_scaled_positions(), crystal.numbers), symprec=0.01)
    return len(set(found["equivalent_atoms"][crystal.symbols == "Li"])) if found else len(crystal)


@dataclass(frozen=True)
class Candidate:
    """A structure that can be studied.

    Attributes:
        identity: its id. crystal: its primitive cell.
        r_max_A: length of the longest hop. edge_A: least height of the supercell.
        row: what is known before any energy.
        cost: evaluations × atoms of the supercell × density², by which it is ordered.
    """

    identity: str
    crystal: Atoms
    r_max_A: float
    edge_A: float
    row: dict[str, object]
    cost: float


def candidate_of(path: Path) -> Candidate:
    """A structure before any energy is computed."""
    crystal = first_cell(path)
    r_max_A = min(BEYOND_CONNECTING * connecting_length_A(crystal), LONGEST_HOP_A)
    hops = len(find_hops(find_sites(crystal, "Li", voids=False), r_max_A=r_max_A))
    edge_A = max(SMALLEST_EDGE_A, 2 * r_max_A)  # a hop is shorter than that of its image
    repeats = repeats_for(crystal.cell.array, smallest_edge_A=edge_A)
    row = {"formula": crystal.get_chemical_formula(empirical=True), "atoms": len(crystal), "hops": hops}
    paths = min(hops, distinct_sites(crystal) + 1)
    evaluations = hops * (SETTINGS["images"] + 2) + EVALUATIONS_OF_A_PATH * paths
    density = len(crystal) / crystal.cell.volume  # twice as dense has four times the angles
    cost = evaluations * len(crystal) * int(np.prod(repeats)) * density**2
    return Candidate(path.stem, crystal, r_max_A, edge_A, row, cost)


def row_of(candidate: Candidate, potential: UniversalDriver, *, name: str) -> dict[str, object]:
    """What is found of one structure."""
    settings = SETTINGS | {"r_max_A": candidate.r_max_A, "edge_A": candidate.edge_A, "potential": name}
    folder = FOLDER / candidate.identity
    folder.mkdir(parents=True, exist_ok=True)
    record = study_barriers(candidate.crystal, potential, mobile="Li", settings=settings, folder=folder)
    percolation = {
        f"barrier_{key}_eV": f"{each['barrier_eV']:.4f}" for key, each in record["percolation"].items() if each
    }
    reasons = Counter(kind_of(hop["status"]) for hop in record["hops"] if hop["status"] != "ok")
    status = "ok" if "barrier_3D_eV" in percolation else f"no path in 3D ({', '.join(reasons)})"
    ok = sum(hop["status"] == "ok" for hop in record["hops"])
    numbers = {"hops": len(record["hops"]), "ok": ok, "evaluations": record["evaluations"], "status": status}
    return candidate.row | percolation | numbers


def status_of(error: SaltflowError) -> str:
    """Its sentence, without the folder of the file."""
    return re.sub(r"'[^']*/", "'", " ".join(str(error).split()))


def measure(candidate: Candidate, potential: UniversalDriver, *, name: str) -> dict[str, object]:
    """The row of a structure with its time, whatever happens."""
    began, row = time.perf_counter(), candidate.row

    def give_up(*_: object) -> None:
        potential.close()  # its process may be within an evaluation
        raise LeftOutError(f"longer than {LONGEST_S} s")

    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(LONGEST_S)
    try:
        row = row_of(candidate, potential, name=name)
    except SaltflowError as error:
        row = row | {"status": status_of(error)}
    finally:
        signal.alarm(0)
    return row | {"seconds": f"{time.perf_counter() - began:.1f}"}


def measured_S_cm(text: str) -> str:
    """A conductivity as it is written; bounds such as <1e-10 have none."""
    try:
        return f"{float(text):g}"
    except ValueError:
        return ""


def kind_of(status: str) -> str:
    """A status without the name of the file, its numbers and what follows from them."""
    sentence = re.split(r";|,| \(", re.sub(r"^'[^']*': ", "", status))[0]
    return re.sub(r"[0-9.]+", "N", sentence)


def summary(families: Mapping[str, str]) -> None:
    """How many, what it costs, why others are left out, Spearman's ρ with its interval, and the same by family.

    Args:
        families: id → family.
    """
    found = read_rows(TABLE)
    done = [row for row in found if row["barrier_3D_eV"]]
    seconds = sorted(round(float(row["seconds"])) for row in done)
    print(f"{len(done)} of {len(found)} structures have a 3D barrier, in {seconds} s")
    for reason, number in Counter(kind_of(row["status"]) for row in found).most_common():
        print(f"{number:4d}  {reason}")
    for dimension in ("3D", "1D"):
        print(f"{dimension}: {correlation(found, dimension)}")
    computed = [row for row in found if row["evaluations"]]
    family_of = {row["id"]: families.get(row["id"], "") for row in computed}
    for family, number in Counter(family_of.values()).most_common():
        own = [row for row in computed if family_of[row["id"]] == family]
        ok = sum(bool(row["barrier_3D_eV"]) for row in own)
        print(f"{family or 'no family'}: {ok} of {number} with a 3D barrier, {correlation(own, '3D')}")


def correlation(rows: Sequence[Mapping[str, str]], dimension: str) -> str:
    """Spearman's ρ of a barrier and log σ, 95 % by resampling of structures."""
    pairs = [
        (float(row[f"barrier_{dimension}_eV"]), np.log10(float(row["sigma_S_cm"])))
        for row in rows
        if row[f"barrier_{dimension}_eV"] and row["sigma_S_cm"]
    ]
    if len(pairs) < FEWEST:
        return f"{len(pairs)} measured, too few for a correlation"
    barriers, conductivities = np.array(pairs).T
    random = np.random.default_rng(1)
    picks = (random.integers(0, len(pairs), len(pairs)) for _ in range(2000))
    resampled = [stats.spearmanr(barriers[pick], conductivities[pick]).statistic for pick in picks]
    low, high = np.nanpercentile(resampled, [2.5, 97.5])
    rho = stats.spearmanr(barriers, conductivities).statistic
    return f"ρ = {rho:.2f} [{low:.2f}, {high:.2f}] over {len(pairs)} structures"


def candidates(structures: Path, add: Callable[[str, dict], None]) -> dict[str, Candidate]:
    """Those structures without a row that can be studied, by id; others get their row."""
    found, done = {}, {row["id"] for row in read_rows(TABLE)}
    with zipfile.ZipFile(structures) as archive, tempfile.TemporaryDirectory() as folder:
        names = {Path(each).stem: each for each in archive.namelist() if each.endswith(".cif")}
        for identity in sorted(names.keys() - done):
            try:
                found[identity] = candidate_of(Path(archive.extract(names[identity], folder)))
            except SaltflowError as error:
                add(identity, {"status": status_of(error)})
    return found


def main() -> None:
    """Go on with the table until the minutes are over."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--structures", type=Path, default=OBELIX / "cifs.zip")
    parser.add_argument("--measured", type=Path, default=OBELIX / "measured_conductivities.csv")
    parser.add_argument("--potential", default="chgnet-pbe")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--summary", action="store_true")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    with arguments.measured.open() as handle:
        known = list(csv.DictReader(handle))
    if arguments.summary:
        summary({row["ID"]: MISSPELT.get(row["Family"], row["Family"]) for row in known})
        return
    measured = {row["ID"]: row["Ionic conductivity (S cm-1)"] for row in known}
    end = time.monotonic() + 60 * arguments.minutes

    def add(identity: str, row: dict[str, object]) -> None:
        known = {"potential": arguments.potential, "sigma_S_cm": measured_S_cm(measured.get(identity, ""))}
        append_rows(TABLE, [{"id": identity} | known | row], columns=COLUMNS)
        print(identity, *row.values(), flush=True)

    found = candidates(arguments.structures, add)
    os.environ["PYTHONPATH"] = str(Path(__file__).parent)
    reference = read_reference(read_configuration([])["references"], arguments.potential)
    if reference.package == "chgnet":
        reference = reference.model_copy(update={"calculator": ONE_PASS})
    potential = UniversalDriver(reference)
    for identity, candidate in sorted(found.items(), key=lambda each: each[1].cost):
        if time.monotonic() > end:
            break
        add(identity, measure(candidate, potential, name=arguments.potential))


if __name__ == "__main__":
    main()
