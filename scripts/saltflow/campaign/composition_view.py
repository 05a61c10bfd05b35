"""One composition as the rules ask about it: what it is, how it is treated, and the files that it has of its own."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from saltflow.campaign.added_dispersion import with_functional
from saltflow.campaign.foundation_method import FoundationMethod
from saltflow.campaign.production_end import judged_by
from saltflow.campaign.settings.references import Reference
from saltflow.campaign.shared_errors import error_factors
from saltflow.materials.compositions import Composition, formula_units_for

WINDOW_KEYS = ("frame", "alpha_min", "alpha_max", "msd_min_A2", "max_lag_fraction")
FREE = "free"  # the mode of the sweep itself: nothing is frozen


@dataclass(frozen=True)
class CompositionView:
    """A composition with the settings that hold for it; all that it hands to a rule is plain builtins.

    row: of compositions.tsv. sections: the settings, with its overrides merged in.
    reference: of the labels of its potential, or what is known of a foundation that is used as it is.
    swept_temperatures_K: of the sweep, ascending.
    """

    row: Composition
    sections: Mapping[str, Mapping]
    reference: Reference | FoundationMethod
    swept_temperatures_K: Sequence[int]

    @property
    def id(self) -> str:
        """Its id in the table."""
        return self.row.id

    @property
    def potential(self) -> str:
        """The potential that drives it."""
        return self.row.potential

    @property
    def identity(self) -> dict:
        """What changes its physics."""
        return self.row.identity()

    @property
    def literature(self) -> dict:
        """Its literature values."""
        row = self.row
        return {
            "sigma_mS_cm": row.sigma_mS_cm,
            "temperature_C": row.sigma_temperature_C,
            "sigma_origin": row.sigma_origin,
            "Ea_eV": row.Ea_eV,
            "Ea_origin": row.Ea_origin,
            "source": row.source,
        }

    @property
    def host(self) -> str:
        """Its host, or its family where the cell is packed as simple ions: who resembles whom."""
        return self.row.host or self.row.family or self.row.id

    @property
    def structure_file(self) -> list[str]:
        """The structure file of a crystal, an input of its cell; none for a packed cell."""
        return [] if self.row.start in ("pack", "none") else [self.row.start]

    def section(self, name: str) -> dict:
        """A section of the settings as it holds here."""
        return self.sections[name]

    # ── cells ──────────────────────────────────────────────────────────────────────────────────

    def cell_atoms(self, wanted: int | None = None) -> int:
        """Atoms of a cell of about a wanted number, by default that of the settings.

        A crystal is not read for it: a supercell has within a tenth, unless its unit cell is larger.
        """
        wanted = self.section("cells")["atoms"] if wanted is None else wanted
        if wanted not in self._cell_atoms:
            exact = int(formula_units_for(self.row, atoms=wanted) * sum(self.row.amounts.values()))
            self._cell_atoms[wanted] = exact if self.row.start == "pack" else wanted + math.ceil(wanted / 10)
        return self._cell_atoms[wanted]

    @cached_property
    def _cell_atoms(self) -> dict[int, int]:
        return {}

    @property
    def acceptance(self) -> dict:
        """The acceptance criteria of its cells."""
        return self.section("cells")["acceptance"]

    # ── molecular dynamics ─────────────────────────────────────────────────────────────────────

    @property
    def dynamics(self) -> dict:
        """The section `dynamics`, with the functional whose dispersion it adds."""
        return with_functional(self.section("dynamics"), self.reference)

    @property
    def quench_dynamics(self) -> dict:
        """Those settings of `dynamics` that make a replica; production can change without a new one."""
        return without(self.dynamics, "production")

    @property
    def production_dynamics(self) -> dict:
        """Those settings of `dynamics` that make a state point; the quench reaches it through the replicas.

        Where temperatures share their errors, `until_known` says by which factors.
        """
        dynamics = without(self.dynamics, "quench")
        production = dynamics["production"]
        if (wanted := production["until_known"]) is None:
            return dynamics
        shared = {} if wanted["equal_errors"] else {"error_factors": self.error_factors}
        return dynamics | {"production": production | {"until_known": without(wanted, "equal_errors") | shared}}

    @property
    def error_factors(self) -> dict[str, float]:
        """Swept temperature → factor on the errors wanted at it, where they are not equal."""
        swept_K, target_K = self.swept_temperatures_K, self.section("arrhenius")["target_temperature_K"]
        return {
            str(at_K): factor for at_K, factor in zip(swept_K, error_factors(tuple(swept_K), target_K), strict=True)
        }

    @property
    def judged_window(self) -> dict | None:
        """The diffusive window by which production is judged; None where it has a fixed length."""
        if judged_by(self.section("dynamics")["production"]) is None:
            return None
        transport = self.section("transport")
        return {key: transport[key] for key in WINDOW_KEYS}

    @property
    def constrained_dynamics(self) -> dict:
        """Those settings of `dynamics` that make a constrained run; production reaches it through its free run."""
        return without(self.dynamics, "quench", "production")

    @property
    def domain(self) -> dict:
        """Those settings of `domain` that judge this composition."""
        return without(self.section("domain"), "environments_per_element")

    # ── constrained runs ───────────────────────────────────────────────────────────────────────

    @property
    def frozen_modes(self) -> list[str]:
        """Modes that need a run of their own: all but the free one."""
        return [mode for mode in self.section("constraints")["modes"] if mode != FREE]

    @property
    def constrained_temperatures_K(self) -> list[int]:
        """Ascending temperatures at which motions are frozen."""
        wanted = self.section("constraints")["temperatures_K"]
        return list(self.swept_temperatures_K) if wanted == "all" else sorted(wanted)

    @property
    def group_settings(self) -> dict:
        """Those settings of `constraints` that find groups."""
        section = self.section("constraints")
        return {name: section[name] for name in ("protocol", "groups", "max_exchanged_fraction")}

    @property
    def constrained_run(self) -> dict:
        """Those settings of `constraints` that make a constrained run; its groups reach it through their file."""
        return without(self.section("constraints"), "modes", "temperatures_K", "groups", "max_exchanged_fraction")


def without(section: Mapping, *names: str) -> dict:
    """A section less some keys."""
    return {name: value for name, value in section.items() if name not in names}
