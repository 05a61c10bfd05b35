"""The convolution of MACE: tensor product with the edges and sum over neighbours, without storing an output per edge.

For a path p = (l1, l2, l3) the message to atom i is A_p[i, m3, c] = Σ_e Σ_m1 T_p[e, m1, m3] R_p[e, c] h[sender, m1, c].
T_p = Σ_m2 w3j(m1, m2, m3) Y[e, m2] is the geometry of edge e, equal for all channels c; R_p are the radial weights.
The sum over edges and m1 is a matrix product per atom. Atoms with similar numbers of neighbours are processed in
chunks, so that the values per edge stay in the cache; e3nn stores 2 l3 + 1 numbers per edge, channel and path.
"""

from typing import NamedTuple

import torch

EDGES_AT_ONCE = 512
MOST_PADDING = 0.1


# Atoms; edges of each, (atoms, most neighbours), padded with its first edge; which of them are padding.
AtomChunk = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


class TensorPath(NamedTuple):
    """Input and output slices of one path.

    first: place among the components m1 of the input. inputs, outputs: 2 l1 + 1 and 2 l3 + 1.
    geometry: columns of T, m1 by m1.
    """

    first: int
    inputs: int
    outputs: int
    geometry: slice


class Convolution(torch.nn.Module):
    """A `uvu` tensor product of e3nn with weights per edge, followed by the sum over edges.

    Args:
        original: a tensor product for which `is_supported` holds.
        neighbourhoods: shared by the layers of a model.
    """

    def __init__(self, original: torch.nn.Module, neighbourhoods: "Neighbourhoods"):
        super().__init__()
        self.neighbourhoods = neighbourhoods
        self.channels = original.irreps_in1[0].mul
        self.dimensions = [part.ir.dim for part in original.irreps_in1]
        self.paths, blocks = _paths_of(original)
        self.register_buffer("couplings", torch.cat(blocks, 1))

    def forward(
        self, features: torch.Tensor, harmonics: torch.Tensor, weights: torch.Tensor, edges: torch.Tensor
    ) -> torch.Tensor:
        """Messages summed over the edges of each atom.

        Args:
            features: (atoms, input) of the senders.
            harmonics: (edges, components) spherical harmonics of the edges.
            weights: (edges, paths × channels).
            edges: (2, edges) sender and receiver.

        Returns:
            (atoms, output).
        """
        geometry = harmonics @ self.couplings
        parts = features.split([self.channels * dimension for dimension in self.dimensions], -1)
        inputs = torch.cat([part.unflatten(-1, (self.channels, -1)).transpose(1, 2) for part in parts], 1)
        chunks = self.neighbourhoods.of(edges, len(features))
        messages = _Convolve.apply(inputs, geometry, weights, self.paths, edges[0], chunks)
        blocks = messages.split([path.outputs for path in self.paths], 1)
        return torch.cat([block.transpose(1, 2).flatten(1) for block in blocks], -1)


def is_supported(product: torch.nn.Module) -> bool:
    """Whether a module is a tensor product with weights per edge and one output per path, in order."""
    try:
        first, second, instructions = product.irreps_in1, product.irreps_in2, product.instructions
    except AttributeError:
        return False
    return (
        len({part.mul for part in first}) == 1
        and {part.mul for part in second} == {1}
        and all(path.connection_mode == "uvu" and path.has_weight for path in instructions)
        and [path.i_out for path in instructions] == list(range(len(product.irreps_out)))
        and not (product.internal_weights or product.shared_weights)
    )


def _paths_of(product: torch.nn.Module) -> tuple[list[TensorPath], list[torch.Tensor]]:
    """Paths, and for each the matrix from spherical harmonics (components,) to its geometry."""
    from mace.tools.cg import o3  # e3nn as mace loads it: its tables need a setting of torch that mace makes

    buffer = next(iter(product.buffers()))
    begins = [sum(part.ir.dim for part in product.irreps_in1[:place]) for place in range(len(product.irreps_in1))]
    paths, blocks, column = [], [], 0
    for path in product.instructions:
        left, right = product.irreps_in1[path.i_in1].ir, product.irreps_in2[path.i_in2].ir
        out = product.irreps_out[path.i_out].ir
        coupling = path.path_weight * o3.wigner_3j(left.l, right.l, out.l, dtype=torch.float64)
        block = torch.zeros((product.irreps_in2.dim, left.dim * out.dim), dtype=torch.float64)
        block[product.irreps_in2.slices()[path.i_in2]] = coupling.transpose(0, 1).flatten(1)
        blocks.append(block.to(buffer))
        paths.append(TensorPath(begins[path.i_in1], left.dim, out.dim, slice(column, column + block.shape[1])))
        column += block.shape[1]
    return paths, blocks


