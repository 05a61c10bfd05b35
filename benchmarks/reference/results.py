"""Labels of benchmark structures, kept on disk: a table that was cut short goes on where it stopped."""

import json
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms

from saltflow.base.provenance import digest
from saltflow.campaign.settings.references import Reference
from saltflow.labels.reference.labelling import label_frames

FORCE_LIMIT_EV_A = 100.0
EV_A3_IN_GPA = 160.21766


@dataclass(frozen=True)
class Measured:
    """A label and its cost."""

    energy_eV: float
    forces_eV_A: np.ndarray
    stress_GPa: np.ndarray
    net_force_eV_A: float
    seconds: float
    scf_steps: int


class Results:
    """Labels by settings and structure in a file of JSON lines."""

    def __init__(self, path: Path):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        lines = path.read_text().splitlines() if path.is_file() else []
        self.known = {record["key"]: record for record in map(json.loads, lines)}

    def label(self, name: str, atoms: Atoms, reference: Reference, changes: Mapping[str, object]) -> Measured:
        """The label of a structure by a reference with some settings changed; computed unless it is known."""
        # A net force is what is measured here, not a reason to stop.
        changed = reference.model_copy(update={**changes, "net_force_limit_eV_A": 10.0})
        structure = [atoms.numbers.tolist(), atoms.positions.tolist(), atoms.cell.tolist()]
        key = digest({"settings": changed.identity(), "structure": structure})
        if key not in self.known:
            self._keep(key, name, changed, atoms, changes)
        record = self.known[key]
        return Measured(**{
            field: np.array(value) if isinstance(value, list) else value for field, value in record["measured"].items()
        })  # fmt: skip

    def _keep(self, key: str, name: str, reference: Reference, atoms: Atoms, changes: Mapping[str, object]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            (label,) = label_frames([atoms], reference, max_force_eV_A=FORCE_LIMIT_EV_A, workdir=Path(folder))
        if label.status != "ok":
            raise SystemExit(f"{reference.code} {name} {dict(changes)}: {label.status}, {label.reason}")
        measured = {
            "energy_eV": label.energy_eV,
            "forces_eV_A": label.forces_eV_A.tolist(),
            "stress_GPa": (label.stress_eV_A3 * EV_A3_IN_GPA).tolist(),
            "net_force_eV_A": label.details["net_force_eV_A"],
            "seconds": label.seconds,
            "scf_steps": label.details["scf_steps"],
        }
        record = {"key": key, "code": reference.code, "structure": name, "changes": dict(changes), "measured": measured}
        self.known[key] = record
        with self.path.open("a") as file:
            file.write(json.dumps(record) + "\n")
        stamp = time.strftime("%H:%M:%S")
        print(f"{stamp} {reference.code} {name} {dict(changes)}: {label.seconds:.0f} s", flush=True)
