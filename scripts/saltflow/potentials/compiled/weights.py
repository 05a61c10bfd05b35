"""The weights of a MACE model as the arrays that compiled loops read.

Features of atoms are (components, atoms, channels): component ell² + m of order ell, x, y, z for ell 1 as in e3nn.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
import torch

from saltflow.potentials.compiled.radial_tables import tabulated

LARGEST_ELL, LARGEST_CORRELATION = 3, 3  # harmonics are written out, monomials have three factors
MOST_FUNCTIONS = 2**16  # in the tables of all pairs of elements: 0.5 GB in single precision
INTERACTIONS = tuple(f"RealAgnostic{kind}InteractionBlock" for kind in ("", "Residual", "Density", "DensityResidual"))
READOUTS = ("LinearReadoutBlock", "NonLinearReadoutBlock")


@dataclass(frozen=True)
class Layer:
    """One layer; C channels.

    up: (C, C) for each ell of the features: what senders send.
    couplings: (harmonics, terms) from spherical harmonics to the geometry of each term.
    terms: (terms, 3) path, component of the sender and component of the messages.
    path_ells: of the messages of each path. mixing: (paths, C, C) from messages to summed features.
    of_element: (elements, ells, C, C) applied to these by the element of the atom; None for the identity.
    table: (tables, 3 × knots, functions) of `radial_tables`: C radial weights for each path, then the density.
    has_density: whether messages are divided by 1 + the sum of densities.
    monomials: (monomials, 4) three factors, components of the summed features, and the component of the product. One
        component more stands for the number 1.
    coefficients: (elements, monomials, C).
    derivatives: (terms, 5) component, the other two factors, monomial and multiplicity of each derivative.
    product: (C, C) for each ell after the contraction.
    skip: (elements, ells, C, C) from the features before the layer to those after; None without.
    readout: (C,) linear readout in eV; zero without.
    """

    up: list[np.ndarray]
    couplings: np.ndarray
    terms: np.ndarray
    path_ells: list[int]
    mixing: np.ndarray
    of_element: np.ndarray | None
    table: np.ndarray
    has_density: bool
    monomials: np.ndarray
    coefficients: np.ndarray
    derivatives: np.ndarray
    product: list[np.ndarray]
    skip: np.ndarray | None
    readout: np.ndarray


@dataclass(frozen=True)
class Weights:
    """A model; C channels.

    isolated_eV: (elements,) energies of isolated atoms, with the shift of the model.
    embedding: (elements, C) features at the start.
    table_of: (elements, elements) which table an edge has, by sender and receiver.
    hidden: (C, width), output: (width,) of the last readout, with the silu between them; in eV.
    repulsion: (elements, elements, 3) ZBL prefactor in eV Å, screening length and range in Å; range 0 without ZBL.
    repulsion_power: of its envelope.
    """

    cutoff_A: float
    largest_ell: int
    isolated_eV: np.ndarray
    embedding: np.ndarray
    table_of: np.ndarray
    layers: list[Layer]
    hidden: np.ndarray
    output: np.ndarray
    repulsion: np.ndarray
    repulsion_power: int


def is_covered(model: torch.nn.Module) -> bool:
    """Whether a model is a MACE of one head, all whose parts the loops know."""
    from mace import modules  # seconds

    if type(model) not in (modules.MACE, modules.ScaleShiftMACE) or len(getattr(model, "heads", ["one"])) != 1:
        return False
    return (
        not hasattr(model, "joint_embedding")
        and all(type(readout).__name__ in READOUTS for readout in model.readouts)
        and all(map(_is_covered_layer, model.interactions, model.products))
        and len(_pairs(model)) * sum(_functions(interaction) for interaction in model.interactions) <= MOST_FUNCTIONS
    )


def _is_covered_layer(interaction: torch.nn.Module, product: torch.nn.Module) -> bool:
    if type(interaction).__name__ not in INTERACTIONS or hasattr(interaction, "conv_fusion"):
        return False
    convolution = interaction.conv_tp
    features = [
        interaction.node_feats_irreps,
        convolution.irreps_in1,
        interaction.target_irreps,
        product.linear.irreps_out,
    ]
    return (
        all(map(_has_all_orders, features))
        and len({irreps[0].mul for irreps in features}) == 1
        and len(convolution.irreps_in2) <= 1 + LARGEST_ELL
        and [path.i_out for path in convolution.instructions] == list(range(len(convolution.irreps_out)))
        and all(path.connection_mode == "uvu" for path in convolution.instructions)
        and all(part.correlation <= LARGEST_CORRELATION for part in product.symmetric_contractions.contractions)
        and not getattr(product, "use_agnostic_product", False)
    )


def _pairs(model: torch.nn.Module) -> list[tuple[int, int]]:
    """Pairs of elements that have tables of their own; one where all have the same."""
    if not hasattr(model.radial_embedding, "distance_transform"):
        return [(0, 0)]
    return list(combinations_with_replacement(range(len(model.atomic_numbers)), 2))


def _functions(interaction: torch.nn.Module) -> int:
    """Number of radial functions of a layer, with the density."""
    return interaction.conv_tp.weight_numel + 1


def _has_all_orders(irreps) -> bool:
    """Whether irreps are the orders 0, 1, 2 … in turn, with the parity of harmonics and equally many channels."""
    return all((part.mul, part.ir.l, part.ir.p) == (irreps[0].mul, ell, (-1) ** ell) for ell, part in enumerate(irreps))


def weights_of(model: torch.nn.Module, *, dtype: str) -> Weights:
    """The weights of a model, found by applying its parts to unit vectors.

    Args:
        model: a model for which `is_covered` holds, on the CPU.
        dtype: precision of the layers.
    """
    with torch.no_grad():
        return _Reader(copy.deepcopy(model).double(), dtype).weights()


class _Reader:
    def __init__(self, model: torch.nn.Module, dtype: str):
        self.model, self.dtype = model, dtype
        self.channels = model.interactions[0].node_feats_irreps[0].mul
        self.kinds = torch.eye(len(model.atomic_numbers)).double()
        self.scale, shift = 1.0, 0.0
        if hasattr(model, "scale_shift"):
            self.scale, shift = float(model.scale_shift.scale), float(model.scale_shift.shift)
        self.isolated_eV = model.atomic_energies_fn(self.kinds)[:, 0].numpy() + shift

    def weights(self) -> Weights:
        model = self.model
        table_of, tables = self._tables()
        has_repulsion = hasattr(model, "pair_repulsion_fn")
        hidden, output = self._last_readout()
        return Weights(
            cutoff_A=float(model.r_max),
            largest_ell=len(model.interactions[0].conv_tp.irreps_in2) - 1,
            isolated_eV=self.isolated_eV,
            embedding=self._array(model.node_embedding(self.kinds)),
            table_of=table_of,
            layers=[self._layer(place, tables[place]) for place in range(len(model.interactions))],
            hidden=hidden,
            output=output,
            repulsion=self._repulsion() if has_repulsion else np.zeros((len(self.kinds), len(self.kinds), 3)),
            repulsion_power=int(model.pair_repulsion_fn.p) if has_repulsion else 1,
        )

    def _array(self, values: torch.Tensor | np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(np.asarray(values), dtype=self.dtype)

    def _layer(self, place: int, table: np.ndarray) -> Layer:
        interaction, product = self.model.interactions[place], self.model.products[place]
        is_residual, has_density = "Residual" in type(interaction).__name__, hasattr(interaction, "density_fn")
        divisor = 1.0 if has_density else float(interaction.avg_num_neighbors)
        paths, summed = interaction.linear.irreps_in, interaction.irreps_out
        terms, couplings = _couplings(interaction.conv_tp)
        monomials, coefficients = _monomials(product.symmetric_contractions.contractions, summed.dim // summed[0].mul)
        after = product.linear.irreps_out
        return Layer(
            up=[self._block(interaction.linear_up, ell, ell) for ell in range(len(interaction.linear_up.irreps_out))],
            couplings=self._array(couplings),
            terms=terms,
            path_ells=[path.ir.l for path in paths],
            mixing=np.stack(
                [self._block(interaction.linear, at, path.ir.l) / divisor for at, path in enumerate(paths)]
            ).astype(self.dtype),
            of_element=None if is_residual else self._by_element(interaction.skip_tp, len(summed)),
            table=table,
            has_density=has_density,
            monomials=monomials,
            coefficients=self._array(coefficients),
            derivatives=_derivatives(monomials),
            product=[self._block(product.linear, ell, ell) for ell in range(len(after))],
            skip=self._by_element(interaction.skip_tp, len(after)) if is_residual and product.use_sc else None,
            readout=self._linear_readout(place),
        )

    def _block(self, layer: torch.nn.Module, source: int, target: int, *attributes: torch.Tensor) -> np.ndarray:
        """(C, C) from the channels of one irrep to those of another, of a layer that mixes only channels."""
        irreps = getattr(layer, "irreps_in", None) or layer.irreps_in1
        step = irreps[source].ir.dim
        unit = torch.zeros((irreps[source].mul, irreps.dim)).double()
        unit[:, irreps.slices()[source]][:, ::step] = torch.eye(len(unit)).double()
        found = layer(unit, *(attribute.expand(len(unit), -1) for attribute in attributes))
        return self._array(found[:, layer.irreps_out.slices()[target]][:, ::step])

    def _by_element(self, layer: torch.nn.Module, ells: int) -> np.ndarray:
        """(elements, ells, C, C); zero for what the features before the layer lack."""
        found = np.zeros((len(self.kinds), ells, self.channels, self.channels), dtype=self.dtype)
        for element, one_hot in enumerate(self.kinds):
            for ell in range(min(ells, len(layer.irreps_in1))):
                found[element, ell] = self._block(layer, ell, ell, one_hot)
        return found

    def _tables(self) -> tuple[np.ndarray, np.ndarray]:
        """Which table a pair of elements has, and for each layer (tables, 3 × knots, functions)."""
        pairs, table_of = _pairs(self.model), np.zeros((len(self.kinds), len(self.kinds)), dtype=np.int64)
        for place, (first, second) in enumerate(pairs):
            table_of[first, second] = table_of[second, first] = place
        which = [(layer, pair) for layer in range(len(self.model.interactions)) for pair in pairs]
        widths = [_functions(interaction) for interaction in self.model.interactions]

        def every(lengths_A: np.ndarray) -> np.ndarray:
            return np.concatenate([self._radial(layer, pair, lengths_A) for layer, pair in which], 1)

        rows = tabulated(every, cutoff_A=float(self.model.r_max), dtype=self.dtype).reshape(
            -1, len(pairs) * sum(widths)
        )
        blocks = np.split(rows, len(pairs) * np.cumsum(widths)[:-1], 1)
        return table_of, [self._array(block.reshape(len(rows), len(pairs), -1).swapaxes(0, 1)) for block in blocks]

    def _radial(self, place: int, pair: Sequence[int], lengths_A: np.ndarray) -> np.ndarray:
        """(lengths, functions) of one layer: weights of every path and channel, and the density of an edge."""
        interaction, model = self.model.interactions[place], self.model
        lengths, edges = torch.as_tensor(lengths_A)[:, None], torch.tensor([[0], [1]]).expand(-1, len(lengths_A))
        features, cutoff = model.radial_embedding(lengths, self.kinds[list(pair)], edges, model.atomic_numbers)
        envelope = torch.ones_like(lengths) if cutoff is None else cutoff
        density = torch.zeros_like(lengths)
        if hasattr(interaction, "density_fn"):
            density = torch.tanh(interaction.density_fn(features) ** 2) * envelope
        return torch.cat([interaction.conv_tp_weights(features) * envelope, density], 1).numpy()

    def _linear_readout(self, place: int) -> np.ndarray:
        place -= len(self.model.interactions) - len(self.model.readouts)  # models with the last readout only
        if place < 0 or type(self.model.readouts[place]).__name__ != "LinearReadoutBlock":
            return np.zeros(self.channels)
        layer = self.model.readouts[place].linear
        unit = torch.eye(layer.irreps_in.dim).double()[: self.channels]
        return self.scale * layer(unit)[:, 0].numpy()

    def _last_readout(self) -> tuple[np.ndarray, np.ndarray]:
        readout = self.model.readouts[-1]
        if type(readout).__name__ == "LinearReadoutBlock":
            return np.zeros((self.channels, 0)), np.zeros(0)
        hidden = readout.linear_1(torch.eye(self.channels).double()).numpy()
        ones = torch.ones((1, hidden.shape[1])).double()
        factor = readout.non_linearity(ones) / torch.nn.functional.silu(ones)  # e3nn normalises activations
        return hidden, self.scale * (factor[0] * readout.linear_2(torch.diag(ones[0]))[:, 0]).numpy()

    def _repulsion(self) -> np.ndarray:
        basis, charges = self.model.pair_repulsion_fn, self.model.atomic_numbers.double()
        powers, radii = charges**basis.a_exp, basis.covalent_radii[self.model.atomic_numbers]
        prefactor = self.scale * 14.3996 * torch.outer(charges, charges)
        screening = basis.a_prefactor * 0.529 / (powers[:, None] + powers)
        return torch.stack([prefactor, screening, radii[:, None] + radii], -1).numpy()


def _couplings(product: torch.nn.Module) -> tuple[np.ndarray, np.ndarray]:
    """Terms (terms, 3) of a tensor product, and from harmonics to their geometry (harmonics, terms)."""
    from mace.tools.cg import o3  # e3nn as mace loads it: its tables need a setting of torch that mace makes

    terms, columns, message = [], [], 0
    for path, instruction in enumerate(product.instructions):
        first, second = product.irreps_in1[instruction.i_in1].ir.l, product.irreps_in2[instruction.i_in2].ir.l
        third = product.irreps_out[instruction.i_out].ir.l
        coupling = instruction.path_weight * o3.wigner_3j(first, second, third, dtype=torch.float64).numpy()
        for sender, out in np.ndindex(2 * first + 1, 2 * third + 1):
            column = np.zeros(product.irreps_in2.dim)
            column[second**2 : (second + 1) ** 2] = coupling[sender, :, out]
            if column.any():
                terms.append([path, first**2 + sender, message + out])
                columns.append(column)
        message += 2 * third + 1
    return np.array(terms, dtype=np.int64), np.stack(columns, 1)


def _monomials(contractions: Sequence[torch.nn.Module], components: int) -> tuple[np.ndarray, np.ndarray]:
    """Monomials (monomials, 4) of a symmetric contraction and their coefficients (elements, monomials, C)."""
    found: dict[tuple[int, ...], np.ndarray] = {}
    for ell, contraction in enumerate(contractions):
        weights = {contraction.correlation: contraction.weights_max} | {
            contraction.correlation - 1 - place: own for place, own in enumerate(contraction.weights)
        }
        for order, own in weights.items():
            basis = contraction.U_tensors(order).numpy()
            basis = basis.reshape((2 * ell + 1,) + (components,) * order + basis.shape[-1:])
            for out, *factors in np.argwhere(np.abs(basis).max(-1) > 1e-10).tolist():
                monomial = (*sorted([*factors, *[components] * (3 - order)]), ell**2 + out)
                coefficient = np.einsum("k,zkc->zc", basis[(out, *factors)], own.numpy())
                found[monomial] = found.get(monomial, 0.0) + coefficient
    return np.array(sorted(found), dtype=np.int64), np.stack([found[monomial] for monomial in sorted(found)], 1)


def _derivatives(monomials: np.ndarray) -> np.ndarray:
    """(terms, 5) component, the other two factors, monomial and multiplicity of every derivative of monomials."""
    one, terms = monomials[:, :3].max(), []
    for place, (*factors, _) in enumerate(monomials.tolist()):
        for component in sorted(set(factors) - {one}):
            rest = list(factors)
            rest.remove(component)
            terms.append([component, *rest, place, factors.count(component)])
    return np.array(sorted(terms), dtype=np.int64)
