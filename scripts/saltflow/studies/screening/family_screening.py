"""A family through the funnel: built, relaxed, judged by the hull and by its anions; survivors as structure files."""

import logging
from collections.abc import Mapping
from pathlib import Path

from ase import Atoms

from saltflow.base.errors import InputError, SaltflowError
from saltflow.base.provenance import write_text
from saltflow.materials.ordering.disordered_crystal import crystal_of
from saltflow.materials.ordering.ordering_record import write_cif
from saltflow.potentials.protocol import MDPotential
from saltflow.studies.relaxation.relaxed_cells import RelaxedCell
from saltflow.studies.relaxation.relaxed_crystals import relax_crystals
from saltflow.studies.screening.anion_table import anion_record
from saltflow.studies.screening.competing_phases import competing_phases
from saltflow.studies.screening.convex_hull import NEGLIGIBLE_eV, Phase, Phases
from saltflow.studies.screening.family import Family
from saltflow.studies.screening.family_members import members_of
from saltflow.studies.screening.figures import plot_above_hull, plot_funnel
from saltflow.studies.screening.funnel import Funnel

LARGEST_VOLUME_CHANGE = 0.6  # beyond it, another structure was found, or none

log = logging.getLogger(__name__)


def check_settings(settings: Mapping) -> None:
    """Refuse limits that nothing meets.

    Raises:
        InputError: naming the option.
    """
    for option in ("force", "steps", "budget", "batch-atoms"):
        key = {"force": "force_eV_A", "batch-atoms": "batch_atoms"}.get(option, option)
        if not settings[key] > 0:
            raise InputError([f"--{option} has to be above 0; correct it."])
    if not settings["window_eV_atom"] >= 0:
        raise InputError(["--window has to be 0 or more; correct it."])


