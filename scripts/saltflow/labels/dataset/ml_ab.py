"""VASP's training data ML_AB and ML_ABN: configurations with energy, forces and stress.

Source: https://www.vasp.at/wiki/ML_AB. Positions are Cartesian in Å; the stress is in kbar with the sign of OUTCAR.
"""

import re
from pathlib import Path

import numpy as np
from ase import Atoms

from saltflow.base.errors import SaltflowError
from saltflow.labels.reference.vasp_output import KBAR
from saltflow.materials.frame_info import FrameInfo

VERSION = "1.0 Version"
CONFIGURATION = re.compile(r"^\s*Configuration num\.\s*\d+", re.MULTILINE)
RULE = re.compile(r"^\s*[*=-]{10,}\s*$", re.MULTILINE)


def is_ml_ab(path: Path) -> bool:
    """Whether a file is an ML_AB."""
    with open(path, errors="replace") as file:
        return file.readline().strip().startswith(VERSION)


def read_ml_ab(path: Path) -> list[Atoms]:
    """The labelled frames.

    Raises:
        SaltflowError: a configuration lacks a section, or the file is cut.
    """
    text = path.read_text(errors="replace")
    parts = CONFIGURATION.split(text)[1:]
    if not parts:
        raise SaltflowError(f"{path} holds no configuration.")
    return [_frame(part, path, number) for number, part in enumerate(parts, start=1)]


def _frame(text: str, path: Path, number: int) -> Atoms:
    sections = _sections(text)
    try:
        counts = [line.split() for line in sections["Atom types and atom numbers"]]
        symbols = [symbol for symbol, count in counts for _ in range(int(count))]
        cell_A = _numbers(sections["Primitive lattice vectors (ang.)"])
        frame = Atoms(symbols, positions=_numbers(sections["Atomic positions (ang.)"]), cell=cell_A, pbc=True)
        xx, yy, zz = _numbers(sections["XX YY ZZ"])[0]
        xy, yz, zx = _numbers(sections["XY YZ ZX"])[0]
        labels = {
            "reference_energy_eV": float(sections["Total energy (eV)"][0]),
            "reference_forces_eV_A": _numbers(sections["Forces (eV ang.^-1)"]).reshape(len(frame), 3),
            "reference_stress_eV_A3": -KBAR * np.array([[xx, xy, zx], [xy, yy, yz], [zx, yz, zz]]),
        }
    except (KeyError, ValueError, IndexError) as error:
        raise SaltflowError(f"{path}: configuration {number} is cut or damaged ({error}); remove it.") from error
    return FrameInfo.of(frame).set(**labels)


def _sections(text: str) -> dict[str, list[str]]:
    """Title → the lines below it; titles and their lines are divided by rules."""
    blocks = [block.strip().splitlines() for block in RULE.split(text)]
    blocks = [block for block in blocks if block]
    return {
        block[0].strip(): [line for line in values if line.strip()]
        for block, values in zip(blocks[:-1], blocks[1:], strict=True)
        if len(block) == 1
    }


def _numbers(lines: list[str]) -> np.ndarray:
    return np.array([line.split() for line in lines], dtype=float)
