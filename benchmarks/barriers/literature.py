"""Barriers of known crystals by two universal potentials beside published ones.

Vacancy hops at the volume of the files beside this one; partial occupancies are ordered first. One image where
symmetry puts the saddle in the middle, else three, or five over an empty site; end states to 0.05, bands to 0.1 eV/Å,
small cells: what two cores pay. Rows go to literature.tsv, one for each hop; what it has is not computed again.

usage: python benchmarks/barriers/literature.py [--potentials chgnet-pbe diep-r2scan] [--only CASE …] [--summary]
"""

import argparse
import os
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
sys.path.insert(0, str(REPOSITORY / "scripts"))

import spglib  # noqa: E402
from ase import Atoms  # noqa: E402
from kept_rows import append_rows, read_rows  # noqa: E402

from saltflow.base.errors import SaltflowError  # noqa: E402
from saltflow.campaign.config_files import read_configuration  # noqa: E402
from saltflow.campaign.settings.references import read_reference  # noqa: E402
from saltflow.potentials.universal.driver import UniversalDriver  # noqa: E402
from saltflow.studies.barriers.barrier_study import study_barriers  # noqa: E402
from saltflow.studies.given_crystal import read_crystal  # noqa: E402

TABLE = HERE / "literature.tsv"
FOLDER = REPOSITORY / "build/benchmarks/literature"
COLUMNS = ("case", "potential", "crystal", "atoms", "hop", "length_A", "multiplicity", "straight_line_eV", "forward_eV",
           "backward_eV", "status", "sigma_300K_S_cm", "evaluations", "seconds")  # fmt: skip
SETTINGS = {
    "mechanism": "vacancy", "end_force_eV_A": 0.05, "band_force_eV_A": 0.1, "end_steps": 200,
    "band_steps": 200, "temperatures_K": [300.0], "jumps": 1000, "seed": 1, "edge_A": 4.0,
}  # fmt: skip
ONE_PASS = "chgnet_one_pass.make_calculator"  # in this folder


@dataclass(frozen=True)
class Case:
    """Hops of one crystal.

    Attributes:
        file: a CIF of this folder. repeats: of its cell, by which it becomes the supercell.
        r_max_A: length of the longest hop.
        published: what others have, with its source.
        images: of a path.
        most_atoms: of an ordered cell.
        is_primitive: of the primitive cell instead.
    """

    file: str
    repeats: tuple[int, int, int]
    r_max_A: float
    published: str
    images: int = 1
    most_atoms: int = 60
    is_primitive: bool = False

    @property
    def crystal(self) -> Atoms:
        """The supercell, ordered."""
        cell = read_crystal(str(HERE / self.file), seed=SETTINGS["seed"], most_atoms=self.most_atoms)
        if self.is_primitive:
            lattice, places, numbers = spglib.find_primitive(
                (cell.cell.array, cell.get_scaled_positions(), cell.numbers)
            )
            cell = Atoms(numbers, scaled_positions=places, cell=lattice, pbc=True)
        return cell.repeat(self.repeats)