class _Convolve(torch.autograd.Function):
    """(atoms, components of all paths, channels) from inputs (atoms, components, channels)."""

    @staticmethod
    def forward(ctx, inputs, geometry, weights, paths, sender, chunks):
        ctx.save_for_backward(inputs, geometry, weights)
        ctx.paths, ctx.sender, ctx.chunks = paths, sender, chunks
        channels = inputs.shape[-1]
        messages = inputs.new_zeros((len(inputs), sum(path.outputs for path in paths), channels))
        for atoms, listed, absent in ctx.chunks:
            of_edges, radial, around = _gather(ctx, inputs, geometry, weights, listed, absent)
            parts = []
            for path, own in zip(paths, radial.split(channels, -1), strict=True):
                product = own.unsqueeze(2) * around[:, :, path.first : path.first + path.inputs]
                shape = of_edges[..., path.geometry].unflatten(-1, (path.inputs, path.outputs)).flatten(1, 2)
                parts.append(torch.bmm(shape.transpose(1, 2), product.flatten(1, 2)))
            messages[atoms] = torch.cat(parts, 1)
        return messages

    @staticmethod
    def backward(ctx, towards):
        inputs, geometry, weights = ctx.saved_tensors
        channels = inputs.shape[-1]
        # The last row collects the gradients of padding.
        to_geometry = geometry.new_empty((len(geometry) + 1, geometry.shape[1]))
        to_weights = weights.new_empty((len(weights) + 1, weights.shape[1]))
        to_inputs = torch.zeros_like(inputs)
        for atoms, listed, absent in ctx.chunks:
            of_edges, radial, around = _gather(ctx, inputs, geometry, weights, listed, absent)
            to_edges, to_radial = torch.empty_like(of_edges), torch.empty_like(radial)
            to_around = torch.zeros_like(around)
            blocks = towards[atoms].split([path.outputs for path in ctx.paths], 1)
            radials = zip(radial.split(channels, -1), to_radial.split(channels, -1), strict=True)
            for path, block, (own, to_own) in zip(ctx.paths, blocks, radials, strict=True):
                components = slice(path.first, path.first + path.inputs)
                product = own.unsqueeze(2) * around[:, :, components]
                shape = of_edges[..., path.geometry].unflatten(-1, (path.inputs, path.outputs)).flatten(1, 2)
                to_shape = torch.bmm(product.flatten(1, 2), block.transpose(1, 2))
                to_edges[..., path.geometry] = to_shape.unflatten(1, product.shape[1:3]).flatten(-2)
                to_product = torch.bmm(shape, block).view_as(product)
                torch.sum(to_product * around[:, :, components], 2, out=to_own)
                to_around[:, :, components].addcmul_(to_product, own.unsqueeze(2))
            places = torch.where(absent, len(weights), listed).flatten()
            to_geometry[places], to_weights[places] = to_edges.flatten(0, 1), to_radial.flatten(0, 1)
            to_inputs.index_add_(0, ctx.sender[listed.flatten()], to_around.flatten(0, 1))
        return to_inputs, to_geometry[:-1], to_weights[:-1], None, None, None


def _gather(ctx, inputs, geometry, weights, listed, absent):
    """Geometry, radial weights and inputs of edges, (atoms, neighbours, …); the geometry of padding is 0."""
    of_edges = geometry[listed].masked_fill_(absent.unsqueeze(-1), 0.0)
    return of_edges, weights[listed], inputs[ctx.sender[listed]]


class Neighbourhoods:
    """Chunks of atoms with similar numbers of neighbours; made once for the edges that all layers share."""

    def __init__(self):
        self._edges, self._chunks = None, []

    def of(self, edges: torch.Tensor, atoms: int) -> list[AtomChunk]:
        """Chunks of all atoms with a neighbour, for edges (2, edges) of sender and receiver."""
        if self._edges is not edges:
            self._edges, self._chunks = edges, _chunks(edges[1], atoms)
        return self._chunks


def _chunks(receiver: torch.Tensor, atoms: int) -> list[AtomChunk]:
    order = torch.argsort(receiver, stable=True)
    degrees = torch.bincount(receiver, minlength=atoms)
    begins = torch.cumsum(degrees, 0) - degrees
    by_degree = torch.argsort(degrees, descending=True, stable=True)
    sizes, chunks, first = degrees[by_degree].tolist(), [], 0
    while first < atoms and sizes[first]:
        most, last = sizes[first], first + 1
        while last < atoms and (last - first) * most < EDGES_AT_ONCE and sizes[last] >= (1 - MOST_PADDING) * most:
            last += 1
        own = by_degree[first:last]
        places = torch.arange(most, device=receiver.device)
        absent = places >= degrees[own, None]
        listed = order[begins[own, None] + torch.where(absent, 0, places)]
        chunks.append((own, listed, absent))
        first = last
    return chunks
