"""A barrier by a small potential before and after it learns saddles from its teacher, the way of docs/barriers.md.

The small potential is the shipped MACE, which learned from DIEP on melts of other chlorides; the crystal is rock salt
LiCl at its own and two other lattice constants. Frames of its paths are labelled by DIEP and join the dataset of one
potential (`saddles`); the control (`plain`) learns the initial frames of the sweep alone. Each step is one of the
commands that people type. What is there is not computed again.

usage: python benchmarks/barriers/fine_tune.py [--folder build/benchmarks/saddles] [--small]
"""

import argparse
import hashlib
import itertools
import json
import shutil
import subprocess
import sys
from pathlib import Path

import yaml
from ase import Atoms
from ase.build import bulk

REPOSITORY = Path(__file__).resolve().parents[2]
STUDENT = REPOSITORY / "config/presets/demo/distilled.model"
TEACHER = "diep-r2scan"
LATTICES_A = {"salt": 5.14, "dense": 4.99, "wide": 5.29}
STUDY = {"--mobile": "Li", "--images": "3", "--edge": "8", "--r-max": "4", "--end-force": "0.05", "--jumps": "500"}
COMPOSITION = {
    "id": "LiCl", "formula": "LiCl", "host": "-", "salt": "-", "mobile_ion": "Li", "oxidation_states": "Li:+1 Cl:-1",
    "family": "salt", "potential": "saddles", "start": "salt.cif", "density_g_cm3": "2.07",
    "density_basis": "experiment", "sigma_mS_cm": "-", "sigma_temperature_C": "-", "sigma_origin": "-", "Ea_eV": "-",
    "Ea_origin": "-", "source": "a benchmark", "note": "-",
}  # fmt: skip
SETTINGS = {
    "tables": {each: f"{each}.{'yaml' if each == 'overrides' else 'tsv'}" for each in
               ("compositions", "potentials", "overrides")},
    "execution": {"device": "cpu"},
    "labels": {"max_force_eV_A": 60.0},
    "learning": {
        "committee": 2, "generations": 1, "foundation_method": {"functional": "r2SCAN"},
        "initial_structures": {"cells": 3, "heldout_cells": 1, "atoms": 54, "frames_per_cell": 4,
                               "density_scales": [0.95, 1.0, 1.05], "melt_temperatures_K": [300, 600],
                               "melt_ps": 0.2, "prescreen": False},
        "training": {"epochs": 80, "batch_frames": 2, "learning_rate": 0.002, "dtype": "float32", "recipe": "naive"},
        "model": {"cutoff_A": 4.5, "channels": 16, "max_L": 0, "max_ell": 2, "correlation": 2, "radial_basis": 6,
                  "radial_width": 16},
    },
}  # fmt: skip


def call(*words: str | Path, folder: Path) -> str:
    """What a command prints."""
    environment = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "PYTHONPATH": str(REPOSITORY / "scripts")}
    done = subprocess.run(
        [sys.executable, "-m", *map(str, words)], cwd=folder, capture_output=True, text=True, env=environment
    )
    if done.returncode:
        sys.exit(f"{' '.join(map(str, words))} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def barriers(folder: Path, out: str, potential: str | Path, *, lattices: dict = LATTICES_A) -> dict[str, float | None]:
    """Lattice → barrier of its one hop in eV; None without one."""
    names = [f"{name}.cif" for name in lattices]
    pin = ("--sha256", hashlib.sha256(Path(potential).read_bytes()).hexdigest()) if isinstance(potential, Path) else ()
    options = itertools.chain(*STUDY.items())
    call("saltflow", "barriers", *names, *options, "--potential", potential, *pin, "--out", out, folder=folder)
    studies = [folder / out / name for name in lattices] if len(lattices) > 1 else [folder / out]
    records = [json.loads((each / "barriers.json").read_text()) for each in studies]
    return {name: each["hops"][0]["forward_eV"] for name, each in zip(lattices, records, strict=True)}


def prepare_sweep(folder: Path, imported: list[dict]) -> None:
    """Tables and settings of two potentials that differ by the imported frames."""
    shutil.copy2(STUDENT, folder / "student.model")
    digest = hashlib.sha256(STUDENT.read_bytes()).hexdigest()
    rows = [f"{name}\tstudent.model\t{digest}\t{TEACHER}\tLiCl\t{name}" for name in ("saddles", "plain")]
    head = "name\tfoundation\tfoundation_sha256\treference\tcompositions\tnote"
    (folder / "potentials.tsv").write_text("\n".join([head, *rows, ""]))
    (folder / "compositions.tsv").write_text(
        "\n".join("\t".join(each) for each in (COMPOSITION, COMPOSITION.values())) + "\n"
    )
    overrides = {"compositions": {}, "potentials": {"saddles": {"labels": {"imported": imported}}}}
    (folder / "overrides.yaml").write_text(yaml.safe_dump(overrides))
    (folder / "config.yaml").write_text(yaml.safe_dump(SETTINGS))


def main() -> None:
    """Print barriers before and after, beside the teacher's."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=REPOSITORY / "build/benchmarks/saddles")
    parser.add_argument("--small", action="store_true", help="cells of 6 Å and few epochs: whether it comes to its end")
    choices = parser.parse_args()
    folder = choices.folder.resolve()
    if choices.small:
        STUDY["--edge"], SETTINGS["learning"]["training"]["epochs"] = "5.5", 3
    folder.mkdir(parents=True, exist_ok=True)
    for name, lattice_A in LATTICES_A.items():
        crystal: Atoms = bulk("LiCl", "rocksalt", a=lattice_A)
        crystal.write(folder / f"{name}.cif")
    found = {"before": barriers(folder, "before", STUDENT)}
    print(found, flush=True)
    paths = [Path("before") / name for name in LATTICES_A]
    print(call("saltflow", "saddles", *paths, folder=folder))
    (folder / "labels.yaml").write_text(yaml.safe_dump({"labels": SETTINGS["labels"]}))
    label = ("saltflow", "reference", "label", "saddles.extxyz", "--reference", TEACHER, "--composition", "LiCl")
    entry = call(*label, "--out", "labelled.extxyz", "--settings", "labels.yaml", folder=folder)
    print(entry, flush=True)
    prepare_sweep(folder, yaml.safe_load(entry.partition("overrides.yaml:\n")[2]))
    models = [f"results/potentials/{name}/generation0/committee/member1.model" for name in ("saddles", "plain")]
    snakemake = ("snakemake", "--snakefile", REPOSITORY / "Snakefile", "--profile", REPOSITORY / "profiles/local")
    call("saltflow", "resume", folder, folder=folder)  # where this was killed before
    call(
        *snakemake,
        "--directory",
        folder,
        "--configfile",
        folder / "config.yaml",
        "--cores",
        "1",
        *models,
        folder=folder,
    )
    for model in models:
        found[model.split("/")[2]] = barriers(folder, model.split("/")[2], folder / model)
    STUDY["--images"] = "1"  # the hop is symmetric, and the teacher slow
    found[TEACHER] = barriers(folder, "teacher", TEACHER, lattices={"salt": LATTICES_A["salt"]})
    print("| potential |", " | ".join(f"{name}, {each} Å" for name, each in LATTICES_A.items()), "|")
    for name, each in found.items():
        print(f"| {name} |", " | ".join("–" if value is None else f"{value:.3f}" for value in each.values()), "|")


if __name__ == "__main__":
    main()
