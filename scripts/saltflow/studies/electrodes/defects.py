"""Defects put into a host on purpose, each drawn by a seed: vacancies, antisites, stacking faults of layers."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from ase import Atoms
from ase.geometry import find_mic

from saltflow.base.errors import InputError
from saltflow.base.provenance import derive_seed
from saltflow.studies.electrodes.host import Host, with_framework
from saltflow.studies.electrodes.staging import find_layers, registry

LOWEST_REGISTRY = -0.5  # of AB
ABOVE_IONS = 0.7  # of a spacing: ions in the middle of a gallery stay with the layer below


def with_defects(host: Host, settings: Mapping) -> Host:
    """A host with stacking faults, antisites and vacancies, in this order.

    Args:
        host: whole.
        settings: faults (how many) of the layers of `layers`; antisites ("A-B" → how many), vacancies (element → how
            many) with apart_A, their least distance; seed.

    Raises:
        InputError: as of `with_faults`, `with_antisites` and `with_vacancies`.
    """
    if settings["faults"]:
        host = with_faults(host, settings["layers"], settings["faults"], seed=settings["seed"])
    for pair, count in settings["antisites"].items():
        first, _, second = pair.partition("-")
        host = with_antisites(host, first, second, count, seed=settings["seed"])
    for element, count in settings["vacancies"].items():
        host = with_vacancies(host, element, count, apart_A=settings["apart_A"], seed=settings["seed"])
    return host


def with_vacancies(host: Host, element: str, count: int, *, apart_A: float = 0.0, seed: int) -> Host:
    """A host without some atoms, drawn at random; a site of the ion is then one that no ion takes.

    Args:
        host: whole.
        element: of the framework, or the ion.
        count: atoms that are taken out.
        apart_A: least distance between two of them; isolated ones have no neighbour in common.
        seed: of the draw.

    Raises:
        InputError: the host has fewer of them, or not so many so far apart.
    """
    is_ion = element == host.ion
    own = np.arange(host.sites) if is_ion else _of(host.framework, element)
    if not 0 < count < len(own):
        where = "sites" if is_ion else "framework"
        raise InputError([f"--vacancies: the supercell has {len(own)} {element} in its {where}; leave one at least."])
    places = host.sites_A if is_ion else host.framework.positions
    drawn = np.random.default_rng(derive_seed(seed, "vacancies", element)).permutation(own)
    gone: list[int] = []
    for index in drawn:
        if len(gone) < count and (not gone or _apart_A(host, places[gone], places[index]).min() >= apart_A):
            gone.append(int(index))
    if len(gone) < count:
        raise InputError([f"--apart {apart_A:g} has room for {len(gone)} of {count} vacancies of {element}; lower it."])
    left = np.setdiff1d(np.arange(len(places)), gone)
    vacancies_A = np.vstack([host.vacancies_A, places[gone]])
    if is_ion:
        host = replace(host, sites_A=host.sites_A[left], given=host.given[left], vacancies_A=vacancies_A)
        return with_framework(host, host.framework)
    return with_framework(replace(host, vacancies_A=vacancies_A), host.framework[left])


def with_antisites(host: Host, first: str, second: str, count: int, *, seed: int) -> Host:
    """A host in which atoms drawn at random have changed places with the nearest ones of another element.

    One of the two may be the ion: its site is then where the other atom was.

    Args:
        host: whole.
        first, second: elements.
        count: pairs that change places.
        seed: of the draw.

    Raises:
        InputError: the host has fewer of one of them, or both are the same.
    """
    if first == second or host.ion == first:
        first, second = second, first
    if first == second:
        raise InputError([f"--antisites: {first} cannot change places with itself; name two elements."])
    framework, sites_A = host.framework.copy(), host.sites_A.copy()
    to_sites = second == host.ion
    own, others = _of(framework, first), np.arange(host.sites) if to_sites else _of(framework, second)
    if count > min(len(own), len(others)):
        counts = f"{len(own)} {first} and {len(others)} {second}"
        raise InputError([f"--antisites: the supercell has {counts}; {count} pairs are too many."])
    places = sites_A if to_sites else framework.positions
    for index in np.random.default_rng(derive_seed(seed, "antisites", first, second)).permutation(own)[:count]:
        nearest = others[_apart_A(host, places[others], framework.positions[index]).argmin()]
        others = others[others != nearest]
        here, there = framework.positions[index].copy(), places[nearest].copy()
        framework.positions[index], places[nearest] = there, here
    return with_framework(replace(host, sites_A=sites_A), framework)


def with_faults(host: Host, layer_of: str, count: int, *, seed: int) -> Host:
    """A host of hexagonal layers in which all above some galleries, drawn at random, have slid by one bond.

    What was AA becomes AB there; what was AB stays so and is followed by the third position, C. The cell leans by the
    same shift, so that no further gallery changes.

    Args:
        host: whole; its layers lie across c.
        layer_of: their element.
        count: galleries with a fault.
        seed: of the draw.

    Raises:
        InputError: there are fewer galleries.
        SaltflowError: as of `find_layers`.
    """
    layers = len(find_layers(host.framework, layer_of).members)
    if count > layers:
        raise InputError([f"--faults: the supercell has {layers} galleries between its layers; {count} are too many."])
    for gallery in np.random.default_rng(derive_seed(seed, "faults")).permutation(layers)[:count]:
        host = _slid(host, layer_of, int(gallery))
    return host


def _slid(host: Host, layer_of: str, gallery: int) -> Host:
    """All above the lower layer of a gallery, slid by the bond that leaves the gallery AB."""
    layers = find_layers(host.framework, layer_of)
    normal = np.cross(*host.framework.cell.array[:2])
    normal *= np.sign(normal @ host.framework.cell.array[2]) / np.linalg.norm(normal)
    limit_A = layers.heights_A[gallery] + ABOVE_IONS * layers.spacings_A[gallery]
    slid = []
    bond = _bond_A(host.framework, layers.members[gallery])
    for shift in (bond, -bond):
        both = [host.framework.copy(), Atoms([host.ion] * host.sites, host.sites_A)]
        for each in both:
            heights = each.positions @ normal
            each.positions += np.where(heights > limit_A, 1.0, 0.0)[:, None] * shift
        cell = host.framework.cell.array.copy()
        cell[2] += shift
        both[0].set_cell(cell)
        order = registry(both[0], find_layers(both[0], layer_of))[gallery]
        slid.append((abs(order - LOWEST_REGISTRY), len(slid), both))
    framework, ions = min(slid)[2]
    return with_framework(replace(host, sites_A=ions.positions), framework)


def _bond_A(framework: Atoms, members: np.ndarray) -> np.ndarray:
    """From one atom of a layer to its nearest neighbour in it, along the layer."""
    between, apart = find_mic(framework.positions[members[1:]] - framework.positions[members[0]], framework.cell)
    bond = between[apart.argmin()]
    normal = np.cross(*framework.cell.array[:2])
    normal /= np.linalg.norm(normal)
    return bond - (bond @ normal) * normal


def _of(framework: Atoms, element: str) -> np.ndarray:
    return np.flatnonzero([symbol == element for symbol in framework.symbols])


def _apart_A(host: Host, places: np.ndarray, place: np.ndarray) -> np.ndarray:
    return find_mic(places - place, host.framework.cell)[1]
