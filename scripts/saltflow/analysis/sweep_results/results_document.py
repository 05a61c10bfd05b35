"""The results page as a document: everything that it shows, as JSON and bytes."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from saltflow import __version__
from saltflow.analysis.sweep_results import doubts, overview
from saltflow.analysis.sweep_results.composition_blocks import composition_blocks
from saltflow.analysis.sweep_results.methods import bibliography
from saltflow.analysis.sweep_results.rows import number_columns, rows_of
from saltflow.analysis.sweep_results.sweep_products import (
    Products,
    for_ranking,
    read_potential,
    read_products,
    read_studies,
)
from saltflow.analysis.sweep_results.viewer_frames import (
    Frames,
    frame_of_cell,
    frame_of_pathways,
    frames_of_trajectory,
)

NOTHING: Mapping[str, Mapping] = MappingProxyType({})
PENDING = "pending"
ORDER_NOTE = "order.txt"


def results_document(
    facts: Mapping, folder: Path, *, unfinished: Mapping[str, str], studies: Mapping[str, Mapping] = NOTHING
) -> tuple[dict, dict[str, bytes]]:
    """What a sweep has found so far.

    Args:
        facts: of `sweep_facts`.
        folder: working directory of the sweep.
        unfinished: status of compositions of the sweep that have no result yet; pending where it is not given.
        studies: study → its part so far, in place of the one that it has written.

    Returns:
        the document, and the frames of its structures by key. The same products give the same document.
    """
    results = folder / "results"
    used = {facts["compositions"][name]["potential"] for name in facts["swept"]}
    potentials = {name: read_potential(name, results) for name in sorted(used)}
    finished, arrhenius, descriptors, parts, frames = {}, {}, {}, {}, {}
    for name in facts["swept"]:  # one after the other: thousands of products do not fit into the memory
        products = read_products(name, results, facts, potentials)
        if found := for_ranking(products, facts):
            finished[name] = found
        if drawn := overview.arrhenius_of(products):
            arrhenius[name] = drawn
        descriptors[name] = overview.descriptors_of(products, temperature_K=facts["order_temperature_K"])
        structures = _frames(products, facts, structures=len(facts["swept"]))
        frames |= {key: each.data for key, each in structures.items()}
        parts[name] = composition_blocks(products, facts, structures)
    due = {name: unfinished.get(name, PENDING) for name in facts["swept"] if name not in finished}
    rows = rows_of(finished, due | facts["not_swept"], facts)
    note = results / "summary" / ORDER_NOTE
    document = {
        "saltflow": __version__,
        "target_temperature_K": facts["target_temperature_K"],
        "order_temperature_K": facts["order_temperature_K"],
        "temperatures_K": list(facts["temperatures_K"]),
        "replicas": len(facts["replicas"]),
        "columns": [column._asdict() for column in number_columns(facts["target_temperature_K"])],
        "rows": rows,
        "verdict": overview.verdict(rows),
        "meanings": doubts.MEANING,
        "largest_sigma_mS_cm": doubts.LARGEST_SIGMA_MS_CM,
        "quantities": overview.ARRHENIUS_QUANTITIES,
        "arrhenius": arrhenius,
        "agreement": {name: overview.agreement_of(rows, name, f"measured_{name}") for name in ("sigma", "Ea")},
        "targets": {
            name: form.format(facts["target_temperature_K"]) for name, form in overview.TO_BE_EXPLAINED.items()
        },
        "descriptors": descriptors,
        "associations": overview.associations(rows, descriptors),
        "order_note": note.read_text() if note.is_file() else "",
        "parts": parts,
        "studies": read_studies(results, so_far=studies),
        "citation": bibliography()["saltflow"],
    }
    return document, frames


def _frames(products: Products, facts: Mapping, *, structures: int) -> dict[str, Frames]:
    """What the viewer shows of a composition: its structure, and the pathways at the hottest temperature."""
    structure = next(iter(products.of_points("structure").values()), {})
    choices = {
        "bonds_A": structure.get("bond_cutoffs_A", {}),
        "mobile_ion": facts["compositions"][products.name]["mobile_ion"],
    }
    found = {products.name: _structure(products, structures, choices)}
    cubes = [products.folder / f"md/{kelvin}K/pathways.cube" for kelvin in reversed(products.of_points("pathways"))]
    if cubes and cubes[0].is_file():
        found[f"{products.name}, pathways"] = frame_of_pathways(cubes[0], structures=structures, **choices)
    return {key: each for key, each in found.items() if each is not None}


def _structure(products: Products, structures: int, choices: Mapping) -> Frames | None:
    """The trajectory of the first accepted replica at the coolest temperature that has one, else its quenched cell."""
    for kelvin, point in products.of_points("md").items():
        for replica in point["replicas"]:
            path = products.folder / f"md/{kelvin}K/replica{replica['replica']}.h5md"
            if replica["status"] == "ok" and path.is_file():
                return frames_of_trajectory(path, structures=structures, **choices)
    for number, quench in products.quenches.items():
        path = products.folder / f"replica{number}/quenched.extxyz"
        if quench["status"] == "ok" and path.is_file():
            return frame_of_cell(path, **choices)
    return None
