"""A family through the funnel: relaxed, judged by the hull, by its anions, and by studies; survivors as files."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from ase import Atoms

from saltflow.base.errors import InputError, SaltflowError
from saltflow.base.provenance import write_text
from saltflow.materials.ordering.disordered_crystal import crystal_of
from saltflow.materials.ordering.ordering_record import write_cif
from saltflow.studies.relaxation.relaxed_cells import RelaxedCell
from saltflow.studies.screening.anion_table import anion_record
from saltflow.studies.screening.built_family import PHASE, BuiltFamily
from saltflow.studies.screening.convex_hull import NEGLIGIBLE_eV, Phase, Phases
from saltflow.studies.screening.figures import plot_above_hull, plot_funnel
from saltflow.studies.screening.funnel import Funnel, Study
from saltflow.studies.screening.hull_pictures import plot_hulls

LARGEST_VOLUME_CHANGE = 0.6  # beyond it, another structure was found, or none


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
    """One family whose crystals are relaxed.

    Args:
        family: as built.
        relaxed: of its `cells`.
        seconds: that the relaxations took.
        settings: force_eV_A, window_eV_atom (above the hull), isolated_only, potential (its name).
    """

    def __init__(self, family: BuiltFamily, relaxed: Mapping[str, RelaxedCell], *, seconds: float, settings: Mapping):
        self._family, self._relaxed, self._settings = family, relaxed, settings
        self._seconds = seconds

    @property
    def cells(self) -> dict[str, Atoms]:
        """Name → relaxed cell, of members and phases."""
        return {name: cell.atoms for name, cell in self._relaxed.items()}

    def judge(self, studies: Sequence[Study] = ()) -> Funnel:
        """Pass all stages up to the anions.

        Args:
            studies: that follow, whose columns the table gets.
        """
        more = [f"reaction_{other}_eV_atom" for other in self._family.reacts_with]
        more += [column for study in studies for column in study.columns]
        funnel = Funnel(self._family.members, potential=self._settings["potential"], more=more)
        window = self._settings["window_eV_atom"]
        funnel.pass_through("neutral and ordered", "charges balance, elements are known", self._build)
        funnel.pass_through("relaxed", "forces and stresses at rest", lambda left: self._rest(left, funnel))
        funnel.stages[-1].seconds += self._seconds
        funnel.pass_through(
            "stable", f"at most {window:g} eV/atom above the hull", lambda left: self._judge(left, funnel)
        )
        only = "with isolated anions" if self._settings["isolated_only"] else "all, with or without"
        funnel.pass_through("isolated anions", only, lambda left: self._anions(left, funnel))
        return funnel

    def plot_hulls(self, folder: Path) -> None:
        """Draw the hull of each chemical system of the members, in a folder."""
        known = (name for name in self._family.members if name in self._relaxed)
        at_rest = [name for name in known if not self._problem(self._relaxed[name])]
        plot_hulls(self._phases.diagrams(at_rest), folder, window_eV=self._settings["window_eV_atom"])

    @cached_property
    def _phases(self) -> Phases:
        usable = {name: cell for name, cell in self._relaxed.items() if not self._problem(cell)}
        return Phases([Phase(name, str(cell.atoms.symbols), cell.energy_eV) for name, cell in usable.items()])

    def record(self, funnel: Funnel) -> dict:
        """Stages, members, survivors and energies, JSON-able."""
        left_out = {name.removeprefix(PHASE): problem for name, cell in self._relaxed.items()
                    if name.startswith(PHASE) and (problem := self._problem(cell))}  # fmt: skip
        energies = {name: cell.energy_eV / len(cell.atoms) for name, cell in self._relaxed.items() if cell.is_physical}
        return {
            "jobs": self._family.jobs,
            "stages": funnel.record(),
            "members": funnel.rows,
            "survivors": funnel.left,
            "phases_left_out": left_out,
            "energies_eV_atom": energies,
        }

    def _build(self, left: list[str]) -> dict[str, str]:
        return {name: f"not built: {problem}" for name in left if (problem := self._family.members[name].problem)}

    def _rest(self, left: list[str], funnel: Funnel) -> dict[str, str]:
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
        phases, excluded = self._phases, {}
        for name in left:
            if missing := phases.missing_elements(name):
                excluded[name] = f"no hull: no crystal of {', '.join(missing)} is given"
                continue
            found = phases.stability(name, self._family.members[name].charges)
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
                found = anion_record(crystal, self._family.members[name].charges, mobile=self._family.mobile)
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


def write_results(funnel: Funnel, cells: Mapping[str, Atoms], folder: Path, *, settings: Mapping) -> None:
    """Write screening.tsv, survivors/ and the figures of all stages.

    Args:
        funnel: that all stages are passed of.
        cells: member → relaxed cell; of the survivors at least.
        folder: for the results.
        settings: of `FamilyScreening`.
    """
    survivors = folder / "survivors"
    for name in funnel.rows:
        (survivors / f"{name}.cif").unlink(missing_ok=True)
    for name in funnel.left:
        write_cif(survivors / f"{name}.cif", cells[name])
    write_text(folder / "screening.tsv", funnel.text())
    title = f"By {Path(settings['potential']).name}"
    plot_funnel(funnel.stages, folder / "funnel.svg", title=title)
    rows, window_eV = list(funnel.rows.values()), settings["window_eV_atom"]
    plot_above_hull(rows, folder / "hull.svg", window_eV=window_eV, title=title)


def _status(above_hull_eV: float) -> str:
    if above_hull_eV < -NEGLIGIBLE_eV:
        return "below the hull"
    return "on the hull" if above_hull_eV <= NEGLIGIBLE_eV else "metastable"


def _reaction(phases: Phases, name: str, other: str) -> str:
    try:
        return f"{phases.reaction(name, other)[0]:.4f}"
    except SaltflowError as error:
        return str(error)
