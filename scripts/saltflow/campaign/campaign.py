"""The campaign: settings, tables and overrides read together.

`Campaign.composition` and `Campaign.potential` hand out what rules ask. All of it is plain builtins, so that Snakemake
sees when it changes.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property

from saltflow.base.errors import InputError
from saltflow.campaign.composition_view import CompositionView
from saltflow.campaign.crystal_view import CrystalView, ElectrodeView
from saltflow.campaign.crystals_table import CrystalRow
from saltflow.campaign.family import Family
from saltflow.campaign.foundation_method import FoundationMethod
from saltflow.campaign.hosts_table import HostRow
from saltflow.campaign.potential_core import reference_identity
from saltflow.campaign.potential_view import PotentialView
from saltflow.campaign.potentials_table import PotentialRow
from saltflow.campaign.screened_family import ScreenedFamily, row_of
from saltflow.campaign.settings import Overrides, Settings, overridden
from saltflow.campaign.settings.references import Reference, UniversalReference
from saltflow.materials.compositions import Composition


@dataclass(frozen=True)
class Campaign:
    """A checked campaign.

    settings: of the configuration. compositions, potentials: every row of the tables.
    overrides: the sparse changes. swept: ids of the compositions to simulate, in the table's order.
    crystals: those whose migration barriers are computed. electrodes: hosts whose ions are put in and taken out.
    family: that is screened; None for none.
    """

    settings: Settings
    compositions: Mapping[str, Composition]
    potentials: Mapping[str, PotentialRow]
    overrides: Overrides
    swept: tuple[str, ...]
    crystals: Mapping[str, CrystalRow] = field(default_factory=dict)
    electrodes: Mapping[str, HostRow] = field(default_factory=dict)
    family: Family | None = None

    def composition(self, name: str) -> CompositionView:
        """What rules ask about a composition.

        Raises:
            InputError: there is none of that id.
        """
        if name not in self.compositions:
            raise InputError([f"'{name}' is not in compositions.tsv; correct the id or add a row."])
        return self._composition_views[name]

    def potential(self, name: str) -> PotentialView:
        """What rules ask about a potential of the table."""
        return self._potential_views[name]

    def potential_of(self, composition: str) -> PotentialView:
        """The potential that drives a composition."""
        return self.potential(self.composition(composition).potential)

    # ── the sweep ──────────────────────────────────────────────────────────────────────────────

    @cached_property
    def temperatures_K(self) -> list[int]:
        """Ascending temperatures of the sweep."""
        return sorted(self.settings.sweep.temperatures_K)

    @cached_property
    def replicas(self) -> list[int]:
        """Numbers of the replicas, from 1."""
        return list(range(1, self.settings.sweep.replicas + 1))

    @cached_property
    def analyses(self) -> frozenset[str]:
        """Names of the analyses that are asked for."""
        return frozenset(self.settings.sweep.analyses)

    @cached_property
    def needed_potentials(self) -> list[str]:
        """Potentials that swept compositions, crystals and hosts use, with the potentials these start from."""
        needed: dict[str, None] = {}
        queue = [self.compositions[name].potential for name in self.swept]
        queue += [row.potential for row in self._studied if row.potential in self.potentials]
        while queue:
            name = queue.pop(0)
            if name not in needed:
                needed[name] = None
                if self.potentials[name].foundation in self.potentials:
                    queue.append(self.potentials[name].foundation)
        return list(needed)

    @cached_property
    def trained_potentials(self) -> list[str]:
        """Those of them that learn from labels."""
        return [name for name in self.needed_potentials if self.potentials[name].is_trained]

    @property
    def with_domain(self) -> list[str]:
        """Compositions of the sweep whose domain is assessed; it needs the training set of their potential."""
        wanted = self.swept if "domain" in self.analyses else ()
        return [name for name in wanted if self.potentials[self.compositions[name].potential].is_trained]

    @property
    def not_swept(self) -> dict[str, str]:
        """The compositions of the table that are not simulated → why."""
        others = (row for name, row in self.compositions.items() if name not in self.swept)
        return {row.id: "no structure" if row.start == "none" else "not in this sweep" for row in others}

    @property
    def order_temperature_K(self) -> int:
        """The temperature of the sweep where the structure of electrolytes is compared."""
        return min(self.temperatures_K, key=lambda each: abs(each - self.settings.order.temperature_K))

    @property
    def constrained(self) -> list[str]:
        """Compositions of the sweep that have constrained runs."""
        frozen = "constraints" in self.analyses
        return [name for name in self.swept if frozen and self.composition(name).frozen_modes]

    @property
    def with_loco(self) -> list[str]:
        """Potentials of the sweep that are validated by leaving compositions out."""
        return [name for name in self.needed_potentials if self.potential(name).loco.compositions]

    @property
    def driven_by(self) -> dict[str, str]:
        """Composition of the sweep → its potential."""
        return {name: self.compositions[name].potential for name in self.swept}

    @property
    def added_dispersion(self) -> dict[str, str]:
        """Composition → the dispersion that its dynamics adds to the potential, or none."""
        return {name: self.composition(name).dynamics["dispersion"] for name in self.swept}

    @property
    def literature(self) -> dict[str, dict]:
        """Composition of the table → its literature values."""
        return {name: self.composition(name).literature for name in self.compositions}

    @property
    def hosts(self) -> dict[str, str]:
        """Composition of the sweep → its host."""
        return {name: self.composition(name).host for name in self.swept}

    # ── crystals ───────────────────────────────────────────────────────────────────────────────

    def crystal(self, name: str) -> CrystalView:
        """What rules ask about a crystal whose barriers are computed."""
        return self._crystal_views[name]

    @property
    def crystals_with_md(self) -> list[str]:
        """Those whose composition is swept too."""
        return [name for name, row in self.crystals.items() if row.composition]

    @property
    def crystal_facts(self) -> dict[str, dict]:
        """Crystal → what the table says of it."""
        return {name: asdict(row) for name, row in self.crystals.items()}

    @property
    def barrier_study(self) -> dict:
        """The settings of barriers that change a result."""
        around = {"structures_path", "mobile_ion", "potential", "protocol", "structures_per_submission", "shown"}
        return self.settings.barriers.model_dump(exclude=around)

    @cached_property
    def screened(self) -> ScreenedFamily | None:
        """The family that is screened."""
        if self.family is None:
            return None
        row = row_of(self.family, self.settings.screening)
        return ScreenedFamily(self.family, self.settings.screening, CrystalView(row, 0, *self._drivers_of(row)))

    @property
    def screening_study(self) -> dict:
        """What changes the studies of the crystals that it leaves."""
        funnel = dict(self.family.funnel) if self.family else {}
        return funnel | {"barriers": self.barrier_study, "seed": self.family.seed if self.family else 0}

    @property
    def _studied(self) -> list[CrystalRow]:
        """Crystals and hosts of studies, a screened family among them."""
        family = [self.screened.view.row] if self.screened else []
        return [*self.crystals.values(), *self.electrodes.values(), *family]

    @cached_property
    def _crystal_views(self) -> dict[str, CrystalView]:
        together = self.settings.barriers.structures_per_submission
        return {
            name: CrystalView(row, place // together, *self._drivers_of(row))
            for place, (name, row) in enumerate(self.crystals.items())
        }

    # ── electrodes ─────────────────────────────────────────────────────────────────────────────

    def electrode(self, name: str) -> ElectrodeView:
        """What rules ask about a host whose electrode is computed."""
        return self._electrode_views[name]

    @property
    def electrode_facts(self) -> dict[str, dict]:
        """Host → what the table says of it."""
        return {name: view.identity for name, view in self._electrode_views.items()}

    @cached_property
    def _electrode_views(self) -> dict[str, ElectrodeView]:
        together = self.settings.electrodes.structures_per_submission
        return {
            name: ElectrodeView(row, place // together, *self._drivers_of(row))
            for place, (name, row) in enumerate(self.electrodes.items())
        }

    def _drivers_of(self, row: CrystalRow) -> tuple[PotentialView | None, UniversalReference | None]:
        """The potential of potentials.tsv, and the universal potential, that drive a structure of a study."""
        release = self.potential(row.potential) if row.potential in self.potentials else None
        return release, self._universal_of_crystal(row)

    def _universal_of_crystal(self, row: CrystalRow) -> UniversalReference | None:
        """One that evaluates; a potential that was trained is a model file, whatever melted its first cells."""
        if row.potential in self.potentials:
            return None if self.potentials[row.potential].is_trained else self.universal_driver(row.potential)
        found = self.settings.references.get(row.potential)
        return found if isinstance(found, UniversalReference) else None

    # ── references and sites ───────────────────────────────────────────────────────────────────

    def reference_identity(self, name: str) -> dict:
        """Name, dispersion and those settings of a reference that change a label."""
        return reference_identity(name, self.settings.references[name])

    def universal_driver(self, potential: str) -> UniversalReference | None:
        """The universal potential that a row has as its foundation; None for any other row."""
        row = self.potentials[potential]
        return self.settings.references[row.foundation] if row.is_universal else None

    def reference_elements(self, name: str) -> list[str]:
        """Elements whose isolated atoms a reference labels for the potentials of the sweep, sorted."""
        users = [each for each in self.needed_potentials if self.potentials[each].reference == name]
        return sorted({symbol for each in users for symbol in self.potential(each).elements})

    def modules(self, environment: str) -> list[str]:
        """Environment modules of the site that stand in for one of our environments."""
        return list(self.settings.execution.modules.get(environment, []))

    # ── views ──────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def _composition_views(self) -> dict[str, CompositionView]:
        return {
            name: CompositionView(
                row=row,
                sections=self._sections(self.overrides.compositions.get(name)),
                reference=self._method(row.potential) if row.potential else None,
                swept_temperatures_K=self.temperatures_K,
            )
            for name, row in self.compositions.items()
        }

    @cached_property
    def _potential_views(self) -> dict[str, PotentialView]:
        views: dict[str, PotentialView] = {}

        def view(name: str) -> PotentialView:
            if name not in views:
                row = self.potentials[name]
                views[name] = PotentialView(
                    row=row,
                    sections=self._sections(self.overrides.potentials.get(name)),
                    reference=self._method(name),
                    members=[self.composition(member) for member in row.compositions],
                    parent=view(row.foundation) if row.foundation in self.potentials else None,
                    universal=self.universal_driver(name),
                )
            return views[name]

        return {name: view(name) for name in self.potentials}

    def _method(self, potential: str) -> Reference | FoundationMethod:
        """The reference of a potential, or what is known of a foundation that is used as it is."""
        row = self.potentials[potential]
        if row.is_trained:
            return self.settings.references[row.reference]
        if row.is_universal:
            return FoundationMethod.of_universal(row.foundation, self.settings.references[row.foundation])
        known = self._sections(self.overrides.potentials.get(potential))["learning"]["foundation_method"]
        return FoundationMethod.of(row, known)

    def _sections(self, changes: dict | None) -> dict:
        """All settings with an entry of the overrides merged in; each is put together once for all jobs."""
        if id(changes) not in self._merged:
            self._merged[id(changes)] = overridden(self.settings, changes).model_dump(mode="json")
        return self._merged[id(changes)]

    @cached_property
    def _merged(self) -> dict[int, dict]:
        return {}
