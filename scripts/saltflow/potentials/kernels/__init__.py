"""Faster kernels for the two parts of a MACE model that dominate on a CPU: they move less data through memory.

Energies and forces equal those of the original parts up to rounding. An accelerated model keeps the weights of the
moment: it is for evaluation and cannot be trained, exported or saved.
"""

import copy

import torch

from saltflow.potentials.kernels.contraction import LARGEST_CORRELATION, Polynomials
from saltflow.potentials.kernels.convolution import Convolution, Neighbourhoods, is_supported

# Features of an atom × spherical harmonics, above which the kernels are faster than mace: 0.8 to 1.5 × at 72 to 288,
# about 2 × at 512, 3.5 × at 4096 (64 atoms, 5 Å, single and double precision).
WORTHWHILE = 256


def is_worthwhile(model: torch.nn.Module) -> bool:
    """Whether a MACE model is large enough for the kernels to be faster."""
    product = getattr(model.interactions[-1], "conv_tp", None)
    if product is None or not is_supported(product):
        return False
    return product.irreps_in1.dim * product.irreps_in2.dim >= WORTHWHILE


def accelerated(model: torch.nn.Module) -> torch.nn.Module:
    """A copy of a model with the faster kernels; parts that they do not support stay.

    Args:
        model: a MACE model whose weights no longer change.
    """
    neighbourhoods = Neighbourhoods()
    interactions = [_with_convolution(interaction, neighbourhoods) for interaction in model.interactions]
    products = [_with_polynomials(product) for product in model.products]
    return _replaced(
        model, interactions=torch.nn.ModuleList(interactions), products=torch.nn.ModuleList(products)
    ).eval()


def _with_convolution(interaction: torch.nn.Module, neighbourhoods: Neighbourhoods) -> torch.nn.Module:
    if hasattr(interaction, "conv_fusion") or not is_supported(interaction.conv_tp):
        return interaction
    faster = _replaced(interaction, conv_tp=Convolution(interaction.conv_tp, neighbourhoods))
    faster.conv_fusion = True  # its tensor product sums over the edges itself
    return faster


def _with_polynomials(product: torch.nn.Module) -> torch.nn.Module:
    contractions = getattr(product.symmetric_contractions, "contractions", None)
    if contractions is None or any(part.correlation > LARGEST_CORRELATION for part in contractions):
        return product
    return _replaced(product, symmetric_contractions=Polynomials(product.symmetric_contractions))


def _replaced(module: torch.nn.Module, **parts: torch.nn.Module) -> torch.nn.Module:
    """A shallow copy of a module with some of its parts replaced."""
    changed = copy.copy(module)
    changed._modules = dict(module._modules)
    for name, part in parts.items():
        setattr(changed, name, part)
    return changed