class FamilyScreening:
    """One family, one potential, one folder.

    Args:
        family: as asked.
        potential: of the engine.
        settings: force_eV_A, steps, batch_atoms, budget (most relaxations), window_eV_atom (above the hull),
            isolated_only, potential (its name) and potential_sha256.
        folder: for the results; made where it is missing.
    """

    def __init__(self, family: Family, potential: MDPotential, *, settings: Mapping, folder: Path):
        self._family, self._potential, self._settings, self._folder = family, potential, settings, folder
        if family.most_members > settings["budget"]:
            raise InputError([f"The family has {family.most_members} members, over --budget {settings['budget']}; "
                              "raise it, or substitute less."])  # fmt: skip
        self._members = {member.name: member for member in members_of(family, potential)}
        self._phases = competing_phases(family, list(self._members.values()), potential)
        self._relaxed: dict[str, RelaxedCell] = {}

    @property
    def jobs(self) -> str:
        """What would be computed: "27 members and 61 phases, 88 relaxations of 1,234 atoms"."""
        cells = [*self._built.values(), *self._phases.values()]
        return (f"{len(self._members)} members and {len(self._phases)} competing phases: {len(cells)} relaxations of "
                f"{sum(map(len, cells))} atoms in all")  # fmt: skip

    @property
    def _built(self) -> dict[str, Atoms]:
        return {name: each.atoms for name, each in self._members.items() if each.atoms is not None}

    def run(self) -> dict:
        """Pass all stages; write screening.tsv, survivors/ and figures.

        Returns:
            The record of stages, members, survivors and energies, JSON-able.

        Raises:
            InputError: no member is neutral, or there are more relaxations than the budget.
        """
        if not self._built:
            raise InputError([f"None of {len(self._members)} members could be built; the first: "
                              f"{next(iter(self._members.values())).problem}"])  # fmt: skip
        if (asked := len(self._built) + len(self._phases)) > self._settings["budget"]:
            raise InputError(
                [f"{self.jobs}, over --budget {self._settings['budget']}; raise it to {asked}, or ask for less."]
            )
        reactions = [f"reaction_{other}_eV_atom" for other in self._family.reacts_with]
        funnel = Funnel(self._members, potential=self._settings["potential"], more=reactions)
        window = self._settings["window_eV_atom"]
        funnel.pass_through("neutral and ordered", "charges balance, elements are known", self._build)
        funnel.pass_through("relaxed", "forces and stresses at rest", lambda left: self._relax(left, funnel))
        funnel.pass_through(
            "stable", f"at most {window:g} eV/atom above the hull", lambda left: self._judge(left, funnel)
        )
        only = "with isolated anions" if self._settings["isolated_only"] else "all, with or without"
        funnel.pass_through("isolated anions", only, lambda left: self._anions(left, funnel))
        return self._written(funnel)

    def _build(self, left: list[str]) -> dict[str, str]:
        return {name: f"not built: {problem}" for name in left if (problem := self._members[name].problem)}

    def _relax(self, left: list[str], funnel: Funnel) -> dict[str, str]:
        given = {"relaxed": {name: self._members[name].atoms for name in left}, "phases": self._phases}
        for folder, cells in given.items():
            found = relax_crystals(cells, self._potential, settings=self._settings, folder=self._folder / folder)
            self._relaxed |= {(f"phase {name}" if folder == "phases" else name): cell for name, cell in found.items()}
        excluded = {}
        for name in left:
            cell = self._relaxed[name]
            funnel.rows[name] |= {"formula": str(cell.atoms.symbols.formula.reduce()[0]), "atoms": len(cell.atoms),
                                  "volume_change": f"{cell.volume_change:.4f}"}  # fmt: skip
            if problem := self._problem(cell):
                excluded[name] = problem
            elif abs(cell.volume_change) > LARGEST_VOLUME_CHANGE:
                excluded[name] = f"not relaxed: its volume changes by {100 * cell.volume_change:+.0f} %"
        return excluded

    def _problem(self, cell: RelaxedCell) -> str:
        if not cell.is_physical:
            return "not relaxed: it becomes unphysical"
        if not cell.is_converged(self._settings["force_eV_A"]):
            return f"not relaxed: {cell.force_eV_A:.3f} eV/Å and {cell.residual_GPa:.2f} GPa are left"
        return ""

    def _judge(self, left: list[str], funnel: Funnel) -> dict[str, str]:
        usable = {name: cell for name, cell in self._relaxed.items() if not self._problem(cell)}
        phases = Phases([Phase(name, str(cell.atoms.symbols), cell.energy_eV) for name, cell in usable.items()])
        excluded = {}
        for name in left:
            if missing := phases.missing_elements(name):
                excluded[name] = f"no hull: no crystal of {', '.join(missing)} is given"
                continue
            found = phases.stability(name, self._members[name].charges)
            window_V = phases.window_V(name, self._family.mobile)
            funnel.rows[name] |= {
                "above_hull_eV_atom": f"{found.above_hull_eV_atom:.4f}",
                "formation_eV_atom": f"{found.formation_eV_atom:.4f}",
                "decomposes_to": " + ".join(found.decomposes_to),
                "systems_without_phase": " ".join(found.lacks),
                "reduction_V": f"{window_V[0]:.2f}" if window_V else "",
                "oxidation_V": f"{window_V[1]:.2f}" if window_V else "",
                "status": _status(found.above_hull_eV_atom),
            }
            for other in self._family.reacts_with:
                funnel.rows[name][f"reaction_{other}_eV_atom"] = _reaction(phases, name, other)
            if found.above_hull_eV_atom > self._settings["window_eV_atom"]:
                excluded[name] = f"unstable: {1000 * found.above_hull_eV_atom:.0f} meV/atom above the hull"
        return excluded

    def _anions(self, left: list[str], funnel: Funnel) -> dict[str, str]:
        from pymatgen.io.ase import AseAtomsAdaptor

        excluded = {}
        for name in left:
            crystal = crystal_of(AseAtomsAdaptor.get_structure(self._relaxed[name].atoms), name)
            try:
                found = anion_record(crystal, self._members[name].charges, mobile=self._family.mobile)
            except SaltflowError as error:
                excluded[name] = f"anions unknown: {error}"
                continue
            isolated = sorted({each["elements"] for each in found["anions"] if each["isolated"]})
            funnel.rows[name] |= {
                "isolated_anions": " ".join(isolated),
                "isolated_share": f"{found['isolated_share']:.4f}",
            }
            if self._settings["isolated_only"] and not isolated:
                excluded[name] = "no isolated anion"
        return excluded

    def _written(self, funnel: Funnel) -> dict:
        survivors = self._folder / "survivors"
        for name in self._members:
            (survivors / f"{name}.cif").unlink(missing_ok=True)
        for name in funnel.left:
            write_cif(survivors / f"{name}.cif", self._relaxed[name].atoms)
        write_text(self._folder / "screening.tsv", funnel.text())
        title = f"By {Path(self._settings['potential']).name}"
        plot_funnel(funnel.stages, self._folder / "funnel.svg", title=title)
        plot_above_hull(
            list(funnel.rows.values()),
            self._folder / "hull.svg",
            window_eV=self._settings["window_eV_atom"],
            title=title,
        )
        left_out = {name.removeprefix("phase "): problem for name, cell in self._relaxed.items()
                    if name.startswith("phase ") and (problem := self._problem(cell))}  # fmt: skip
        energies = {name: cell.energy_eV / len(cell.atoms) for name, cell in self._relaxed.items() if cell.is_physical}
        return {
            "jobs": self.jobs,
            "evaluated_by": self._potential.evaluated_by,
            "stages": funnel.record(),
            "members": funnel.rows,
            "survivors": funnel.left,
            "phases_left_out": left_out,
            "energies_eV_atom": energies,
        }


def _status(above_hull_eV: float) -> str:
    if above_hull_eV < -NEGLIGIBLE_eV:
        return "below the hull"
    return "on the hull" if above_hull_eV <= NEGLIGIBLE_eV else "metastable"


def _reaction(phases: Phases, name: str, other: str) -> str:
    try:
        return f"{phases.reaction(name, other)[0]:.4f}"
    except SaltflowError as error:
        return str(error)
