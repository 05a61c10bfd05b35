"""Edges of one cell in compiled loops: vectors, spherical harmonics, places in tables, repulsion, and their gradients.

Real harmonics are those of e3nn: order x, y, z for ell 1, norm sqrt(2 ell + 1).
"""

import math

import numba
import numpy as np

# Sums may be reordered; NaN and infinity keep their meaning, as a cell that has blown up must give NaN. The cache knows
# changes of the file itself only: what a loop needs of another module is an argument.
COMPILED = {"cache": True, "nogil": True, "fastmath": {"reassoc", "contract", "arcp", "nsz"}, "error_model": "numpy"}

S3, S5, S7, S15 = math.sqrt(3), math.sqrt(5), math.sqrt(7), math.sqrt(15)
C30, C31, C32 = S7 * math.sqrt(5 / 8), S7 * math.sqrt(15), S7 * math.sqrt(3 / 8)


@numba.njit(**COMPILED)
def edges_within(positions, cell, begins, senders, images, cutoff):
    """Edges that are shorter than the cutoff, atom by atom.

    Args:
        positions: (atoms, 3) Å. cell: (3, 3) Å.
        begins: (atoms + 1,) first listed edge of each atom. senders: (listed,). images: (listed, 3) of the senders.
        cutoff: Å.

    Returns:
        begins (atoms + 1,), senders (edges,), vectors from the sender (edges, 3) and lengths (edges,) in Å.
    """
    atoms = len(positions)
    near_begins = np.zeros(atoms + 1, np.int64)
    near = np.empty(len(senders), np.int64)
    vectors, lengths = np.empty((len(senders), 3)), np.empty(len(senders))
    count = 0
    for atom in range(atoms):
        for edge in range(begins[atom], begins[atom + 1]):
            sender = senders[edge]
            square = 0.0
            for axis in range(3):
                shift = (
                    images[edge, 0] * cell[0, axis] + images[edge, 1] * cell[1, axis] + images[edge, 2] * cell[2, axis]
                )
                along = positions[atom, axis] - positions[sender, axis] - shift
                vectors[count, axis] = along
                square += along * along
            if square < cutoff * cutoff:
                near[count], lengths[count] = sender, math.sqrt(square)
                count += 1
        near_begins[atom + 1] = count
    return near_begins, near[:count], vectors[:count], lengths[:count]


@numba.njit(**COMPILED)
def harmonics(vectors, lengths, largest_ell, values):
    """Spherical harmonics of directions, into `values` (edges, (largest ell + 1)²)."""
    for edge in range(len(lengths)):
        inverse = 1.0 / lengths[edge]
        x, y, z = vectors[edge, 0] * inverse, vectors[edge, 1] * inverse, vectors[edge, 2] * inverse
        values[edge, 0] = 1.0
        if largest_ell > 0:
            values[edge, 1], values[edge, 2], values[edge, 3] = S3 * x, S3 * y, S3 * z
        if largest_ell > 1:
            values[edge, 4], values[edge, 5], values[edge, 7] = S15 * x * z, S15 * x * y, S15 * y * z
            values[edge, 6] = S5 * (y * y - 0.5 * (x * x + z * z))
            values[edge, 8] = 0.5 * S15 * (z * z - x * x)
        if largest_ell > 2:
            values[edge, 9] = C30 * x * (3 * z * z - x * x)
            values[edge, 10] = C31 * x * y * z
            values[edge, 11] = C32 * x * (4 * y * y - x * x - z * z)
            values[edge, 12] = 0.5 * S7 * y * (2 * y * y - 3 * (x * x + z * z))
            values[edge, 13] = C32 * z * (4 * y * y - x * x - z * z)
            values[edge, 14] = 0.5 * C31 * y * (z * z - x * x)
            values[edge, 15] = C30 * z * (z * z - 3 * x * x)


@numba.njit(**COMPILED)
def pull_on_vectors(vectors, lengths, largest_ell, to_harmonics, to_lengths, to_vectors):
    """Gradients of edge vectors, into `to_vectors` (edges, 3), from those of harmonics and lengths."""
    for edge in range(len(lengths)):
        inverse = 1.0 / lengths[edge]
        x, y, z = vectors[edge, 0] * inverse, vectors[edge, 1] * inverse, vectors[edge, 2] * inverse
        to = to_harmonics[edge]
        gx, gy, gz = 0.0, 0.0, 0.0
        if largest_ell > 0:
            gx, gy, gz = S3 * to[1], S3 * to[2], S3 * to[3]
        if largest_ell > 1:
            gx += S15 * (z * to[4] + y * to[5] - x * to[8]) - S5 * x * to[6]
            gy += S15 * (x * to[5] + z * to[7]) + 2 * S5 * y * to[6]
            gz += S15 * (x * to[4] + y * to[7] + z * to[8]) - S5 * z * to[6]
        if largest_ell > 2:
            gx += C30 * (3 * (z * z - x * x) * to[9] - 6 * x * z * to[15]) + C31 * y * (z * to[10] - x * to[14])
            gx += C32 * ((4 * y * y - 3 * x * x - z * z) * to[11] - 2 * x * z * to[13]) - 3 * S7 * x * y * to[12]
            gy += C31 * (x * z * to[10] + 0.5 * (z * z - x * x) * to[14])
            gy += 8 * C32 * y * (x * to[11] + z * to[13]) + 1.5 * S7 * (2 * y * y - x * x - z * z) * to[12]
            gz += C30 * (6 * x * z * to[9] + 3 * (z * z - x * x) * to[15]) + C31 * y * (x * to[10] + z * to[14])
            gz += C32 * ((4 * y * y - x * x - 3 * z * z) * to[13] - 2 * x * z * to[11]) - 3 * S7 * y * z * to[12]
        radial = to_lengths[edge] - (gx * x + gy * y + gz * z) * inverse
        to_vectors[edge, 0] = gx * inverse + radial * x
        to_vectors[edge, 1] = gy * inverse + radial * y
        to_vectors[edge, 2] = gz * inverse + radial * z