NASICON = "LATP 0.2 to 0.4 by experiment"
PAPER = "arXiv:2507.02334"
CASES = {
    "Li3N": Case("Li3N.cif", (2, 2, 2), 3.0, "0.004 in the plane, 0.58 across (Sarnthein 1996)", images=3),
    "Li2O": Case("Li2O.cif", (2, 2, 2), 2.4, "0.28", is_primitive=True),
    "LiFePO4 b": Case("LiFePO4.cif", (1, 2, 1), 3.5, "0.27"),
    "LiMgPO4 b": Case("LiMgPO4.cif", (1, 2, 1), 3.5, f"low ({PAPER})"),
    "LiTiPO5 b": Case("LiTiPO5.cif", (1, 2, 1), 3.5, f"low ({PAPER})"),
    "LiMgPO4 b, unit cell": Case("LiMgPO4.cif", (1, 1, 1), 3.5, f"low ({PAPER})"),
    "LiTiPO5 b, unit cell": Case("LiTiPO5.cif", (1, 1, 1), 3.5, f"low ({PAPER})"),
    "LTP": Case("LiTi2P3O12.cif", (1, 1, 1), 6.2, NASICON, images=3, is_primitive=True),
    "LATP": Case("Li1.5Al0.5Ti1.5P3O12.cif", (1, 1, 1), 4.0, NASICON, images=3, most_atoms=40, is_primitive=True),
    "doped LiMgPO4": Case("Li0.5Mg0.5Al0.5PO4.cif", (2, 2, 1), 6.3, f"0.19 mS/cm ({PAPER})", images=5, most_atoms=28),
    "doped LiTiPO5": Case("Li0.5TiPO4.5F0.5.cif", (2, 1, 1), 3.5, f"0.024 mS/cm ({PAPER})", most_atoms=32),
    "LiFePO4 c": Case("LiFePO4.cif", (1, 1, 2), 4.9, "above 1.8"),
}


def study(name: str, case: Case, potential: UniversalDriver, *, potential_name: str) -> list[dict[str, object]]:
    """Rows of a case."""
    began, crystal = time.perf_counter(), case.crystal
    carriers = (crystal.symbols == "Li").sum() / crystal.cell.volume * 1e24
    settings = SETTINGS | {"r_max_A": case.r_max_A, "images": case.images, "carriers_per_cm3": carriers}
    folder = FOLDER / f"{name}-{potential_name}".replace(",", "").replace(" ", "-")
    folder.mkdir(parents=True, exist_ok=True)
    settings["potential"] = potential_name
    record = study_barriers(crystal, potential, mobile="Li", settings=settings, folder=folder)
    common = {
        "case": name, "potential": potential_name, "crystal": record["formula"], "atoms": record["atoms"],
        "evaluations": record["evaluations"], "seconds": round(time.perf_counter() - began),
        "sigma_300K_S_cm": f"{record['diffusion'][0]['sigma_S_cm']:.2e}" if record["diffusion"] else "",
    }  # fmt: skip
    return [common | {key: _text(hop[key]) for key in COLUMNS if key in hop} for hop in record["hops"]]


def _text(value: object) -> object:
    return f"{value:.3f}" if isinstance(value, float) else value


def summary() -> None:
    """Each hop beside what is published."""
    for row in read_rows(TABLE):
        barrier = f"{row['forward_eV']} / {row['backward_eV']} eV" if row["status"] == "ok" else row["status"]
        print(f"{row['case']} | {row['potential']} | {row['length_A']} Å | {barrier} | {CASES[row['case']].published}")


def main() -> None:
    """Go on with the table, one potential after another."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--potentials", nargs="+", default=["chgnet-pbe", "diep-r2scan"])
    parser.add_argument("--only", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--summary", action="store_true")
    arguments = parser.parse_args()
    if arguments.summary:
        summary()
        return
    warnings.simplefilter("ignore")
    os.environ["PYTHONPATH"] = str(HERE)
    for potential_name in arguments.potentials:
        reference = read_reference(read_configuration([])["references"], potential_name)
        if reference.package == "chgnet":
            reference = reference.model_copy(update={"calculator": ONE_PASS})
        potential = UniversalDriver(reference)
        done = {(row["case"], row["potential"]) for row in read_rows(TABLE)}
        for name in arguments.only:
            if (name, potential_name) in done:
                continue
            try:
                found = study(name, CASES[name], potential, potential_name=potential_name)
            except SaltflowError as error:
                found = [{"case": name, "potential": potential_name, "status": " ".join(str(error).split())}]
            append_rows(TABLE, found, columns=COLUMNS)
            print(*(list(row.values()) for row in found), sep="\n", flush=True)
        potential.close()


if __name__ == "__main__":
    main()
