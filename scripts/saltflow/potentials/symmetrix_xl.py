"""MACE models evaluated by symmetrix-xl (MIT), which compiles code for each: the only module that imports it.

The compiled code is kept in a private folder of the user, `SYMMETRIX_JIT_CACHE` or ~/.cache/symmetrix, keyed by the
model, the precision, the device and the version; several jobs may share it.
"""

import copy
import importlib.util
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from saltflow.base.errors import SaltflowError

NAME = "symmetrix-xl"
TESTED_VERSION = "0.1.1"  # its calls by arrays are no promised interface


def is_installed(device: str) -> bool:
    """Whether a build for this device is there: cpu, or cuda of the architecture of the card in sight."""
    if importlib.util.find_spec("symmetrix") is None:
        return False
    import symmetrix

    if symmetrix.__version__ != TESTED_VERSION:
        return False
    try:
        symmetrix.load_backend()
    except (symmetrix.BackendError, ImportError):
        return False
    return symmetrix.selected_backend()["backend"] == device


class SymmetrixMACE:
    """A MACE model for a batch of cells as one graph, energies without those of isolated atoms.

    Args:
        model: of one or two layers, correlation 3 and l_max 3.
        dtype: float32 or float64.
        algorithm: direct, compiled for the model when it is first seen (minutes on a CPU), or non-compiled (slow).

    Raises:
        SaltflowError: it refuses the model, or cannot compile it.
    """

    def __init__(self, model: torch.nn.Module, *, dtype: str, algorithm: str = "direct"):
        from symmetrix import Symmetrix
        from symmetrix.extract_mace_data import extract_mace_data

        def load() -> Symmetrix:
            with tempfile.TemporaryDirectory() as folder:
                source, path = Path(folder, "model.model"), Path(folder, "model.json")
                torch.save(copy.deepcopy(model).cpu(), source)
                extracted = extract_mace_data(source)
                extracted["atomic_energies"] = [0.0] * len(extracted["atomic_numbers"])
                path.write_text(json.dumps(extracted))
                return Symmetrix(
                    path, dtype=dtype, streamed_edges=algorithm, execution_profile="speed", neighbor_skin=0.0
                )

        self._calculator = _asked(load)
        self._evaluator, self.cutoff_A = self._calculator.evaluator, float(model.r_max)
        own = self._evaluator.atomic_numbers
        self._types = np.array([own.index(int(number)) for number in model.atomic_numbers], dtype=np.int32)

    def graph(self, elements: np.ndarray, first: torch.Tensor, second: torch.Tensor) -> tuple:
        """What `evaluate` takes for pairs that are kept while atoms move.

        Args:
            elements: (atoms,) places among the elements of the model.
            first, second: (pairs,) atoms, both ways, in order of the first; pairs beyond the cutoff may be among them.
        """
        types, centres, others = self._types[elements], first.cpu().numpy(), second.cpu().numpy().astype(np.int32)
        counts = np.bincount(centres, minlength=len(elements)).astype(np.int32)
        return len(elements), types, counts, others, types[others], centres

    def evaluate(self, graph: tuple, vectors: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Interaction energies of atoms (atoms,) in eV, and −dE/d vector (pairs, 3) in eV/Å.

        Args:
            graph: of the pairs. vectors: (pairs, 3) Å, from the first to the second; none is zero.
        """
        atoms, *lists, centres = graph
        lengths = vectors.norm(dim=1)
        inward = (self.cutoff_A / lengths).clamp(max=1.0)  # what is beyond it stays listed and adds nothing
        xyz, lengths_A = (
            (part * scale).cpu().numpy() for part, scale in ((vectors, inward[:, None]), (lengths, inward))
        )
        self._calculator._compute_mace((atoms, *lists, xyz, lengths_A, centres))
        of_atoms = torch.as_tensor(np.array(self._evaluator.node_energies, dtype=float)[:atoms])
        pulls = torch.as_tensor(np.array(self._evaluator.node_forces, dtype=float).reshape(-1, 3)[: len(centres)])
        return of_atoms.to(vectors.device), pulls.to(vectors.device)


def _asked(work: Callable):
    """What it answers; whatever it raises becomes one sentence."""
    try:
        return work()
    except Exception as error:  # compilers, models and devices fail in their own ways
        reason = " ".join(str(error).split())[:200]
        raise SaltflowError(f"{NAME} cannot evaluate the model: {reason}") from error
