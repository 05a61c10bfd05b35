"""A methods paragraph and its references, written from the provenance of the products alone."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from saltflow import __version__
from saltflow.analysis.sweep_results.sweep_products import Products

BIBLIOGRAPHY = Path(__file__).with_name("references.bib")
THERMOSTATS = {
    "nose-hoover": "a Nosé–Hoover chain thermostat",
    "bussi": "a thermostat of stochastic velocity rescaling",
    "langevin": "a Langevin thermostat",
}
# What stands in a reference → keys of the bibliography.
CITED = {
    "code": {"cp2k": "cp2k", "quantum-espresso": "quantum-espresso", "gpaw": "gpaw", "vasp": "vasp"},
    "method": {"GFN1-xTB": "gfn1-xtb", "GFN2-xTB": "gfn2-xtb"},
    "functional": {"PBE": "pbe", "r2SCAN": "r2scan"},
    "package": {"chgnet": "chgnet", "sevenn": "sevenn", "diep": "diep"},
}
LENGTH_KEYS = {
    "cutoff_Ry": "a cutoff of {} Ry",
    "cutoff_eV": "a cutoff of {} eV",
    "kpoint_spacing_per_A": "k points {} 1/Å apart",
}


def methods_paragraphs(products: Products, facts: Mapping) -> list[str]:
    """Sentences on reference, training, ensemble, lengths and statistics; none before a first run."""
    runs = list(products.of_points("md").values())
    if not runs or products.release is None:
        return []
    sentences = [_potential_sentences(products), _dynamics_sentences(products, runs[0], facts),
                 _statistics_sentences(products)]  # fmt: skip
    return [" ".join(found) for found in map(list, sentences) if found]


def _potential_sentences(products: Products) -> Iterator[str]:
    release = products.release
    reference = release["reference"]
    if release["converged"] is None:
        functional = f", trained on {reference['functional']} data" if reference.get("functional") else ""
        model = (
            f"the foundation model {reference['foundation']}" if "foundation" in reference else _reference(reference)
        )
        yield (
            f"Forces came from {model}{functional} (SHA-256 {release['sha256'][:12]}…), used without further training; "
            "its errors for this composition are not known."
        )
        return
    yield f"Reference energies, forces and stresses were computed with {_reference(reference)}."
    training = products.assessment or {}
    converged = "met" if release["converged"] else "did not meet"
    yield (
        f"A MACE potential was trained by active learning up to generation {release['generation']}, which {converged} "
        "the convergence criteria."
    )
    error = release["heldout"].get("force_rmse_meV_A")
    if error is not None:
        frames = training.get("heldout", {}).get("frames")
        yield f"Its force RMSE on {f'{frames} ' if frames else ''}held-out frames is {error:.3g} meV/Å."


def _reference(reference: Mapping) -> str:
    method = reference.get("functional") or reference.get("method") or reference["name"]
    code = reference.get("code", "")
    if code == "universal":
        return f"the universal potential {reference['name']} ({reference['package']} {reference['version']})"
    correction = "" if reference["dispersion"] == "none" else f" with {reference['dispersion']} dispersion"
    details = [form.format(f"{reference[key]:g}") for key, form in LENGTH_KEYS.items()
               if isinstance(reference.get(key), int | float)]  # fmt: skip
    details = ([reference["basis"]] if isinstance(reference.get("basis"), str) else []) + details
    return f"{method}{correction} in {code}" + (f" ({', '.join(details)})" if details else "") if code else method


def _dynamics_sentences(products: Products, run: Mapping, facts: Mapping) -> Iterator[str]:
    settings = run["provenance"]["settings"]
    production, packages = settings["production"], run["provenance"]["packages"]
    accepted = [len([each for each in point["replicas"] if each["status"] == "ok"])
                for point in products.of_points("md").values()]  # fmt: skip
    atoms = _atoms(products)
    quench = next((each for each in products.quenches.values() if "provenance" in each), None)
    cells = f"{len(facts['replicas'])} independent cells" + (f" of {atoms:,} atoms" if atoms else "")
    if quench and run["provenance"]["composition"]["start"] == "pack":
        steps = quench["provenance"]["settings"]["quench"]
        yield (
            f"Glasses were made from {cells}, packed with Packmol, molten at {steps['melt_temperature_K']:g} K (NVT "
            f"{steps['melt_ps']:g} ps, NPT {steps['melt_npt_ps']:g} ps), cooled at {steps['rate_K_per_ps']:g} K/ps to "
            f"{steps['final_temperature_K']:g} K and annealed for {steps['anneal_ps']:g} ps."
        )
    else:
        yield f"The simulations started from {cells}."
    yield (
        f"Each cell was equilibrated for {production['equilibrate_npt_ps']:g} ps in NPT at "
        f"{settings['pressure_GPa']:g} GPa (stochastic cell rescaling) and "
        f"{production['equilibrate_nvt_ps']:g} ps in NVT, and then run for "
        f"{run['production_ps']:g} ps in NVT with {THERMOSTATS[settings['thermostat']]} (relaxation time "
        f"{settings['thermostat_time_fs']:g} fs) and a time step of {run['timestep_fs']:g} fs at "
        f"{', '.join(f'{kelvin}' for kelvin in products.of_points('md'))} K."
    )
    if min(accepted) < len(facts["replicas"]):
        yield f"{min(accepted)} to {max(accepted)} of the cells met the acceptance criteria at each temperature."
    added = run["provenance"].get("dispersion", {}).get("dynamics", "none")
    if added != "none":
        yield f"{added.replace(' of ', ' dispersion of ')} was added in the dynamics."
    yield (
        f"Software: saltflow {run['provenance']['saltflow']}, "
        + ", ".join(
            f"{name} {packages[name]}" for name in ("mace-torch", "torch", "ase", "packmol") if name in packages
        )
        + "."
    )


def _atoms(products: Products) -> int | None:
    """Atoms of a cell, from the counts of its species."""
    for transport in products.of_points("transport").values():
        if transport["quantities"]:
            return sum(each["count"] for each in transport["species"].values())
    return None


def _statistics_sentences(products: Products) -> Iterator[str]:
    analysed = [point for point in products.of_points("transport").values() if point["quantities"]]
    if not analysed:
        return
    settings = analysed[0]["provenance"]["settings"]
    yield (
        f"Diffusion coefficients come from the mean squared displacement in a window with {settings['alpha_min']:g} ≤ "
        f"d ln MSD/d ln t ≤ {settings['alpha_max']:g} and an MSD above {settings['msd_min_A2']:g} Å², conductivities "
        "from the collective displacement of charge (Einstein). Errors are standard errors of a jackknife over blocks "
        "of time and replicas."
    )
    fit = products.own.get("arrhenius", {}).get("fits", {}).get("sigma_E_mS_cm")
    if fit and fit["status"] == "ok":
        yield (
            "Activation energies are weighted least-squares fits of ln(σT) over 1/T at "
            f"{', '.join(f'{kelvin:g}' for kelvin in fit['temperatures_used_K'])} K, with 95 % intervals that are the "
            "larger of error propagation and a bootstrap over replicas."
        )


def bibtex(products: Products) -> str:
    """The references that the methods of a composition rest on."""
    known = bibliography()
    return "\n\n".join(known[key] for key in citation_keys(products)) + "\n"


def citation_keys(products: Products) -> list[str]:
    """Keys of the bibliography for the products of a composition, sorted after saltflow."""
    keys = {"ase", "snakemake", "cell-rescaling"}
    release = products.release or {"converged": None, "reference": {}}
    reference = release["reference"]
    if release["converged"] is not None or reference.get("code") != "universal":  # which drives the dynamics itself
        keys.add("mace")
    keys |= {names[reference[part]] for part, names in CITED.items() if reference.get(part) in names}
    runs = list(products.of_points("md").values())
    records = [run["provenance"] for run in runs]
    keys |= {record["settings"]["thermostat"] for record in records}
    if any(record["composition"]["start"] == "pack" for record in records):
        keys.add("packmol")
    added = [record.get("dispersion", {}).get("dynamics", "none") for record in records]
    if any("D3" in each for each in (*added, reference.get("dispersion", "none"))):
        keys |= {"d3", "d3bj"}
    return ["saltflow", *sorted(keys)]


@cache
def bibliography() -> dict[str, str]:
    """Key → BibTeX entry."""
    content = BIBLIOGRAPHY.read_text(encoding="utf-8").replace("SALTFLOW_VERSION", __version__)
    entries = [entry.strip() for entry in re.split(r"\n(?=@)", content) if entry.strip()]
    return {re.match(r"@\w+{([^,]+),", entry)[1]: _spread(entry) for entry in entries}


def _spread(entry: str) -> str:
    """One field a line."""
    return re.sub(r", (\w+) = {", r",\n  \1 = {", entry[:-1]) + "\n}"
