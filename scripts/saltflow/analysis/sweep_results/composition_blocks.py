"""The part of one composition on the results page: its motion, structure, mechanism, potential, files and method."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from saltflow.analysis.conductivity_table import domain_row, potential_status
from saltflow.analysis.no_result import NO_ACCEPTED_REPLICA
from saltflow.analysis.sweep_results import doubts
from saltflow.analysis.sweep_results import page_blocks as blocks
from saltflow.analysis.sweep_results.methods import bibtex, methods_paragraphs
from saltflow.analysis.sweep_results.sweep_products import Products, colour_order
from saltflow.analysis.sweep_results.viewer_frames import Frames
from saltflow.campaign.dispersion_switch import method_name

GREATEST_R_POINTS = 120
LEAST_CLASS_FRACTION = 0.01
APPROXIMATIONS = {"sigma_NE_mS_cm": "NE", "sigma_cNE_mS_cm": "cNE", "sigma_E_mS_cm": "E"}
NOT_ANALYSED = "No transport analysis is there yet."


def composition_blocks(products: Products, facts: Mapping, frames: Mapping[str, Frames]) -> list[dict]:
    """The blocks of a composition, in the order in which they are read.

    Args:
        products: what is there of it.
        facts: of `sweep_facts`.
        frames: key → its structure for the viewer; may be empty.
    """
    of_potential = doubts.of_potential(_status_of_potential(products))
    return [
        *_structures(frames, of_pathways=False),
        _state_points(products, of_potential),
        _curves(products, "msd_A2", "Mean squared displacement", "MSD (Å²)", "xy"),
        _curves(products, "alpha", "Its slope α", "α = d ln MSD/d ln t", "x"),
        _approximations(products, of_potential),
        _radial(products),
        _environments(products),
        _residence(products),
        _pathways(products),
        *_structures(frames, of_pathways=True),
        _potential(products, facts, of_potential),
        _files(products, facts),
        *_method(products, facts),
    ]


def _structures(frames: Mapping[str, Frames], *, of_pathways: bool) -> Iterator[dict]:
    """Structures of the trajectory, or that of the pathways."""
    for key, found in frames.items():
        facts = found.facts
        if ("surface" in facts) != of_pathways:
            continue
        if of_pathways:
            note = (
                f"Surface: the density of {facts['mobile_ion']} at which it percolates in "
                f"{facts['surface']['dimensions']}, first replica, hottest temperature, on a coarse grid; spheres: the "
                "framework at its mean positions. pathways.html, below, has the full picture."
            )
            yield blocks.structure("Pathways to turn", key, facts, note=note)
        else:
            yield blocks.structure("Structure", key, facts, note=_about_frames(facts))


def _about_frames(facts: Mapping) -> str:
    shown, of = len(facts["times_ps"]), facts["of_frames"]
    what = f"{shown} of {of:,} frames" if shown < of else f"all {of:,} frames" if of > 1 else "one frame"
    return (
        f"{facts['atoms']:,} atoms of the first replica, {what}. Large: the mobile ion {facts['mobile_ion']}; sticks: "
        "bonds of metals up to the first minimum of g(r)."
    )


def _state_points(products: Products, of_potential: Sequence[str]) -> dict:
    columns = ["T (K)", "status", "D (cm²/s)", "σ_NE (mS/cm)", "σ_cNE (mS/cm)", "σ_E (mS/cm)", "Haven ratio", "t", "α",
               "ρ (g/cm³)", "flags"]  # fmt: skip
    rows = [_state_point(products, kelvin, point, of_potential) for kelvin, point in products.points.items()]
    note = "Errors are standard errors over blocks of time and replicas. Grey: unreliable, for the reason below."
    return blocks.table("State points", columns, rows, note=note)


def _state_point(products: Products, kelvin: int, point: Mapping, of_potential: Sequence[str]) -> list:
    transport = point.get("transport")
    if transport is None:
        return [kelvin, "not analysed yet", *[None] * 9]
    quantities, status = transport["quantities"], transport["status"]
    found = list(of_potential) if status == "ok" else [status]
    cells = [_estimate(quantities.get(name), found) for name in ("D_cm2_s", *APPROXIMATIONS, "haven_ratio")]
    mobile = transport["species"][transport["mobile_ion"]] if quantities else {}
    structure = point.get("structure", {})
    density = structure.get("descriptors", {}).get("density_g_cm3")
    flags = "; ".join(dict.fromkeys(flag["flag"] for flag in structure.get("flags", [])))
    status += f": {transport['reason']}" if status == NO_ACCEPTED_REPLICA else ""
    return [kelvin, status, *cells, _estimate(mobile.get("transference_E"), found), blocks.shortened(
            transport["alpha"], digits=3), _estimate(density, ()), flags]  # fmt: skip


def _estimate(estimate: Mapping | None, found: Sequence[str]) -> dict | None:
    if not estimate or estimate.get("value") is None:
        return None
    return blocks.cell(estimate["value"], error=estimate["error"], doubts=[*found, *doubts.of_estimate(estimate)])


def _curves(products: Products, key: str, title: str, y: str, log: str) -> dict:
    """MSD or α of every species at every temperature."""
    panels = []
    for kelvin, transport in products.of_points("transport").items():
        if not transport["quantities"]:
            continue
        colours, window = colour_order(transport["species"]), transport["window"]
        band = [window["start_ps"], window["end_ps"], "window" if transport["status"] == "ok" else "closest range"]
        traces = [
            blocks.trace(
                symbol,
                transport["curves"]["lags_ps"],
                values,
                colour=colours[symbol],
                doubtful=transport["species"][symbol]["status"] != "ok",
            )
            for symbol, values in transport["curves"][key].items()
        ]
        panels.append(blocks.panel(f"{kelvin} K", x="lag (ps)", y=y, traces=traces, log=log, band=band))
    note = "Green: the diffusive window; orange: the closest range, where there is none. Dotted grey: not diffusive."
    return blocks.plots(title, panels, note=note, empty=_why_none(products))


def _why_none(products: Products) -> str:
    transports = list(products.of_points("transport").values())
    if not transports:
        return NOT_ANALYSED
    return f"{transports[0]['status']}: {transports[0].get('reason', '')}"


def _approximations(products: Products, of_potential: Sequence[str]) -> dict:
    analysed = {
        kelvin: transport for kelvin, transport in products.of_points("transport").items() if transport["quantities"]
    }
    traces = []
    for colour, (quantity, name) in enumerate(APPROXIMATIONS.items()):
        for reliable in (True, False):
            chosen = {
                kelvin: estimate
                for kelvin, transport in analysed.items()
                if (estimate := transport["quantities"][quantity])["value"] is not None
                and estimate["value"] > 0
                and reliable == (transport["status"] == "ok" and not doubts.of_estimate(estimate))
            }
            if chosen:
                values, errors = ([each[key] for each in chosen.values()] for key in ("value", "error"))
                traces.append(
                    blocks.trace(
                        name if reliable else f"{name}, unreliable",
                        chosen,
                        values,
                        error=errors,
                        mode="lines+markers" if reliable else "markers",
                        colour=colour,
                        doubtful=not reliable or bool(of_potential),
                    )
                )
    panels = [blocks.panel("", x="T (K)", y="σ (mS/cm)", traces=traces, log="y")] if traces else []
    note = "NE: independent ions; cNE: bonded ions move as one; E: all correlations, what an experiment measures."
    return blocks.plots("Conductivity by three approximations", panels, note=note, empty=_why_none(products))


def _radial(products: Products) -> dict:
    found = {kelvin: each for kelvin, each in products.of_points("structure").items() if each["pairs"]}
    panels = []
    for kelvin in dict.fromkeys((min(found), max(found))) if found else ():
        structure = found[kelvin]
        ion = structure["roles"]["mobile_ion"]
        metal_pairs = [pair for pair in structure["bond_cutoffs_A"] if not pair.startswith(f"{ion}-")]
        pairs = [pair for pair in structure["pairs"] if pair.startswith(f"{ion}-")] + metal_pairs
        step = -(-len(structure["r_A"]) // GREATEST_R_POINTS)
        for key, title in (("g", "g(r)"), ("N", "N(r)")):
            radii = structure["r_A" if key == "g" else "edges_A"][::step]
            traces = [
                blocks.trace(pair, radii, np.minimum(structure["pairs"][pair][key][::step], 100), colour=place)
                for place, pair in enumerate(pairs)
            ]
            panels.append(blocks.panel(f"{title}, {kelvin} K", x="r (Å)", y=title, traces=traces))
    note = "Around the mobile ion, and of metals with anions. The first peak is the bond length."
    return blocks.plots("g(r) and N(r)", panels, note=note, empty="No structure analysis is there yet, or no replica.")


def _environments(products: Products) -> dict:
    panels = []
    found = {kelvin: each for kelvin, each in products.of_points("structure").items() if each.get("polyhedra")}
    for metal in next(iter(found.values()))["polyhedra"] if found else ():
        names = dict.fromkeys(
            name
            for each in found.values()
            for name, row in each["polyhedra"].get(metal, {}).get("classes", {}).items()
            if (row["value"] or 0) >= LEAST_CLASS_FRACTION
        )
        traces = []
        for place, kelvin in enumerate(found):
            classes = found[kelvin]["polyhedra"].get(metal, {}).get("classes", {})
            values, errors = ([classes.get(name, {}).get(key) for name in names] for key in ("value", "error"))
            traces.append(blocks.trace(f"{kelvin} K", names, values, error=errors, mode="bars", colour=place))
        panels.append(blocks.panel(f"{metal}", x="environment", y="fraction", traces=traces))
    note = "X4: four halides; X3O1: three and an oxygen. Classes below 1 % are left out."
    return blocks.plots("Environments of the metals", panels, note=note, empty="No metal with a shell of anions.")


def _residence(products: Products) -> dict:
    fits = products.own.get("residence", {}).get("fits", {})
    rows = []
    for kelvin, point in products.of_points("residence").items():
        for shell, content in point["shells"].items():
            function = [name for name in content["curves"] if name.startswith("continuous")][-1]
            for name, entry in content["classes"].items():
                found = [] if entry[function]["status"] == "ok" else [entry[function]["status"]]
                energy = fits.get(shell, {}).get(name, {}).get(function, {}).get("Ea_eV")
                tau = entry[function]["tau_ps"]
                rows.append([shell, name, kelvin, _estimate(tau, found), _estimate(energy, ())])
    columns = ["shell", "environment", "T (K)", "τ (ps)", "εa (eV)"]
    note = (
        "Continuous residence with the longest allowed absence; εa: activation energy of ln(1/τ). "
        if rows
        else "No residence analysis is there (sweep.analyses)."
    )
    return blocks.table("Residence", columns, sorted(rows, key=lambda row: (row[0], row[1], row[2])), note=note)


def _pathways(products: Products) -> dict:
    rows = []
    for kelvin, point in products.of_points("pathways").items():
        found = [] if point["status"] == "ok" else [point["status"]]
        values = [point["quantities"].get(f"threshold_{name}_eV") for name in ("1D", "2D", "3D")]
        rows.append([kelvin, *[_estimate(each, found) for each in values], point["status"]])
    note = (
        "Free energy at which the density of the mobile ion percolates in one, two and three dimensions. The picture "
        "to turn is pathways.html, below."
        if rows
        else "No pathway analysis is there (sweep.analyses)."
    )
    return blocks.table("Pathways", ["T (K)", "1D (eV)", "2D (eV)", "3D (eV)", "status"], rows, note=note)


def _status_of_potential(products: Products) -> dict:
    """What a row of the ranking says of the potential and its domain."""
    status = None if products.release is None else potential_status(products.release)
    return {"potential_status": status, **domain_row(products.own.get("domain"))}


def _potential(products: Products, facts: Mapping, of_potential: Sequence[str]) -> dict:
    release, name = products.release, facts["compositions"][products.name]["potential"]
    if release is None:
        return blocks.text("Potential", f"The potential {name} is not released yet.")
    rows: list[list[Any]] = [
        ["potential", name],
        ["reference", method_name(release, facts["dispersion"][products.name])],
        ["status", potential_status(release)],
        ["why training ended", release["ended_because"]],
        ["SHA-256", release["sha256"]],
    ]
    own = (products.assessment or {}).get("heldout_by_composition", {}).get(products.name, {})
    units = {"force_rmse_meV_A": "meV/Å", "energy_rmse_meV_atom": "meV/atom", "stress_rmse_MPa": "MPa"}
    for scope, errors in (("of this composition", own), ("of all", (products.assessment or {}).get("heldout", {}))):
        for key, unit in units.items():
            if errors.get(key) is not None:
                name = key.partition("_")[0]
                rows.append([f"held-out {name} RMSE {scope} ({unit})", blocks.cell(errors[key], doubts=of_potential)])
    domain = products.own.get("domain")
    if domain:
        worst = domain["worst"] or {}
        rows.append(["domain", domain["status"]])
        rows.append(["largest out-of-domain fraction", _estimate(worst or None, ())])
        rows += [["flag", flag] for flag in domain["flags"]]
    return blocks.table("Potential: errors and domain", ["", ""], rows)


def _files(products: Products, facts: Mapping) -> dict:
    potential = facts["compositions"][products.name]["potential"]
    own = [*_own_files(facts), *((name, name) for name in ("arrhenius.json", "domain.json", "pathways.html"))]
    for kelvin in facts["temperatures_K"]:
        figures = sorted(path.name for path in (products.folder / f"md/{kelvin}K").glob("*.svg"))
        own += [(f"{kelvin} K: {name}", f"md/{kelvin}K/{name}") for name in figures]
    found = [(label, f"{products.name}/{path}") for label, path in own]
    shared = ("released.model", "released.json", "dataset.json")
    found += [(f"potential {potential}: {name}", f"potentials/{potential}/{name}") for name in shared]
    there = [(label, f"../{path}") for label, path in found if (products.folder.parent / path).is_file()]
    logs = ("logs of its jobs", f"../../logs/{products.name}/")
    return blocks.links(
        "Files", [*there, logs], note="Links work where this page lies in results/summary of the sweep."
    )


def _own_files(facts: Mapping) -> Iterator[tuple[str, str]]:
    """Label and path of the files of replicas and state points, from the folder of the composition."""
    for number in facts["replicas"]:
        for name in ("quenched.extxyz", "quench.json"):
            yield f"replica {number}: {name}", f"replica{number}/{name}"
    for kelvin in facts["temperatures_K"]:
        for name in (*(f"replica{number}.h5md" for number in facts["replicas"]), "transport.json", "structure.json"):
            yield f"{kelvin} K: {name}", f"md/{kelvin}K/{name}"


def _method(products: Products, facts: Mapping) -> list[dict]:
    paragraphs = methods_paragraphs(products, facts)
    if not paragraphs:
        return []
    return [
        blocks.text("Methods, to adapt for a paper", *paragraphs),
        blocks.listing("References of the methods (BibTeX)", bibtex(products)),
    ]
