"""The part of migration barriers on the results page: the ranking, and of the best crystals profiles and paths."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms
from ase.geometry import find_mic
from scipy.interpolate import PchipInterpolator

from saltflow.analysis.sweep_results import page_blocks as blocks
from saltflow.analysis.sweep_results.viewer_frames import frames_of_images
from saltflow.base.provenance import read_json
from saltflow.studies.barriers.barrier_ranking import DIMENSIONS, OK, exclusions
from saltflow.studies.drawn_bonds import bonds_A

MOST_ROWS = 200
MOST_CURVES, CURVE_POINTS = 8, 41
COLOURS = (0, 2, 3, 4, 5, 6, 7)  # of hops; the viewer draws the mobile ion in the one that is left out
FROM_PAGE = "../studies/barriers"  # of results/summary


def results_part(
    rows: Sequence[Mapping[str, str]],
    records: Sequence[Mapping],
    folders: Mapping[str, Path],
    *,
    md: Mapping[str, Mapping],
    most: int,
) -> dict:
    """The part of the page, with one of its own for each of the best crystals.

    Args:
        rows: of `ranking_rows`, the best first.
        records: of all crystals.
        folders: crystal → its folder, which holds the paths.
        md: crystal → of `md_comparison`, where there is MD of it.
        most: so many crystals have a part.

    Returns:
        title, blocks and parts, JSON-able.
    """
    by_name = {record["structure"]: record for record in records}
    shown = [row["structure"] for row in rows if row["status"] == OK][:most]
    return {
        "title": f"Migration barriers of crystals: {sum(row['status'] == OK for row in rows)} of {len(rows)} found",
        "blocks": list(_of_all(rows)),
        "parts": [crystal_part(by_name[name], folders[name], md.get(name)) for name in shown],
    }


def _of_all(rows: Sequence[Mapping[str, str]]) -> Iterator[dict]:
    note = (
        "The smallest barrier at which hops connect sites through the crystal in one, two and three dimensions. "
        "Energies are those of neutral cells. hops: classes by symmetry; ok: those with a barrier."
    )
    if len(rows) > MOST_ROWS:
        note += f" The best {MOST_ROWS} of {len(rows)}; ranking.tsv has all."
    columns = ["crystal", "formula", "ion", "1D (eV)", "2D (eV)", "3D (eV)", "Ea of MD (eV)", "hops", "ok", "potential",
               "status"]  # fmt: skip
    table = [_ranked(row) for row in rows[:MOST_ROWS]]
    yield blocks.table("Ranking by barrier", columns, table, note=note)
    yield _ranking_plot([row for row in rows if row["status"] == OK][:MOST_ROWS])
    if reasons := exclusions(rows):
        yield blocks.table("Without a barrier", ["reason", "crystals"], [list(each) for each in reasons])
    files = [(name, f"{FROM_PAGE}/{name}") for name in ("ranking.tsv", "ranking.svg")]
    yield blocks.links("Files", files)


def _ranked(row: Mapping[str, str]) -> list:
    barriers = [_number(row[f"barrier_{each}_eV"]) for each in reversed(DIMENSIONS)]
    hops = [_number(row["hops"]), _number(row["ok"])]
    potential = Path(row["potential"]).name
    return [row["structure"], row["formula"], row["mobile_ion"], *barriers, _second_opinion(row), *hops, potential,
            row["status"]]  # fmt: skip


def _second_opinion(row: Mapping[str, str]) -> dict | str | None:
    if not row["MD_status"]:
        return None
    if row["Ea_MD_eV"]:
        return blocks.cell(_number(row["Ea_MD_eV"]), error=_number(row["Ea_MD_err_eV"]))
    return row["MD_status"]


def _number(text: str) -> float | None:
    return float(text) if text else None


def _ranking_plot(ranked: Sequence[Mapping[str, str]]) -> dict:
    names = [row["structure"] for row in ranked]
    traces = [
        blocks.trace(each, names, [_number(row[f"barrier_{each}_eV"]) for row in ranked], mode="markers", colour=place)
        for place, each in enumerate(reversed(DIMENSIONS))
    ]
    panels = [blocks.panel("", x="crystal", y="barrier (eV)", traces=traces)] if ranked else []
    return blocks.plots("Barriers", panels, empty="No path crosses a crystal; the table says why.")


# ── one crystal ────────────────────────────────────────────────────────────────────────────────


def crystal_part(record: Mapping, folder: Path, md: Mapping | None) -> dict:
    """The part of one crystal: percolation, energy profiles, paths in the structure, hops, diffusion, and MD.

    Args:
        record: of its job.
        folder: that holds its paths.
        md: of `md_comparison`; None without MD.
    """
    hops = sorted((hop for hop in record["hops"] if hop["status"] == OK), key=_highest_eV)
    drawn = hops[:MOST_CURVES]
    lowest = next(each for each in map(record["percolation"].get, DIMENSIONS) if each)
    images = {hop["hop"]: ase.io.read(folder / f"{hop['hop']}.extxyz", index=":") for hop in drawn}
    if lowest["limiting_hop"] not in images:  # the path that decides is always there
        images[lowest["limiting_hop"]] = ase.io.read(folder / f"{lowest['limiting_hop']}.extxyz", index=":")
    return {
        "title": f"{record['structure']}: {record['formula']}, {record['mobile_ion']}",
        "blocks": [
            _percolation(record),
            _profiles(drawn, folder),
            _paths(record, images, limiting=lowest["limiting_hop"]),
            _hops(record),
            _diffusion(record),
            *([] if md is None else _md(md)),
            _files(record, folder),
        ],
    }


def _highest_eV(hop: Mapping) -> float:
    return max(hop["forward_eV"], hop["backward_eV"])


def _percolation(record: Mapping) -> dict:
    rows = [
        [key, each and blocks.shortened(each["barrier_eV"], digits=4), each["limiting_hop"] if each else "no path"]
        for key, each in record["percolation"].items()
    ]
    note = (
        f"The barrier at which hops of {record['mobile_ion']} by {record['mechanism']} connect sites through the "
        f"crystal, and the hop that is needed last. Supercell of {record['atoms']} atoms, {record['evaluated_by']}."
    )
    return blocks.table("Percolation", ["dimensions", "barrier (eV)", "limiting hop"], rows, note=note)


def _profiles(hops: Sequence[Mapping], folder: Path) -> dict:
    traces = []
    for place, hop in enumerate(hops):
        energies = np.array(read_json(folder / f"{hop['hop']}.json")["energies_eV"])
        along = _length_A(ase.io.read(folder / f"{hop['hop']}.extxyz", index=":"))
        fine = np.linspace(0, along[-1], CURVE_POINTS)
        curve = PchipInterpolator(along, energies - energies[0])(fine)
        name = f"{hop['hop']}: {hop['forward_eV']:.3f} eV"
        traces.append(blocks.trace(name, fine, curve, colour=COLOURS[place % len(COLOURS)]))
    panels = [blocks.panel("", x="length of the path (Å)", y="energy (eV)", traces=traces)]
    note = "Lowest first. The curve is monotone between images, so that it cannot overshoot them."
    return blocks.plots("Energy profiles", panels, note=note)


def _length_A(images: Sequence[Atoms]) -> np.ndarray:
    """Length of a path up to each image, all atoms counted, shape (images,)."""
    steps = np.diff([image.positions for image in images], axis=0)
    return np.concatenate([[0.0], np.cumsum(np.linalg.norm(steps, axis=(1, 2)))])


def _paths(record: Mapping, images: Mapping[str, Sequence[Atoms]], *, limiting: str) -> dict:
    path = images[limiting]
    frames = frames_of_images(
        path, _length_A(path), unit="Å along the path", bonds_A=bonds_A(path[0]), mobile_ion=record["mobile_ion"]
    )
    trails = [
        blocks.trail(name, ion_path_A(each), colour=COLOURS[place % len(COLOURS)])
        for place, (name, each) in enumerate(images.items())
    ]
    note = (
        f"Large: {record['mobile_ion']}. The motion is that of {limiting}, which decides; tubes: the ion on every path."
    )
    key = f"barriers of {record['structure']}"
    facts = {**frames.facts, "trails": trails}
    return blocks.structure("Paths in the structure", key, facts, note=note, data=frames.data)


def ion_path_A(images: Sequence[Atoms]) -> np.ndarray:
    """Places of the ion that moves farthest, shape (images, 3); the first lies in the cell."""
    moved = find_mic(images[-1].positions - images[0].positions, images[0].cell)[0]
    ion = int(np.argmax(np.linalg.norm(moved, axis=1)))
    places = np.array([image.positions[ion] for image in images])
    return places - np.floor(images[0].cell.scaled_positions(places[:1]) + 1e-6) @ images[0].cell.array


def _hops(record: Mapping) -> dict:
    rows = [
        [hop["hop"], blocks.shortened(hop["length_A"], digits=3), hop["multiplicity"], hop["forward_eV"],
         hop["backward_eV"], hop["status"]]
        for hop in record["hops"]
    ]  # fmt: skip
    columns = ["hop", "length (Å)", "per cell", "forward (eV)", "backward (eV)", "status"]
    return blocks.table("Hops", columns, [[_short(each) for each in row] for row in rows])


def _short(value: object) -> object:
    return blocks.shortened(value, digits=4) if isinstance(value, float) else value


def _diffusion(record: Mapping) -> dict:
    rows = [
        [row["temperature_K"], blocks.cell(row["D_cm2_s"]), blocks.cell(row["kmc_D_cm2_s"],
         error=row["kmc_error_cm2_s"]), blocks.cell(1000 * row["sigma_S_cm"])]
        for row in record["diffusion"]
    ]  # fmt: skip
    columns = ["T (K)", "D of one carrier (cm²/s)", "kinetic Monte Carlo (cm²/s)", "σ (mS/cm)"]
    carriers = f"{record['diffusion'][0]['carriers_per_cm3']:g} per cm³" if rows else ""
    note = f"Dilute carriers on the graph of hops; σ by Nernst–Einstein at {carriers}, a chosen concentration."
    return blocks.table("Diffusion on the graph of hops", columns, rows, note=note if rows else "")


def _md(md: Mapping) -> Iterator[dict]:
    """Which hops happened in molecular dynamics, and which the graph has not."""
    rows = []
    for point in md["points"]:
        kelvin = point["temperature_K"]
        rows += [[kelvin, name, each["hops"], each["concerted"], ""] for name, each in point["classes"].items()]
        rows += [
            [kelvin, "none", each["hops"], each["concerted"], f"missed: {each['length_A']:.2f} Å"]
            for each in point["missed"]
        ]
    energy = md["Ea_eV"]
    shown = energy["status"] if energy["value"] is None else f"{energy['value']:.3f} ± {energy['error'] or 0:.3f} eV"
    note = (
        f"Composition {md['composition']}: Ea of D {shown}. Concerted: another ion hops at the same time nearby. MD of "
        "a crystal without vacancies also has to make them, which adds to its Ea."
    )
    if md["status"] != OK:
        yield blocks.text("Molecular dynamics of the same crystal", md["status"], note)
        return
    columns = ["T (K)", "hop", "times", "of which concerted", ""]
    yield blocks.table("Molecular dynamics of the same crystal", columns, rows, note=note)


def _files(record: Mapping, folder: Path) -> dict:
    names = ["barriers.json", "profiles.svg", *(f"{hop['hop']}.extxyz" for hop in record["hops"])]
    there = [(name, f"{FROM_PAGE}/{record['structure']}/{name}") for name in names if (folder / name).is_file()]
    return blocks.links("Files", there)
