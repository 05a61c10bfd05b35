"""Energies of isolated atoms, from the store where they are known."""

from pathlib import Path

from saltflow.campaign.settings.references import Reference
from saltflow.labels.reference.labelling import label_isolated_atoms
from saltflow.labels.reference.store import LabelStore, key_of_isolated_atom


def isolated_atom_energy_eV(element: str, reference: Reference, *, store: LabelStore, workdir: Path) -> float:
    """Energy of an isolated atom; computed once for all sweeps of the store.

    Raises:
        SaltflowError: as `label_isolated_atoms`.
    """
    key = key_of_isolated_atom(element)
    known = store.find([key])
    if key not in known:
        known[key] = {"energy_eV": label_isolated_atoms([element], reference, workdir=workdir)[element]}
        with store:
            store.add(key, known[key])
    return known[key]["energy_eV"]