@numba.njit(**COMPILED)
def places_in_tables(lengths, shortest, cutoff, knots, rows, basis):
    """First row of each edge in its table, into `rows`, and weights of its six rows, into `basis`.

    Args:
        lengths: (edges,) Å.
        shortest, cutoff: begin and end of the tables in Å.
        knots: their number.
        rows: (edges,).
        basis: (edges, 12): of values, then of derivatives.

    Returns:
        whether all edges are long enough to stand in the tables.
    """
    interval = (cutoff - shortest) / (knots - 1)
    for edge in range(len(lengths)):
        place = (lengths[edge] - shortest) / interval
        if not place >= 0:
            return False
        knot = min(int(place), knots - 2)
        t = place - knot
        s = 1 - t
        rows[edge] = 3 * knot
        basis[edge, 0] = s * s * s * (1 + t * (3 + 6 * t))
        basis[edge, 1] = s * s * s * t * (1 + 3 * t)
        basis[edge, 2] = 0.5 * s * s * s * t * t
        basis[edge, 3] = t * t * t * (1 + s * (3 + 6 * s))
        basis[edge, 4] = -t * t * t * s * (1 + 3 * s)
        basis[edge, 5] = 0.5 * t * t * t * s * s
        basis[edge, 6] = -30 * t * t * s * s / interval
        basis[edge, 7] = s * s * (1 - 3 * t) * (1 + 5 * t) / interval
        basis[edge, 8] = 0.5 * s * s * t * (2 - 5 * t) / interval
        basis[edge, 9] = 30 * t * t * s * s / interval
        basis[edge, 10] = t * t * (1 - 3 * s) * (1 + 5 * s) / interval
        basis[edge, 11] = -0.5 * t * t * s * (2 - 5 * s) / interval
    return True


@numba.njit(**COMPILED)
def add_repulsion(elements, begins, senders, lengths, pairs, power, to_lengths):
    """ZBL energy in eV; adds its derivatives to `to_lengths` (edges,).

    Args:
        elements: (atoms,). begins, senders, lengths: of the edges.
        pairs: (elements, elements, 3) prefactor eV Å, screening length and range in Å.
        power: of the envelope.
    """
    energy = 0.0
    for atom in range(len(elements)):
        for edge in range(begins[atom], begins[atom + 1]):
            pair, length = pairs[elements[atom], elements[senders[edge]]], lengths[edge]
            prefactor, screening, reach = pair[0], pair[1], pair[2]
            if length >= reach:
                continue
            screened, slope = 0.0, 0.0
            for share, rate in ((0.1818, 3.2), (0.5099, 0.9423), (0.2802, 0.4028), (0.02817, 0.2016)):
                part = share * math.exp(-rate * length / screening)
                screened += part
                slope -= rate / screening * part
            along = length / reach
            lower = along ** (power - 1)
            first, second, third = 0.5 * (power + 1) * (power + 2), power * (power + 2), 0.5 * power * (power + 1)
            envelope = 1 - lower * along * (first - second * along + third * along * along)
            falling = -power * first * lower * (1 - along) ** 2 / reach
            bare = 0.5 * prefactor / length
            energy += bare * screened * envelope
            to_lengths[edge] += bare * (slope * envelope + screened * falling - screened * envelope / length)
    return energy


@numba.njit(**COMPILED)
def add_forces(begins, senders, vectors, to_vectors, forces, virial):
    """Add what the edges (…, 3) give to forces (atoms, 3) in eV/Å, and to the virial (3, 3) in eV, of a strain."""
    for atom in range(len(forces)):
        for edge in range(begins[atom], begins[atom + 1]):
            sender = senders[edge]
            for axis in range(3):
                pull = to_vectors[edge, axis]
                forces[atom, axis] -= pull
                forces[sender, axis] += pull
                for other in range(3):
                    virial[axis, other] += 0.5 * (
                        pull * vectors[edge, other] + to_vectors[edge, other] * vectors[edge, axis]
                    )
