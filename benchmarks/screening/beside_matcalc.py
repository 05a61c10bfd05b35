"""Moduli and phonons of one crystal beside matcalc (ElasticityCalc, PhononCalc by phonopy), by the same potential.

Fixed before the first run: bulk and shear modulus within 1 GPa, and every frequency at the wave vectors of the same
supercell within 0.1 THz. matcalc strains by its own choice of the same size, with relaxed atoms; phonopy displaces by
0.01 Å as we do. Rock salt LiCl by the shipped MACE, in double precision, with MACE's own calculator on their side.

usage: python benchmarks/screening/beside_matcalc.py
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "scripts"))
sys.path.insert(0, str(REPOSITORY / "benchmarks"))

import numpy as np  # noqa: E402
from ase import Atoms  # noqa: E402
from ase.build import bulk  # noqa: E402

MATCALC = "matcalc==0.7.0"
MODEL = REPOSITORY / "config/presets/demo/distilled.model"
SHA256 = "d582f4c787d960ffd4885a96296f881446de5f819df1402ea315a7db553b629d"
REPEATS = (4, 4, 4)
STRAINS = (0.005, 0.01)
SETTINGS = {"strains": STRAINS, "force_eV_A": 0.001, "steps": 1000, "glass": False, "potential": "mace",
            "potential_sha256": SHA256}  # fmt: skip
MOST_GPa, MOST_THz = 1.0, 0.1


def ours() -> tuple[dict, np.ndarray, Atoms]:
    """Moduli in GPa, frequencies in THz at the wave vectors of the supercell, and the relaxed cell."""
    from saltflow.potentials.mace import load_committee
    from saltflow.studies.mechanics.mechanics_study import study_mechanics
    from saltflow.studies.relaxation.batched_evaluation import BatchedEvaluation
    from saltflow.studies.relaxation.relaxed_cells import relax_cells
    from saltflow.studies.survivors.force_constants import force_constants

    potential = load_committee([MODEL], sha256=[SHA256], device="cpu", dtype="float64")
    evaluation = BatchedEvaluation(potential)
    (rest,) = relax_cells([bulk("LiCl", "rocksalt", a=5.14)], evaluation, force_eV_A=0.001, steps=500)
    with tempfile.TemporaryDirectory() as folder:
        moduli = study_mechanics(rest.atoms, potential, settings=SETTINGS, folder=Path(folder))["moduli"]
    constants = force_constants(rest.atoms, evaluation, repeats=REPEATS)
    return moduli, constants.frequencies_THz(constants.commensurate), rest.atoms


def theirs(cell: Atoms, wave_vectors: list) -> None:
    """Print the same of matcalc, as JSON."""
    from mace.calculators import MACECalculator
    from matcalc import ElasticityCalc, PhononCalc

    calculator = MACECalculator(model_paths=str(MODEL), device="cpu", default_dtype="float64")
    normal = tuple(sign * strain for strain in STRAINS for sign in (-1, 1))
    elastic = ElasticityCalc(
        calculator,
        norm_strains=normal,
        shear_strains=normal,
        fmax=0.001,
        relax_structure=False,
        relax_deformed_structures=True,
    ).calc(cell)
    phonons = PhononCalc(
        calculator,
        atom_disp=0.01,
        supercell_matrix=np.diag(REPEATS).tolist(),
        relax_structure=False,
        write_phonon=False,
    ).calc(cell)["phonon"]
    phonons.run_qpoints(wave_vectors)
    frequencies = np.array(phonons.get_qpoints_dict()["frequencies"]).tolist()
    scale = 1.0 if elastic["bulk_modulus_vrh"] > 1 else 160.21766
    record = {"bulk_GPa": scale * elastic["bulk_modulus_vrh"], "shear_GPa": scale * elastic["shear_modulus_vrh"]}
    print(json.dumps(record | {"THz": frequencies}))


def main() -> None:
    if sys.argv[1:]:
        given = json.loads(Path(sys.argv[1]).read_text())
        cell = Atoms(given["symbols"], given["positions_A"], cell=given["cell_A"], pbc=True)
        theirs(cell, given["wave_vectors"])
        return
    from peers import foreign_python

    moduli, frequencies, cell = ours()
    wave_vectors = [(np.array(each) / REPEATS).tolist() for each in np.ndindex(*REPEATS)]
    python, problem = foreign_python(MATCALC, sees_ours=True)
    if python is None:
        raise SystemExit(f"matcalc is not there: {problem}")
    with tempfile.NamedTemporaryFile("w", suffix=".json") as handle:
        given = {
            "symbols": list(cell.symbols),
            "positions_A": cell.positions.tolist(),
            "cell_A": cell.cell.array.tolist(),
        }
        json.dump(given | {"wave_vectors": wave_vectors}, handle)
        handle.flush()
        said = subprocess.run([str(python), __file__, handle.name], capture_output=True, text=True)
    if said.returncode:
        raise SystemExit(said.stderr[-2000:])
    other = json.loads(said.stdout.strip().splitlines()[-1])
    apart_THz = np.abs(np.sort(np.array(other["THz"]), axis=1) - frequencies).max()
    print(f"frequencies: {frequencies.size} within {apart_THz:.4f} THz, the highest {frequencies.max():.2f} THz")
    apart_GPa = [abs(moduli[key] - other[key]) for key in ("bulk_GPa", "shear_GPa")]
    for key, apart in zip(("bulk_GPa", "shear_GPa"), apart_GPa, strict=True):
        print(f"{key}: {moduli[key]:.2f}, by matcalc {other[key]:.2f}, {apart:.3f} apart")
    if max(apart_GPa) > MOST_GPa or apart_THz > MOST_THz:
        raise SystemExit("NOT equal")


if __name__ == "__main__":
    main()
