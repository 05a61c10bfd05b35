"""What can evaluate MACE models faster than mace, chosen by the device and by what their compilation costs.

On a CPU our loops are as fast as symmetrix-xl and need no compilation of a model. On a GPU symmetrix-xl gains about
35 µs per atom and step (its authors' 6 beside 31 to 44 of mace with cuEquivariance). Its compilation, minutes at most,
is earned back after some thousand steps of 1,300 atoms: it is for runs of released models, which have a hundred times
as many.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from saltflow.potentials import symmetrix_xl
from saltflow.potentials.compiled.model import CompiledMACE
from saltflow.potentials.compiled.weights import is_covered


@dataclass(frozen=True)
class Compiler:
    """How models are compiled.

    Attributes:
        name: for records.
        compile: makes an evaluator of a model and a `dtype`; raises SaltflowError where it cannot.
    """

    name: str
    compile: Callable[..., CompiledMACE | symmetrix_xl.SymmetrixMACE]


LOOPS = Compiler("compiled loops", CompiledMACE)
SYMMETRIX = Compiler(f"{symmetrix_xl.NAME} {symmetrix_xl.TESTED_VERSION}", symmetrix_xl.SymmetrixMACE)


def fastest(models: Sequence[torch.nn.Module], *, device: str, for_long_runs: bool) -> Compiler | None:
    """The compiler for models on a device, cpu or cuda; None where mace evaluates them."""
    if device == "cpu":
        return LOOPS if all(is_covered(model) for model in models) else None
    return SYMMETRIX if for_long_runs and symmetrix_xl.is_installed(device) else None
