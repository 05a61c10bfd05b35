"""One layer of MACE in compiled loops, forward and backward; the innermost run over the channels.

Gradients are those of the energy with respect to what the name says after `to_`.
"""

import numba
import numpy as np

from saltflow.potentials.compiled.edges import COMPILED


@numba.njit(**COMPILED)
def look_up(table, elements, table_of, begins, senders, rows, basis, radial, slopes):
    """Radial functions of all edges and their derivatives, into `radial` and `slopes`, (edges, functions).

    Args:
        table: (tables, 3 × knots, functions) of the layer.
        elements, table_of: which table an edge has. begins, senders: of the edges.
        rows, basis: of `places_in_tables`.
    """
    for atom in range(len(elements)):
        for edge in range(begins[atom], begins[atom + 1]):
            six = table[table_of[elements[senders[edge]], elements[atom]], rows[edge] : rows[edge] + 6]
            own = basis[edge]
            b0, b1, b2, b3, b4, b5 = own[0], own[1], own[2], own[3], own[4], own[5]
            d0, d1, d2, d3, d4, d5 = own[6], own[7], own[8], own[9], own[10], own[11]
            value, slope = radial[edge], slopes[edge]
            for place in range(table.shape[2]):
                f0, f1, f2 = six[0, place], six[1, place], six[2, place]
                f3, f4, f5 = six[3, place], six[4, place], six[5, place]
                value[place] = b0 * f0 + b1 * f1 + b2 * f2 + b3 * f3 + b4 * f4 + b5 * f5
                slope[place] = d0 * f0 + d1 * f1 + d2 * f2 + d3 * f3 + d4 * f4 + d5 * f5


@numba.njit(**COMPILED)
def sum_messages(sent, geometry, radial, terms, begins, senders, messages, densities):
    """Messages and densities, summed over the edges of each atom.

    Args:
        sent: (atoms, components, C) of the senders. geometry: (edges, terms). radial: (edges, functions).
        terms: (terms, 3) of `Layer`. begins, senders: of the edges.
        messages: (components, atoms, C), overwritten. densities: (atoms,), overwritten.
    """
    channels = sent.shape[2]
    summed = np.empty((messages.shape[0], channels), sent.dtype)
    for atom in range(len(sent)):
        summed[:] = 0
        densities[atom] = 0
        for edge in range(begins[atom], begins[atom + 1]):
            densities[atom] += radial[edge, -1]
            for term in range(len(terms)):
                path, component, message = terms[term, 0], terms[term, 1], terms[term, 2]
                weights = radial[edge, path * channels : (path + 1) * channels]
                into, source, shape = summed[message], sent[senders[edge], component], geometry[edge, term]
                for channel in range(channels):
                    into[channel] += shape * weights[channel] * source[channel]
        messages[:, atom] = summed


@numba.njit(**COMPILED)
def pull_messages(
    sent, geometry, radial, slopes, terms, begins, senders, to_messages, to_densities, to_sent, to_geometry, to_lengths
):
    """The gradients of `sum_messages`.

    Args:
        to_messages, to_densities: of the sums. slopes: derivatives of `radial`.
        to_sent: (atoms, components, C), added to. to_geometry: (edges, terms), overwritten.
        to_lengths: (edges,), added to.
        (the others as in `sum_messages`)
    """
    channels = sent.shape[2]
    to_radial = np.empty(radial.shape[1], sent.dtype)
    for atom in range(len(sent)):
        pulled = to_messages[:, atom].copy()
        for edge in range(begins[atom], begins[atom + 1]):
            to_radial[:-1] = 0
            to_radial[-1] = to_densities[atom]
            sender = senders[edge]
            for term in range(len(terms)):
                path, component, message = terms[term, 0], terms[term, 1], terms[term, 2]
                weights, to_weights = radial[edge, path * channels :], to_radial[path * channels :]
                pull, source, to_source = pulled[message], sent[sender, component], to_sent[sender, component]
                shape, to_shape = geometry[edge, term], geometry.dtype.type(0)
                for channel in range(channels):
                    bare = pull[channel] * source[channel]
                    to_weights[channel] += shape * bare
                    to_shape += weights[channel] * bare
                    to_source[channel] += shape * weights[channel] * pull[channel]
                to_geometry[edge, term] = to_shape
            slope, along = slopes[edge], slopes.dtype.type(0)
            for place in range(len(to_radial)):
                along += to_radial[place] * slope[place]
            to_lengths[edge] += along


@numba.njit(**COMPILED)
def contract(features, elements, monomials, coefficients, product):
    """Polynomials of the features of each atom and channel, into `product` (components, atoms, C).

    Args:
        features: (components + 1, atoms, C), the last of them ones.
        elements: (atoms,). monomials, coefficients: of `Layer`.
    """
    channels = features.shape[2]
    own, summed = (
        np.empty((len(features), channels), features.dtype),
        np.empty((len(product), channels), features.dtype),
    )
    for atom in range(len(elements)):
        for component in range(len(features)):
            own[component] = features[component, atom]
        summed[:] = 0
        for place in range(len(monomials)):
            into, coefficient = summed[monomials[place, 3]], coefficients[elements[atom], place]
            one, two, three = own[monomials[place, 0]], own[monomials[place, 1]], own[monomials[place, 2]]
            for channel in range(channels):
                into[channel] += coefficient[channel] * one[channel] * two[channel] * three[channel]
        product[:, atom] = summed


@numba.njit(**COMPILED)
def pull_contraction(features, elements, monomials, coefficients, derivatives, to_product, to_features):
    """The gradient of `contract`, into `to_features` (components, atoms, C), from `to_product`."""
    channels = features.shape[2]
    own, summed = (
        np.empty((len(features), channels), features.dtype),
        np.empty((len(features), channels), features.dtype),
    )
    pulled = np.empty((len(to_product), channels), features.dtype)
    for atom in range(len(elements)):
        for component in range(len(features)):
            own[component] = features[component, atom]
        for component in range(len(to_product)):
            pulled[component] = to_product[component, atom]
        summed[:] = 0
        for term in range(len(derivatives)):
            place, times = derivatives[term, 3], features.dtype.type(derivatives[term, 4])
            into, pull = summed[derivatives[term, 0]], pulled[monomials[place, 3]]
            coefficient = coefficients[elements[atom], place]
            one, two = own[derivatives[term, 1]], own[derivatives[term, 2]]
            for channel in range(channels):
                into[channel] += times * coefficient[channel] * pull[channel] * one[channel] * two[channel]
        to_features[:, atom] = summed


@numba.njit(**COMPILED)
def add_by_element(features, elements, matrices, into):
    """Add features (components, atoms, C), multiplied by the matrix of their element and order, to `into`.

    Args:
        matrices: (elements, ells, C, C).
        into: (components, atoms, C); what it lacks is left out.
    """
    channels = features.shape[2]
    row = np.empty(channels, features.dtype)
    for component in range(min(len(features), len(into))):
        ell = int(np.sqrt(component))
        for atom in range(len(elements)):
            matrix, own = matrices[elements[atom], ell], features[component, atom]
            row[:] = into[component, atom]
            for channel in range(channels):
                line, value = matrix[channel], own[channel]
                for out in range(channels):
                    row[out] += value * line[out]
            into[component, atom] = row
