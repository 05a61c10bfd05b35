"""Li2BMQ4 (B = Ca, Sr, Ba; M = Si, Ge, Sn; Q = O, S, Se), the 27 members of arXiv 2405.03466, by a universal potential.

All in one structure, that of Li2CaSiO4 (I-42m; lattice of Gard and West, J. Solid State Chem. 7, 422, 1973; O where
Si–O is 1.64 Å: its two free coordinates are relaxed). Competing phases are in li2bmq4/phases, with the same
substitutions: Li2SiO3 (Hesse, Acta Cryst. B33, 901, 1977), Li4SiO4 in the structure of Li4GeO4 and Li2SiO3 in that of
Li2SnS3 (both of OBELiX, CC-BY-4.0), Ca2SiO4 in those of K2SO4 and olivine; elements and simpler salts are prototypes.

Fixed before the first run. Members that have been made, by the literature: in this structure Li2CaSiO4, Li2CaGeO4,
Li2BaMQ4 with M = Si, Ge, Sn and Q = S, Se (Nian et al., Inorg. Chem. 2018), Li2SrGeS4 and Li2SrSnS4 (Wu et al., Chem.
Sci. 10, 3963, 2019); in others Li2SrSiO4, Li2SrGeO4, Li2BaSiO4. They should lie nearer to the hull than those that
nobody has reported: area under the ROC curve with 95 % by resampling of members, and with shuffled labels as control.

usage: python benchmarks/screening/li2bmq4.py [--potential chgnet-pbe] [--folder build/benchmarks/li2bmq4]
"""

import argparse
import csv
import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

import numpy as np  # noqa: E402

MADE_HERE = {"Li2CaSiO4", "Li2CaGeO4", "Li2SrGeS4", "Li2SrSnS4", *(f"Li2Ba{m}{q}4" for m in ("Si", "Ge", "Sn") for q in
             ("S", "Se"))}  # fmt: skip
MADE_OTHERWISE = {"Li2SrSiO4", "Li2SrGeO4", "Li2BaSiO4"}
RESAMPLED, SEED = 5000, 1


def screen(potential: str, folder: Path) -> list[dict[str, str]]:
    """The rows of screening.tsv; what the folder holds is not computed again."""
    family = REPOSITORY / "benchmarks/screening/li2bmq4/family.yaml"
    options = [
        "--potential",
        potential,
        "--budget",
        "400",
        "--steps",
        "200",
        "--batch-atoms",
        "40",
        "--out",
        str(folder),
    ]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "scripts"), "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-m", "saltflow", "screen", str(family), *options], check=True, env=environment)
    with open(folder / "screening.tsv") as handle:
        return list(csv.DictReader(handle, delimiter="\t"))


def area(scores: np.ndarray, made: np.ndarray) -> float:
    """Part of the pairs of a made and an unreported member in which the made one is nearer to the hull."""
    first, second = scores[made][:, None], scores[~made]
    return float(((first < second) + 0.5 * (first == second)).mean()) if made.any() and not made.all() else np.nan


def interval(scores: np.ndarray, made: np.ndarray) -> str:
    """The area with its 95 % interval."""
    random = np.random.default_rng(SEED)
    draws = random.integers(0, len(scores), (RESAMPLED, len(scores)))
    low, high = np.nanpercentile([area(scores[each], made[each]) for each in draws], [2.5, 97.5])
    return f"{area(scores, made):.2f} [{low:.2f}, {high:.2f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--potential", default="chgnet-pbe")
    parser.add_argument("--folder", type=Path, default=REPOSITORY / "build/benchmarks/li2bmq4")
    options = parser.parse_args()
    rows = screen(options.potential, options.folder)
    known = [row for row in rows if row["above_hull_eV_atom"]]
    print("\nmember\tmeV/atom above the hull\tmade\twindow (V)\tdecomposes to")
    for row in sorted(known, key=lambda row: float(row["above_hull_eV_atom"])):
        name = row["member"]
        made = "here" if name in MADE_HERE else "in another structure" if name in MADE_OTHERWISE else "-"
        window = f"{row['reduction_V']}–{row['oxidation_V']}"
        print(f"{name}\t{1000 * float(row['above_hull_eV_atom']):.0f}\t{made}\t{window}\t{row['decomposes_to']}")
    scores = np.array([float(row["above_hull_eV_atom"]) for row in known])
    made = np.array([row["member"] in MADE_HERE | MADE_OTHERWISE for row in known])
    print(f"\nmade before unreported: {interval(scores, made)}; "
          f"shuffled: {interval(scores, np.random.default_rng(SEED).permutation(made))}")  # fmt: skip
    for position, letter in ((3, "B"), (5, "M")):
        for element in dict.fromkeys(row["member"][position : position + 2] for row in known):
            mine = [row["member"][position : position + 2] == element for row in known]
            print(f"{letter} = {element}: median {1000 * np.median(scores[mine]):.0f} meV/atom")
    for anion in ("O4", "S4", "Se4"):
        mine = [row["member"][7:] == anion for row in known]
        print(f"Q = {anion[:-1]}: median {1000 * np.median(scores[mine]):.0f} meV/atom")


if __name__ == "__main__":
    main()
