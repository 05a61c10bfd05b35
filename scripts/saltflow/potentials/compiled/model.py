"""Energy, forces and virial of one cell by a compiled MACE model."""

import math
from dataclasses import dataclass

import numpy as np
import torch

from saltflow.potentials.compiled import edges, layers
from saltflow.potentials.compiled.radial_tables import SHORTEST_A
from saltflow.potentials.compiled.weights import Layer, Weights, weights_of


@dataclass(frozen=True)
class Neighbours:
    """Neighbours of the atoms of one cell, as listed with a skin.

    begins: (atoms + 1,) first of each atom. senders: (listed,). images: (listed, 3) lattice vectors to add to them.
    """

    begins: np.ndarray
    senders: np.ndarray
    images: np.ndarray


class CompiledMACE:
    """A MACE model for one cell at a time, on one core.

    Args:
        model: one for which `is_covered` holds, on the CPU.
        dtype: float32 or float64; geometry, energies and forces are double.
    """

    def __init__(self, model: torch.nn.Module, *, dtype: str):
        self.weights, self.dtype = weights_of(model, dtype=dtype), np.dtype(dtype)

    def evaluate(
        self, elements: np.ndarray, positions: np.ndarray, cell: np.ndarray, neighbours: Neighbours
    ) -> tuple[float, np.ndarray, np.ndarray]:
        """Energy in eV, forces (atoms, 3) in eV/Å and virial (3, 3) in eV; NaN where atoms are on top of each other.

        Args:
            elements: (atoms,) places among the elements of the model.
            positions: (atoms, 3) Å.
            cell: (3, 3) Å.
        """
        return _Evaluation(self.weights, self.dtype, elements, positions, cell, neighbours).run()


class _Evaluation:
    def __init__(self, weights: Weights, dtype: np.dtype, elements, positions, cell, neighbours: Neighbours):
        self.weights, self.dtype, self.elements = weights, dtype, elements
        listed = neighbours.begins, neighbours.senders, neighbours.images
        self.begins, self.senders, self.vectors, self.lengths = edges.edges_within(
            positions, cell, *listed, weights.cutoff_A
        )
        self.graph = self.begins, self.senders
        count = len(self.lengths)
        self.harmonics = np.empty((count, (weights.largest_ell + 1) ** 2), dtype)
        self.rows, self.basis = np.empty(count, np.int64), np.empty((count, 12), dtype)
        self.to_harmonics, self.to_lengths = np.zeros_like(self.harmonics), np.zeros(count)

    def run(self) -> tuple[float, np.ndarray, np.ndarray]:
        """Energy, forces and virial."""
        weights, forces, virial = self.weights, np.zeros((len(self.elements), 3)), np.zeros((3, 3))
        knots = weights.layers[0].table.shape[1] // 3
        reach = SHORTEST_A, weights.cutoff_A
        if not edges.places_in_tables(self.lengths, *reach, knots, self.rows, self.basis):
            return math.nan, np.full_like(forces, math.nan), np.full_like(virial, math.nan)
        edges.harmonics(self.vectors, self.lengths, weights.largest_ell, self.harmonics)
        energy = float(weights.isolated_eV[self.elements].sum()) + self._interaction()
        energy += edges.add_repulsion(
            self.elements, *self.graph, self.lengths, weights.repulsion, weights.repulsion_power, self.to_lengths
        )
        to_vectors = np.empty_like(self.vectors)
        edges.pull_on_vectors(
            self.vectors, self.lengths, weights.largest_ell, self.to_harmonics, self.to_lengths, to_vectors
        )
        edges.add_forces(*self.graph, self.vectors, to_vectors, forces, virial)
        return energy, forces, virial

    def _interaction(self) -> float:
        """Energy of the layers; their gradients go to harmonics and lengths."""
        weights = self.weights
        features, energy, passes = weights.embedding[self.elements][None], 0.0, []
        for layer in weights.layers:
            passes.append(_LayerPass(self, layer, features))
            features = passes[-1].forward()
            energy += float((features[0] @ layer.readout).sum())
        last, to_scalars = self._last_readout(features[0])
        to_features = np.zeros_like(features)
        to_features[0] = to_scalars
        for layer_pass in reversed(passes):
            to_features[0] += layer_pass.layer.readout.astype(self.dtype)
            to_features = layer_pass.backward(to_features)
        return energy + last

    def _last_readout(self, scalars: np.ndarray) -> tuple[float, np.ndarray]:
        """Energy of the readout with a hidden layer, and its gradient (atoms, C)."""
        inner = scalars @ self.weights.hidden
        sigmoid = 1 / (1 + np.exp(-inner))
        slope = sigmoid * (1 + inner * (1 - sigmoid))
        energy = float((inner * sigmoid @ self.weights.output).sum())
        return energy, (slope * self.weights.output) @ self.weights.hidden.T


