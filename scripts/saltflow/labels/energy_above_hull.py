"""How far above its cheapest mixture of crystals a composition lies, at 0 K and by one reference.

python -m saltflow.labels.energy_above_hull --reference gfn1-xtb --crystals LiCl:rocksalt:5.14 AlCl3.cif \
    --frames results/potentials/Al-chloride/generation0/dataset/train.extxyz
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from ase import Atoms

from saltflow.base.errors import SaltflowError
from saltflow.campaign.config_files import read_configuration
from saltflow.campaign.settings.references import Reference, read_reference
from saltflow.labels.frames import read_frames
from saltflow.labels.reference.known_crystals import label_crystal
from saltflow.materials.frame_info import FrameInfo

SMALLEST_PART = 1e-6


def energy_above_hull(
    counts: Mapping[str, float], energy_eV_atom: float, crystals: Sequence[Mapping]
) -> tuple[float, dict[str, float]]:
    """Energy in eV per atom above the cheapest mixture of crystals with the same atoms, and that mixture.

    A linear program: the amounts x_i ≥ 0 of the crystals that minimise Σ x_i E_i with Σ x_i n_i = n. The hull is
    that of the crystals given: one that is missing makes the number too small, never too large.

    Args:
        counts: element → atoms of the composition.
        crystals: each with its name, `counts` and `energy_eV_atom`.

    Returns:
        The energy, negative below all mixtures, and name → part of the atoms of each crystal in the mixture.

    Raises:
        SaltflowError: no mixture of the crystals has these atoms.
    """
    from scipy.optimize import linprog

    elements = sorted({*counts, *(symbol for each in crystals for symbol in each["counts"])})
    parts = np.array([[_fraction(each["counts"], symbol) for each in crystals] for symbol in elements])
    wanted = [_fraction(counts, symbol) for symbol in elements]
    found = linprog([each["energy_eV_atom"] for each in crystals], A_eq=parts, b_eq=wanted) if crystals else None
    if found is None or not found.success:
        raise SaltflowError(
            f"No mixture of {', '.join(each['name'] for each in crystals) or 'nothing'} has the atoms of "
            f"{_formula(counts)}: add crystals, the elements for instance."
        )
    mixture = {each["name"]: float(part) for each, part in zip(crystals, found.x, strict=True) if part > SMALLEST_PART}
    return energy_eV_atom - float(found.fun), mixture


def _fraction(counts: Mapping[str, float], symbol: str) -> float:
    return counts.get(symbol, 0) / sum(counts.values())


def _formula(counts: Mapping[str, float]) -> str:
    return "".join(f"{symbol}{count:g}" for symbol, count in counts.items())


def main(arguments: list[str] | None = None) -> int:
    """Label the crystals, and place the lowest labelled frame of each formula above their hull."""
    chosen = _parser().parse_args(arguments)
    try:
        _report(chosen)
    except SaltflowError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m saltflow.labels.energy_above_hull", description=__doc__.split("\n", 1)[0]
    )
    parser.add_argument("--reference", required=True, help="an entry under `references`")
    parser.add_argument("--crystals", nargs="+", required=True, help="elements, LiCl:rocksalt:5.14, structure files")
    parser.add_argument("--frames", nargs="*", default=[], help="frames labelled by the same reference")
    parser.add_argument("--edge", type=float, help="Å to which small cells are repeated (default: 10 without k-points)")
    parser.add_argument("--folder", type=Path, help="where energies are kept (default: results/references/…/crystals)")
    parser.add_argument("--settings", nargs="*", default=[], help="YAML with what differs in `references`")
    return parser


def _report(chosen: argparse.Namespace) -> None:
    reference = read_reference(read_configuration(chosen.settings, sweep=Path())["references"], chosen.reference)
    folder = chosen.folder or Path("results/references") / chosen.reference / "crystals"
    with tempfile.TemporaryDirectory() as workdir:
        crystals = [
            label_crystal(
                name,
                reference,
                reference_name=chosen.reference,
                folder=folder,
                workdir=Path(workdir),
                smallest_edge_A=chosen.edge,
            )
            for name in chosen.crystals
        ]
    for each in crystals:
        print(f"{each['name']}: {each['energy_eV_atom']:.4f} eV/atom")
    for formula, frame in _lowest(chosen.frames, reference).items():
        counts = frame.symbols.formula.count()
        above_eV, mixture = energy_above_hull(counts, _energy_eV_atom(frame), crystals)
        shown = " + ".join(f"{part:.0%} {name}" for name, part in mixture.items())
        print(f"{formula}: lowest labelled frame {1000 * above_eV:.0f} meV/atom above {shown} (parts of the atoms)")


def _lowest(paths: Sequence[str], reference: Reference) -> dict:
    """Reduced formula → the labelled frame of the lowest energy per atom."""
    lowest = {}
    for path in paths:
        for frame in read_frames(path):
            if FrameInfo.partial(frame).reference_digest != reference.digest():
                raise SaltflowError(
                    f"{path} holds labels of other settings than this reference's; they do not compare."
                )
            formula = str(frame.symbols.formula.reduce()[0])
            if formula not in lowest or _energy_eV_atom(frame) < _energy_eV_atom(lowest[formula]):
                lowest[formula] = frame
    return lowest


def _energy_eV_atom(frame: Atoms) -> float:
    return FrameInfo.of(frame).reference_energy_eV / len(frame)


if __name__ == "__main__":
    sys.exit(main())
