"""What a folder keeps of hops, each with the key of the settings and the crystal that made it."""

from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms

from saltflow.base.provenance import atomic_write, read_json, write_json
from saltflow.studies.barriers.elastic_band import Band
from saltflow.studies.barriers.hop_barriers import HopBarrier
from saltflow.studies.barriers.hop_classes import HopClass


def keep_hop(barrier: HopBarrier, folder: Path, *, key: str) -> None:
    """Write a hop: images as extended XYZ, numbers and the key of what made it as JSON."""
    record = row_of(barrier) | {"key": key, "energies_eV": None}
    if barrier.band:
        images = [
            Atoms(barrier.band.template.symbols, positions, cell=barrier.band.template.cell, pbc=True)
            for positions in barrier.band.positions
        ]
        with atomic_write(folder / f"{barrier.hop.name}.extxyz") as temporary:
            ase.io.write(temporary, images)
        record["energies_eV"] = barrier.band.energies_eV.tolist()
    write_json(folder / f"{barrier.hop.name}.json", record)


def kept_hop(hop: HopClass, folder: Path, *, key: str) -> HopBarrier | None:
    """A hop that the same settings and crystal have made; None where there is none."""
    path = folder / f"{hop.name}.json"
    if not path.is_file() or (record := read_json(path))["key"] != key:
        return None
    band = None
    if record["energies_eV"]:
        images = ase.io.read(folder / f"{hop.name}.extxyz", index=":")
        band = Band(images[0], np.array([image.positions for image in images]), np.array(record["energies_eV"]))
        band.steps, band.largest_force_eV_A = record["steps"], record["largest_force_eV_A"]
    return HopBarrier(hop, record["status"], record["forward_eV"], record["backward_eV"], record["difference_eV"], band)


def row_of(barrier: HopBarrier) -> dict:
    """A hop in records."""
    return {
        "hop": barrier.hop.name,
        "status": barrier.status,
        "length_A": barrier.hop.length_A,
        "multiplicity": len(barrier.hop.members),
        "forward_eV": barrier.forward_eV,
        "backward_eV": barrier.backward_eV,
        "difference_eV": barrier.difference_eV,
        "straight_line_eV": barrier.straight_line_eV,
        "steps": barrier.band.steps if barrier.band else None,
        "largest_force_eV_A": barrier.band.largest_force_eV_A if barrier.band else None,
    }
