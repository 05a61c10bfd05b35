"""The two parts of a MACE model that take most of the time on a CPU, written so that less goes through the memory.

Energies and forces are those of the original parts up to rounding. Weights are taken as they are when a model is
accelerated: it is for evaluation, and cannot be trained, exported or saved.
"""

import copy

import torch

from saltflow.kernels.contraction import LARGEST_CORRELATION, Polynomials
from saltflow.kernels.convolution import Convolution, Neighbourhoods, is_supported


def accelerated(model: torch.nn.Module) -> torch.nn.Module:
    """A model with these parts in place of its own; parts of another kind stay, and so does the model itself.

    Args:
        model: a MACE model whose weights do not change any more.
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
