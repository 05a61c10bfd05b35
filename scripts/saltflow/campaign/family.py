"""A family of crystals: prototypes, what is substituted and doped in them, and what they compete with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from saltflow.base.errors import InputError
from saltflow.base.yaml_file import read_yaml
from saltflow.materials.formulas import ELEMENTS, parse_formula
from saltflow.materials.structure_names import structure_files

KEYS = ("prototypes", "mobile", "substitutions", "doping", "charges", "atoms", "seed", "phases", "phase_prototypes",
        "generate_phases", "reacts_with", "funnel")  # fmt: skip
KEYS_OF_DOPING = ("element", "by", "vacancy", "fractions")
MOST_ATOMS = 100
# What each key of `funnel` is by default, and the least and most that it may be; None where it is yes or no.
FUNNEL: Mapping[str, tuple[Any, tuple[float, float] | None]] = {
    "window_eV_atom": (0.05, (0, 10)),
    "isolated_only": (False, None),
    "force_eV_A": (0.03, (1e-4, 1)),
    "steps": (300, (1, 100_000)),
    "batch_atoms": (500, (1, 1_000_000)),
    "phonons": (False, None),
    "elastic": (False, None),
    "barrier_eV": (None, (0, 10)),
    "temperatures_K": (None, (1, 10_000)),
    "md_ps": (50.0, (1e-3, 1e6)),
}
FEWEST_TEMPERATURES = 3


@dataclass(frozen=True)
class Doping:
    """Part of an element replaced by another, with vacancies that balance the charge.

    Attributes:
        element, by: what is replaced, and by what.
        vacancy: element that leaves for the charge; None where both have the same.
        fractions: of the element, each a member.
    """

    element: str
    by: str
    vacancy: str | None
    fractions: tuple[float, ...]


@dataclass(frozen=True)
class Family:
    """What a family file asks for.

    Attributes:
        prototypes: structure files.
        mobile: element of the mobile ion.
        substitutions: element of the prototypes → elements that take its place; every combination is a member.
        doping: of every combination that holds the element.
        charges: element → formal charge in e, where it is prescribed.
        atoms: most atoms of an ordered cell.
        seed: of the ordering.
        phases: structure files of competing phases.
        phase_prototypes: structure files of competing phases in which the same is substituted.
        generate_phases: whether prototypes of elements and salts join them.
        reacts_with: formulas of phases, for reaction energies.
        funnel: the keys of `FUNNEL`, those that the file leaves out by default.
    """

    prototypes: tuple[Path, ...]
    mobile: str
    substitutions: Mapping[str, tuple[str, ...]]
    doping: tuple[Doping, ...]
    charges: Mapping[str, int]
    atoms: int
    seed: int
    phases: tuple[Path, ...]
    phase_prototypes: tuple[Path, ...]
    generate_phases: bool
    reacts_with: tuple[str, ...]
    funnel: Mapping[str, Any]

    @property
    def files(self) -> tuple[Path, ...]:
        """All structure files that it names."""
        return (*self.prototypes, *self.phases, *self.phase_prototypes)

    @property
    def most_members(self) -> int:
        """Members if every prototype holds every element that is substituted or doped."""
        combinations = prod(len(elements) for elements in self.substitutions.values())
        return len(self.prototypes) * combinations * (1 + sum(len(each.fractions) for each in self.doping))


def read_family(path: Path) -> Family:
    """The family of a YAML file; files that it names are found from its folder.

    Raises:
        InputError: a key is unknown, missing or wrong, or a substitution overlaps.
    """
    content = read_yaml(path)
    problems = [f"{path}: the key '{key}' is unknown; the keys are {', '.join(KEYS)}." for key in content
                if key not in KEYS]  # fmt: skip
    problems += [f"{path}: the key '{key}' is missing; add it." for key in ("prototypes", "mobile")
                 if key not in content]  # fmt: skip
    if problems:
        raise InputError(problems)
    check = _Checked(path)
    substitutions = {
        element: check.elements(replacing, f"substitutions.{element}")
        for element, replacing in check.mapping(content.get("substitutions"), "substitutions").items()
    }
    _check_overlap(path, substitutions)
    doping = content.get("doping") or []
    doping = [doping] if isinstance(doping, Mapping) else doping
    return Family(
        prototypes=check.files(content["prototypes"], "prototypes"),
        mobile=check.elements([content["mobile"]], "mobile")[0],
        substitutions=substitutions,
        doping=tuple(_doping(check, each) for each in doping),
        charges={
            check.elements([element], "charges")[0]: int(check.number(charge, f"charges.{element}", -8, 8))
            for element, charge in check.mapping(content.get("charges"), "charges").items()
        },
        atoms=int(check.number(content.get("atoms", MOST_ATOMS), "atoms", 1, 1000)),
        seed=int(check.number(content.get("seed", 1), "seed", 0, 2**31)),
        **{key: check.files(content[key], key) if content.get(key) else () for key in ("phases", "phase_prototypes")},
        generate_phases=bool(content.get("generate_phases", True)),
        reacts_with=tuple(check.formula(each) for each in content.get("reacts_with") or ()),
        funnel=_funnel(check, check.mapping(content.get("funnel"), "funnel")),
    )


def _funnel(check: "_Checked", given: Mapping) -> dict[str, Any]:
    if unknown := [key for key in given if key not in FUNNEL]:
        raise check.error(f"funnel.{unknown[0]}", f"is unknown; the keys are {', '.join(FUNNEL)}")
    found = {key: default for key, (default, _) in FUNNEL.items()}
    for key, value in given.items():
        limits, where = FUNNEL[key][1], f"funnel.{key}"
        if value is None and found[key] is None:
            continue
        if limits is None:
            if not isinstance(value, bool):
                raise check.error(where, f"has to be true or false, not {value!r:.40}")
            found[key] = value
        elif key == "temperatures_K":
            if not isinstance(value, list) or len(value) < FEWEST_TEMPERATURES:
                raise check.error(where, f"has to list {FEWEST_TEMPERATURES} temperatures or more")
            found[key] = sorted(check.number(each, where, *limits) for each in value)
        else:
            found[key] = type(FUNNEL[key][0] or 0.0)(check.number(value, where, *limits))
    return found


def _doping(check: "_Checked", given: Any) -> Doping:
    given = check.mapping(given, "doping")
    wrong = [key for key in given if key not in KEYS_OF_DOPING]
    if wrong or not {"element", "by", "fractions"} <= set(given):
        raise check.error("doping", f"has the keys {', '.join(KEYS_OF_DOPING)}")
    element, by = check.elements([given["element"], given["by"]], "doping")
    fractions = given["fractions"] if isinstance(given["fractions"], Sequence) else [given["fractions"]]
    return Doping(
        element=element,
        by=by,
        vacancy=check.elements([given["vacancy"]], "doping.vacancy")[0] if given.get("vacancy") else None,
        fractions=tuple(check.number(each, "doping.fractions", 1e-3, 0.999) for each in fractions),
    )


def _check_overlap(path: Path, substitutions: Mapping[str, Sequence[str]]) -> None:
    for element, replacing in substitutions.items():
        for other, others in substitutions.items():
            if other != element and (shared := sorted(set(replacing) & set(others))):
                raise InputError(
                    [
                        f"{path}: the substitutions overlap, as {shared[0]} takes the place of both {element} and "
                        f"{other}; name it once."
                    ]
                )


class _Checked:
    """Values of a family file; what is wrong becomes a sentence that names its key."""

    def __init__(self, path: Path):
        self._path = path

    def error(self, key: str, wanted: str) -> InputError:
        return InputError([f"{self._path}, {key}: it {wanted}; correct it."])

    def mapping(self, value: Any, key: str) -> dict:
        if value is not None and not isinstance(value, Mapping):
            raise self.error(key, "has to hold keys and values")
        return dict(value or {})

    def elements(self, value: Any, key: str) -> tuple[str, ...]:
        if not isinstance(value, list) or not value or not all(each in ELEMENTS for each in value):
            raise self.error(key, f"has to name elements, not {value!r:.60}")
        if len(set(value)) < len(value):
            raise self.error(key, "names an element twice")
        return tuple(value)

    def number(self, value: Any, key: str, least: float, most: float) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise self.error(key, f"has to be a number from {least:g} to {most:g}, not {value!r:.40}")
        return float(value)

    def formula(self, value: Any) -> str:
        parse_formula(str(value))
        return str(value)

    def files(self, value: Any, key: str) -> tuple[Path, ...]:
        names = [value] if isinstance(value, str) else value
        if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
            raise self.error(key, "has to list files or folders")
        return tuple(structure_files([str(self._path.parent / name) for name in names]))
