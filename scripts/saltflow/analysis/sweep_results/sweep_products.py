"""The products of a composition that are there, also while the sweep runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from saltflow.analysis.ranking.ranking import CompositionResults
from saltflow.base.provenance import read_json

POINT_PRODUCTS = ("md", "transport", "structure", "residence", "motion", "pathways", "spectra")
OWN_PRODUCTS = ("arrhenius", "domain", "residence")
# What the ranking reads of a state point.
RANKED = ("composition", "status", "reason", "temperature_K", "mobile_ion", "quantities", "species")


@dataclass(frozen=True)
class Products:
    """What there is of a composition.

    name: its id. folder: results/{composition}. points: temperature in K → name of a product → its content.
    own: arrhenius, domain, residence → content. quenches: replica → content of quench.json.
    release: of its potential. assessment: of the generation that was released.
    """

    name: str
    folder: Path
    points: Mapping[int, Mapping[str, Mapping]]
    own: Mapping[str, Mapping]
    quenches: Mapping[int, Mapping]
    release: Mapping | None
    assessment: Mapping | None

    def of_points(self, product: str) -> dict[int, Mapping]:
        """Temperature → a product, where it is there, ascending."""
        return {kelvin: found[product] for kelvin, found in self.points.items() if product in found}


def read_products(name: str, results: Path, facts: Mapping, potentials: Mapping[str, tuple]) -> Products:
    """Everything that is there of one composition.

    Args:
        name: its id.
        results: the folder results.
        facts: of `sweep_facts`.
        potentials: name → of `read_potential`.
    """
    folder = results / name
    release, assessment = potentials[facts["compositions"][name]["potential"]]
    return Products(
        name=name,
        folder=folder,
        points={
            kelvin: _present({each: folder / f"md/{kelvin}K/{each}.json" for each in POINT_PRODUCTS})
            for kelvin in facts["temperatures_K"]
        },
        own=_present({each: folder / f"{each}.json" for each in OWN_PRODUCTS}),
        quenches=_present({number: folder / f"replica{number}/quench.json" for number in facts["replicas"]}),
        release=release,
        assessment=assessment,
    )


def read_potential(name: str, results: Path) -> tuple[dict | None, dict | None]:
    """The release of a potential and the assessment of its generation, where they are there."""
    folder = results / "potentials" / name
    release = _present({"release": folder / "released.json"}).get("release")
    assessments = [read_json(path) for path in sorted(folder.glob("generation*/assessment.json"))]
    wanted = None if release is None else release["generation"]
    return release, next((each for each in assessments if each["generation"] == wanted), None)


def for_ranking(products: Products, facts: Mapping) -> CompositionResults | None:
    """What the ranking reads of a composition; None while something of it is missing."""
    pairs = [(found.get("transport"), found.get("structure")) for found in products.points.values()]
    complete = all(transport and structure for transport, structure in pairs)
    domain_missing = products.name in facts["domain"] and "domain" not in products.own
    if not complete or domain_missing or "arrhenius" not in products.own or products.release is None:
        return None
    return CompositionResults(
        fit=products.own["arrhenius"],
        points=[
            ({key: transport[key] for key in RANKED if key in transport}, {"descriptors": structure["descriptors"]})
            for transport, structure in pairs
        ],
        release=products.release,
        dispersion=facts["dispersion"][products.name],
        domain=products.own.get("domain"),
    )


def read_studies(results: Path, *, so_far: Mapping[str, Mapping]) -> list[dict]:
    """The parts that studies have written: title and blocks, in the order of their paths; of one file its own first.

    Args:
        results: the folder results.
        so_far: study → what it has found up to now, in place of its page.json.
    """
    folder = results / "studies"
    paths = [*folder.glob("*/page.json"), *folder.glob("*/*/page.json")]
    pages: dict[str, Mapping] = {path.parent.relative_to(folder).as_posix(): read_json(path) for path in paths}
    found = []
    for _, page in sorted((pages | dict(so_far)).items()):
        found += [{"title": page["title"], "blocks": page["blocks"]}, *page.get("parts", [])]
    return found


def colour_order(names: Sequence[str]) -> dict[str, int]:
    """Name → number of its colour, the same for the same names."""
    return {name: place for place, name in enumerate(sorted(set(names)))}


def _present(paths: Mapping) -> dict:
    return {name: read_json(path) for name, path in paths.items() if path.is_file()}
