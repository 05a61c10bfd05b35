"""The symmetric contraction of MACE as one polynomial per element and channel.

x are the features of one channel of an atom, preceded by x₀ = 1. mace contracts order by order (Batatia et al.,
NeurIPS 35, 11423 (2022), equations 10 and 11); the result is a homogeneous polynomial of degree ν = correlation,
S(x, …, x), with a symmetric tensor S per element. One matrix product, monomials of degree ν − 1 times coefficients,
gives G_k = ν S(k, x, …, x). By Euler's theorem the value is Σ_k x_k G_k/ν. G_k is also the gradient, so that the
backward pass needs no matrix product.
"""

import math
from itertools import combinations_with_replacement, permutations

import torch

LARGEST_CORRELATION = 3  # the number of monomials grows as a power of it


class Polynomials(torch.nn.Module):
    """A `SymmetricContraction` of mace whose weights no longer change.

    Args:
        original: the module of the model.
    """

    def __init__(self, original: torch.nn.Module):
        super().__init__()
        self.parts = [Polynomial(contraction) for contraction in original.contractions]

    def forward(self, features: torch.Tensor, elements: torch.Tensor) -> torch.Tensor:
        """Contract the features of atoms.

        Args:
            features: (atoms, channels, components).
            elements: (atoms, elements), one-hot.

        Returns:
            (atoms, channels × components of the irreps), irrep by irrep.
        """
        chosen = elements.argmax(-1)
        rows = {element: torch.nonzero(chosen == element).flatten() for element in chosen.unique().tolist()}
        return torch.cat([part(features, rows).flatten(1) for part in self.parts], -1)


class Polynomial:
    """One irrep of the output: a `Contraction` of mace. Coefficients of an element are made at its first use."""

    def __init__(self, contraction: torch.nn.Module):
        self.degree = degree = contraction.correlation
        self.weights = {degree: contraction.weights_max} | {
            degree - 1 - place: own for place, own in enumerate(contraction.weights)
        }
        first = contraction.U_tensors(1)
        self.inputs = first.shape[-2]
        self.outputs = first.numel() // (self.inputs * first.shape[-1])
        monomials = list(combinations_with_replacement(range(1 + self.inputs), degree - 1))
        self.bases = {
            order: self._of_monomials(contraction.U_tensors(order), order, monomials) for order in self.weights
        }
        self.factors = torch.tensor(monomials, dtype=torch.long, device=first.device).reshape(len(monomials), -1).T
        self.known: dict[int, torch.Tensor] = {}

    def __call__(self, features: torch.Tensor, rows: dict[int, torch.Tensor]) -> torch.Tensor:
        """(atoms, channels, components) from features (atoms, channels, components) and the atoms of every element."""
        coefficients = [self.coefficients(element) for element in rows]
        return _Evaluate.apply(features, self.factors, list(rows.values()), coefficients, self.degree)

    def coefficients(self, element: int) -> torch.Tensor:
        """(channels, monomials, (1 + inputs) × components): the derivatives of an element's polynomials."""
        if element not in self.known:
            parts = [
                torch.einsum("mkwq,qc->cmkw", self.bases[order], own[element]) for order, own in self.weights.items()
            ]
            self.known[element] = sum(parts).flatten(-2).contiguous()
        return self.known[element]

    def _of_monomials(self, basis: torch.Tensor, order: int, monomials: list[tuple[int, ...]]) -> torch.Tensor:
        """(monomials, 1 + inputs, components, paths): contribution of a basis of one order to the derivatives."""
        basis = basis.reshape((self.outputs,) + (self.inputs,) * order + (-1,))
        whole = basis.new_zeros((self.outputs,) + (1 + self.inputs,) * self.degree + basis.shape[-1:])
        whole[(slice(None),) + (slice(1, None),) * order + (0,) * (self.degree - order)] = basis
        every = list(permutations(range(self.degree)))
        symmetric = sum(whole.permute(0, *(1 + axis for axis in axes), -1) for axes in every) / len(every)
        columns = [self.degree * _orderings(factors) * symmetric[(slice(None), *factors)] for factors in monomials]
        return torch.stack(columns).transpose(1, 2)


class _Evaluate(torch.autograd.Function):
    """Values of the polynomials; the forward pass keeps their gradients."""

    @staticmethod
    def forward(ctx, features, factors, rows, coefficients, degree):
        atoms, channels, inputs = features.shape
        outputs = coefficients[0].shape[-1] // (1 + inputs)
        values = features.new_empty((atoms, channels, outputs))
        gradients = features.new_empty((atoms, channels, inputs, outputs))
        for own, of_element in zip(rows, coefficients, strict=True):
            # Components first: monomials are products of whole rows.
            homogeneous = features.new_ones((1 + inputs, channels, len(own)))
            homogeneous[1:] = features[own].permute(2, 1, 0)
            monomials = torch.ones_like(homogeneous[:1])
            for rows_of_factors in factors:
                monomials = monomials * homogeneous[rows_of_factors]
            gradient = torch.bmm(monomials.permute(1, 2, 0), of_element).unflatten(-1, (1 + inputs, outputs))
            values[own] = torch.einsum("kcb,cbkw->bcw", homogeneous, gradient) / degree
            gradients[own] = gradient[:, :, 1:].transpose(0, 1)
        ctx.save_for_backward(gradients)
        return values

    @staticmethod
    def backward(ctx, towards):
        (gradients,) = ctx.saved_tensors
        return (gradients * towards.unsqueeze(-2)).sum(-1), None, None, None, None


def _orderings(factors: tuple[int, ...]) -> int:
    """Number of distinct orders of the factors of a monomial."""
    return math.factorial(len(factors)) // math.prod(math.factorial(factors.count(one)) for one in set(factors))