class _LayerPass:
    """One layer on one cell; keeps what its gradient needs.

    features: (components, atoms, C) before the layer.
    """

    def __init__(self, evaluation: _Evaluation, layer: Layer, features: np.ndarray):
        self.cell, self.layer, self.features = evaluation, layer, features

    def forward(self) -> np.ndarray:
        """Features (components, atoms, C) after the layer."""
        cell, layer = self.cell, self.layer
        atoms, channels = self.features.shape[1:]
        self.sent = np.ascontiguousarray(_by_order(self.features, layer.up).swapaxes(0, 1))
        self.geometry = cell.harmonics @ layer.couplings
        self.radial = np.empty((len(cell.senders), layer.table.shape[2]), cell.dtype)
        self.slopes = np.empty_like(self.radial)
        table_of, places = cell.weights.table_of, (cell.rows, cell.basis)
        layers.look_up(layer.table, cell.elements, table_of, *cell.graph, *places, self.radial, self.slopes)
        messages = np.empty((sum(2 * ell + 1 for ell in layer.path_ells), atoms, channels), cell.dtype)
        densities = np.empty(atoms, cell.dtype)
        layers.sum_messages(self.sent, self.geometry, self.radial, layer.terms, *cell.graph, messages, densities)
        self.mixed = self._mix(messages)
        if layer.has_density:
            self.divisor = 1 + densities[:, None]
            self.mixed[:-1] /= self.divisor
        ells = int(layer.monomials[:, 3].max() ** 0.5) + 1
        product = np.empty((ells**2, atoms, channels), cell.dtype)
        layers.contract(self.mixed, cell.elements, layer.monomials, layer.coefficients, product)
        after = _by_order(product, layer.product)
        if layer.skip is not None:
            layers.add_by_element(self.features, cell.elements, layer.skip, after)
        return after

    def _mix(self, messages: np.ndarray) -> np.ndarray:
        """(components + 1, atoms, C) summed features, and a row of ones."""
        layer, cell = self.layer, self.cell
        mixed = np.zeros((int(layer.monomials[:, :3].max()) + 1, *messages.shape[1:]), cell.dtype)
        for place, ell, mixing in self._paths():
            mixed[ell**2 : (ell + 1) ** 2] += messages[place] @ mixing
        if layer.of_element is not None:
            shared, mixed = mixed, np.zeros_like(mixed)
            layers.add_by_element(shared[:-1], cell.elements, layer.of_element, mixed)
        mixed[-1] = 1
        return mixed

    def _paths(self):
        """Components of the messages, order and matrix of every path."""
        begin = 0
        for ell, mixing in zip(self.layer.path_ells, self.layer.mixing, strict=True):
            yield slice(begin, begin + 2 * ell + 1), ell, mixing
            begin += 2 * ell + 1

    def backward(self, to_after: np.ndarray) -> np.ndarray:
        """Gradient of the features before the layer, from that of those after; adds to harmonics and lengths."""
        cell, layer = self.cell, self.layer
        to_features = np.zeros_like(self.features)
        if layer.skip is not None:
            layers.add_by_element(to_after, cell.elements, layer.skip.swapaxes(2, 3), to_features)
        to_product = _by_order(to_after, [matrix.T for matrix in layer.product])
        to_mixed = np.empty_like(self.mixed)
        layers.pull_contraction(
            self.mixed, cell.elements, layer.monomials, layer.coefficients, layer.derivatives, to_product, to_mixed
        )
        to_mixed[-1] = 0
        to_densities = np.zeros(len(cell.elements), cell.dtype)
        if layer.has_density:
            to_mixed /= self.divisor
            to_densities -= (to_mixed * self.mixed)[:-1].sum((0, 2))
        if layer.of_element is not None:
            to_each, to_mixed = to_mixed, np.zeros_like(to_mixed)
            layers.add_by_element(to_each[:-1], cell.elements, layer.of_element.swapaxes(2, 3), to_mixed)
        to_messages = np.concatenate([to_mixed[ell**2 : (ell + 1) ** 2] @ mixing.T for _, ell, mixing in self._paths()])
        to_sent, to_geometry = np.zeros_like(self.sent), np.empty_like(self.geometry)
        layers.pull_messages(
            self.sent, self.geometry, self.radial, self.slopes, layer.terms, *cell.graph,
            to_messages, to_densities, to_sent, to_geometry, cell.to_lengths,
        )  # fmt: skip
        cell.to_harmonics += to_geometry @ layer.couplings.T
        to_features += _by_order(to_sent.swapaxes(0, 1), [matrix.T for matrix in layer.up])
        return to_features


def _by_order(features: np.ndarray, matrices: list[np.ndarray]) -> np.ndarray:
    """Features (components, atoms, C) times the matrix of each order."""
    return np.concatenate([features[ell**2 : (ell + 1) ** 2] @ matrix for ell, matrix in enumerate(matrices)])
