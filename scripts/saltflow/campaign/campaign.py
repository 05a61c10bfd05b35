"""The campaign: settings, tables and overrides read together, and what the rules ask of them.

This is all that the Snakefile knows. Everything handed to a rule is a plain builtin, so that Snakemake sees
when it changes.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from saltflow.base.errors import InputError
from saltflow.campaign.dispersion_checks import check_switch, completed, has_dispersion
from saltflow.campaign.loco_checks import check_loco, leavable
from saltflow.campaign.potentials_table import PotentialRow, check_members, read_potentials
from saltflow.campaign.settings import RECIPE_KEYS, Overrides, Settings, load_overrides, load_settings, overridden
from saltflow.materials.compositions import Composition, formula_units_for, read_compositions


@dataclass(frozen=True)
class Campaign:
    """A checked campaign.

    settings: of config.yaml. compositions, potentials: every row of the tables.
    overrides: the sparse changes. swept: ids of the compositions to simulate, in the table's order.
    """

    settings: Settings
    compositions: Mapping[str, Composition]
    potentials: Mapping[str, PotentialRow]
    overrides: Overrides
    swept: tuple[str, ...]

    # ── the sweep ──────────────────────────────────────────────────────────────────────────────

    @cached_property
    def temperatures_K(self) -> list[int]:
        """Ascending temperatures of the sweep."""
        return sorted(self.settings.sweep.temperatures_K)

    @cached_property
    def replicas(self) -> list[int]:
        """Replica numbers, from 1."""
        return list(range(1, self.settings.sweep.replicas + 1))

    @cached_property
    def needed_potentials(self) -> list[str]:
        """Potentials that the swept compositions use, with the potentials these start from."""
        needed: dict[str, None] = {}
        queue = [self.compositions[name].potential for name in self.swept]
        while queue:
            name = queue.pop(0)
            if name not in needed:
                needed[name] = None
                if self.potentials[name].foundation in self.potentials:
                    queue.append(self.potentials[name].foundation)
        return list(needed)

    @cached_property
    def driving_potentials(self) -> set[str]:
        """Potentials that swept compositions are simulated with; others only lead to these."""
        return {self.compositions[name].potential for name in self.swept}

    def row(self, composition: str) -> Composition:
        """A composition of the table.

        Raises:
            InputError: there is none of that id.
        """
        if composition not in self.compositions:
            raise InputError([f"'{composition}' is not in the table of compositions; correct the id or add a row."])
        return self.compositions[composition]

    def identity(self, composition: str) -> dict:
        """What changes the physics of a composition, as builtins."""
        return self.row(composition).identity()

    def literature(self, composition: str) -> dict:
        """Literature values of a composition, as builtins."""
        row = self.row(composition)
        return {
            "sigma_mS_cm": row.sigma_mS_cm,
            "temperature_C": row.sigma_temperature_C,
            "sigma_origin": row.sigma_origin,
            "Ea_eV": row.Ea_eV,
            "Ea_origin": row.Ea_origin,
            "source": row.source,
        }

    def host_of(self, composition: str) -> str:
        """The host of a composition, or its family where the cell is packed as simple ions: who resembles whom."""
        row = self.row(composition)
        return row.host or row.family or composition

    @property
    def not_swept(self) -> dict[str, str]:
        """The compositions of the table that are not simulated → why."""
        others = (name for name in self.compositions if name not in self.swept)
        return {name: "no structure" if self.row(name).start == "none" else "not in this sweep" for name in others}

    @property
    def temperature_of_order_K(self) -> int:
        """The temperature of the sweep where the order of electrolytes is compared."""
        return min(self.temperatures_K, key=lambda each: abs(each - self.settings.order.temperature_K))

    def atoms_of_cell(self, composition: str, *, wanted: int) -> int:
        """Atoms of a cell of about a wanted number.

        A crystal is not read for it: a supercell has within a tenth, unless its unit cell is larger.
        """
        if (composition, wanted) not in self._cells:
            row = self.row(composition)
            exact = int(formula_units_for(row, atoms=wanted) * sum(row.amounts.values()))
            self._cells[composition, wanted] = exact if row.start == "pack" else wanted + math.ceil(wanted / 10)
        return self._cells[composition, wanted]

    @cached_property
    def _cells(self) -> dict[tuple[str, int], int]:
        return {}

    def structure_file(self, composition: str) -> list[str]:
        """The structure file of a composition that has one; an input of its cell."""
        start = self.row(composition).start
        return [] if start in ("pack", "none") else [start]

    def section(self, name: str, *, composition: str) -> dict:
        """A section of the settings as it holds for a composition."""
        return self._sections(self.overrides.compositions.get(composition))[name]

    def quench_dynamics(self, composition: str) -> dict:
        """Those settings of `dynamics` that make the replica; production can change without a new replica."""
        return _without(self._dynamics_of(composition), "production")

    def production_dynamics(self, composition: str) -> dict:
        """Those settings of `dynamics` that make a point; the quench reaches it through the replica."""
        return _without(self._dynamics_of(composition), "quench")

    def constrained_dynamics(self, composition: str) -> dict:
        """Those settings of `dynamics` that make a constrained point; production reaches it through its free run."""
        return _without(self._dynamics_of(composition), "quench", "production")

    def _dynamics_of(self, composition: str) -> dict:
        """The section `dynamics` of a composition, with what its dispersion takes from the labels."""
        reference = self.potentials[self.row(composition).potential].reference
        return completed(self.section("dynamics", composition=composition), self.settings.references[reference])

    @property
    def added_dispersion(self) -> dict[str, str]:
        """Composition → the dispersion that its dynamics adds to the potential, or none."""
        return {name: self._dynamics_of(name)["dispersion"] for name in self.swept}

    def domain(self, composition: str) -> dict:
        """Those settings of `domain` that judge a composition."""
        return _without(self.section("domain", composition=composition), "environments_per_element")

    # ── constrained points ─────────────────────────────────────────────────────────────────────

    def frozen_modes(self, composition: str) -> list[str]:
        """Modes of a composition that need a run of their own: all but "free", which is the point of the sweep."""
        modes = self.section("constraints", composition=composition)["modes"]
        return [mode for mode in modes if mode != "free"]

    def coupling_temperatures_K(self, composition: str) -> list[int]:
        """Ascending temperatures at which motions of a composition are frozen."""
        wanted = self.section("constraints", composition=composition)["temperatures_K"]
        return self.temperatures_K if wanted == "all" else sorted(wanted)

    def group_settings(self, composition: str) -> dict:
        """Those settings of `constraints` that find groups."""
        section = self.section("constraints", composition=composition)
        return {name: section[name] for name in ("protocol", "groups", "max_exchanged_fraction")}

    def constrained_run(self, composition: str) -> dict:
        """Those settings of `constraints` that make a constrained point; its groups reach it through their file."""
        return _without(
            self.section("constraints", composition=composition),
            *("modes", "temperatures_K", "groups", "max_exchanged_fraction"),
        )

    @cached_property
    def coupled(self) -> list[str]:
        """Compositions of the sweep that have constrained points."""
        return [name for name in self.swept if self.frozen_modes(name)]

    def sampling_dynamics(self, potential: str) -> dict:
        """Those settings of `dynamics` that drive the sampling of frames."""
        dynamics = self.potential_section("dynamics", potential=potential)
        reference = self.settings.references[self.potentials[potential].reference]
        return _without(completed(dynamics, reference), "quench", "production", "stop_criteria", "protocol")

    def initial_dynamics(self, potential: str) -> dict:
        """Those settings of `dynamics` that drive the seeds; no potential without a foundation melts any."""
        dynamics = self.sampling_dynamics(potential)
        return dynamics if self.potentials[potential].foundation != "none" else dynamics | {"dispersion": "none"}

    def sampling_cells(self, potential: str) -> dict:
        """Those settings of `cells` that pack the small cells of the sampling; their size is `learning`'s."""
        return _without(self.potential_section("cells", potential=potential), "atoms", "protocol")

    def labelling(self, potential: str) -> dict:
        """Those settings of `labels` that decide what a chunk holds and which labels pass."""
        return _without(
            self.potential_section("labels", potential=potential), "max_failed_fraction", "imported", "licence"
        )

    def facts_of_labels(self, potential: str) -> dict:
        """What the card of a potential's labels says of them besides their counts."""
        labels = self.potential_section("labels", potential=potential)
        return {
            "licence": labels["licence"],
            "foundation": self.foundation(potential),
            "elements": self.elements(potential),
            "reference": self.reference_identity(self.potentials[potential].reference),
            "imported": labels["imported"],
        }

    def imported(self, potential: str, generation: int) -> list[dict]:
        """The labelled sets from elsewhere that join a generation: all of them the first."""
        return self.potential_section("labels", potential=potential)["imported"] if generation == 0 else []

    def has_reference_md(self, potential: str) -> bool:
        """Whether a set from elsewhere is declared to be molecular dynamics by the reference."""
        return any("md_temperature_K" in each for each in self.imported(potential, 0))

    # ── potentials ─────────────────────────────────────────────────────────────────────────────

    def learning(self, potential: str) -> dict:
        """The section `learning` as it holds for a potential."""
        return self.potential_section("learning", potential=potential)

    def convergence(self, potential: str) -> dict:
        """The section `learning.convergence`, less what it does not ask for."""
        section = self.learning(potential)["convergence"]
        return {name: limit for name, limit in section.items() if limit is not None}

    def compares_diffusion(self, potential: str) -> bool:
        """Whether a potential has converged only when D in two explorations agrees."""
        return "diffusion" in self.convergence(potential)

    def forgetting_check(self, potential: str) -> dict | None:
        """The section `learning.forgetting_check`; None where there is no foundation or no crystal to compare."""
        section = self.learning(potential)["forgetting_check"]
        asked = section["crystals"] and self.foundation(potential)["kind"] != "none"
        return section if asked else None

    def prescreen(self, potential: str) -> dict | None:
        """The section `learning.selection`, by which seeds that the foundation's committee knows are not labelled.

        None where all are: there is no committee that spreads, or it is not asked for.
        """
        learning, foundation = self.learning(potential), self.foundation(potential)
        if not learning["initial_structures"]["prescreen"] or foundation["kind"] != "potential":
            return None
        return learning["selection"] if len(self.members(foundation["name"])) > 1 else None

    def zero_shot_compositions(self, potential: str) -> list[str]:
        """Compositions that train a potential and did not train its foundation, another potential of the table."""
        foundation = self.foundation(potential)
        if foundation["kind"] != "potential":
            return []
        known = self.potentials[foundation["name"]].compositions
        return [name for name in self.potentials[potential].compositions if name not in known]

    def loco_compositions(self, potential: str) -> list[str]:
        """Compositions that are left out of a further training of a potential, one after the other."""
        return leavable(self.potentials[potential], self.learning(potential)["loco_compositions"])

    @cached_property
    def with_loco(self) -> list[str]:
        """Potentials of the sweep of which compositions are left out."""
        return [name for name in self.needed_potentials if self.loco_compositions(name)]

    def seen_by_ancestors(self, potential: str) -> dict[str, list[str]]:
        """Composition that is left out → the potentials before this one that it trained, which still know it."""
        before = self.learned_from(potential)[1:]
        return {
            name: [each for each in before if name in self.potentials[each].compositions]
            for name in self.loco_compositions(potential)
        }

    def learned_from(self, potential: str) -> list[str]:
        """A potential, and those that it descends from as long as their labels are of the same reference."""
        lineage = [potential]
        while (before := self.potentials[lineage[-1]].foundation) in self.potentials:
            if self.potentials[before].reference != self.potentials[potential].reference:
                break
            lineage.append(before)
        return lineage

    def packed_members(self, potential: str) -> list[str]:
        """Compositions that train a potential and whose cells are packed, where that decides what must diffuse."""
        if not self.compares_diffusion(potential):
            return []
        return [each["id"] for each in self.trained_on(potential) if each["start"] == "pack"]

    def explored_transport(self, potential: str) -> dict[str, dict]:
        """Composition that trains a potential → its rule for the diffusive window."""
        keys = ("frame", "alpha_min", "alpha_max", "msd_min_A2", "max_lag_fraction")
        sections = {
            name: self.section("transport", composition=name) for name in self.potentials[potential].compositions
        }
        return {name: {key: section[key] for key in keys} for name, section in sections.items()}

    def training(self, potential: str) -> dict:
        """The section `learning.training`, less what only recipes read that the potential does not use.

        One from scratch has nothing to keep: its recipe is naive.
        """
        section, recipe = self.learning(potential)["training"], self._recipe(potential)
        unread = [key for other, keys in RECIPE_KEYS.items() if other != recipe for key in keys]
        structures = self.replay_structures(potential)
        read = {"recipe": recipe} | ({"replay_structures": structures} if structures else {})
        return _without(section, "replay_structures", *unread) | read

    def replays(self, potential: str) -> bool:
        """Whether a potential learns frames of its foundation again, or others that the foundation labels."""
        return self._recipe(potential) == "replay"

    def replay_structures(self, potential: str) -> dict | None:
        """The structures that a foundation from a file labels, with what its dispersion takes from the labels.

        None where the potential replays nothing, or frames of the potential that it starts from.
        """
        asked = self.learning(potential)["training"]["replay_structures"]
        if not (asked and self.replays(potential)) or self.foundation(potential)["kind"] == "potential":
            return None
        return completed(asked, self.settings.references[self.potentials[potential].reference])

    def _recipe(self, potential: str) -> str:
        scratch = self.potentials[potential].foundation == "none"
        return "naive" if scratch else self.learning(potential)["training"]["recipe"]

    def potential_section(self, name: str, *, potential: str) -> dict:
        """A section of the settings as it holds for a potential."""
        return self._sections(self.overrides.potentials.get(potential))[name]

    def generations(self, potential: str) -> list[int]:
        """All generations that a potential may go through."""
        return list(range(self.learning(potential)["generations"] + 1))

    def members(self, potential: str) -> list[int]:
        """Numbers of the models of a committee, from 1."""
        return list(range(1, self.learning(potential)["committee"] + 1))

    def trained_on(self, potential: str) -> list[dict]:
        """Identities of the compositions that train a potential."""
        return [self.identity(name) for name in self.potentials[potential].compositions]

    def elements(self, potential: str) -> list[str]:
        """Elements of the compositions that train a potential, sorted."""
        rows = [self.compositions[name] for name in self.potentials[potential].compositions]
        return sorted({symbol for row in rows for symbol in row.amounts})

    def learned_elements(self, potential: str) -> list[str]:
        """Elements that the trained model knows, sorted: its own, and those of another potential that it replays."""
        foundation = self.foundation(potential)
        replays = self.replays(potential) and foundation["kind"] == "potential"
        return self.elements(foundation["name"] if replays else potential)

    def frames_to_label(self, potential: str, generation: int) -> int:
        """The most frames that a generation can ask labels for."""
        learning = self.learning(potential)
        initial = learning["initial_structures"]
        proposed = initial["cells"] * initial["frames_per_cell"] + initial["repulsion_frames"]
        each = proposed if generation == 0 else learning["selection"]["frames"]
        return each * len(self.potentials[potential].compositions)

    def heldout_frames(self, potential: str, generation: int) -> int:
        """How many of the most frames of a generation are never trained on."""
        learning = self.learning(potential)
        initial, selection = learning["initial_structures"], learning["selection"]
        each = initial["heldout_cells"] * initial["frames_per_cell"] if generation == 0 else selection["heldout_frames"]
        return each * len(self.potentials[potential].compositions)

    def elements_of_reference(self, reference: str) -> list[str]:
        """Elements whose isolated atoms a reference labels for the potentials of the sweep, sorted."""
        ours = [name for name in self.needed_potentials if self.potentials[name].reference == reference]
        return sorted({symbol for name in ours for symbol in self.elements(name)})

    def chunks(self, potential: str, generation: int) -> list[int]:
        """Numbers of the labelling jobs of a generation: enough for the most frames that it can ask for."""
        size = self.potential_section("labels", potential=potential)["chunk_frames"]
        return list(range(math.ceil(self.frames_to_label(potential, generation) / size)))

    def reference_identity(self, name: str) -> dict:
        """Name, dispersion and those settings of a reference that change a label."""
        reference = self.settings.references[name]
        return {"name": name, "dispersion": reference.dispersion} | reference.identity()

    def released_reference(self, potential: str) -> dict:
        """The reference of a potential; `sampled_with` names the dispersion that was added to what sampled frames."""
        explores = self.learning(potential)["generations"] > 0
        driving = self.sampling_dynamics(potential) if explores else self.initial_dynamics(potential)
        said = {} if driving["dispersion"] == "none" else {"sampled_with": driving["dispersion"]}
        return self.reference_identity(self.potentials[potential].reference) | said

    def modules(self, environment: str) -> list[str]:
        """Environment modules of the site that stand in for one of our environments."""
        return list(self.settings.execution.modules.get(environment, []))

    def foundation(self, potential: str) -> dict:
        """What a potential starts from: kind (none, file or potential), and the file's path and hash or the name."""
        row = self.potentials[potential]
        if row.foundation == "none":
            return {"kind": "none"}
        if row.foundation in self.potentials:
            return {"kind": "potential", "name": row.foundation}
        return {"kind": "file", "path": row.foundation, "sha256": row.foundation_sha256}

    def _sections(self, changes: dict | None) -> dict:
        """All settings with an entry of the overrides merged in; each is put together once for all jobs."""
        if id(changes) not in self._merged:
            self._merged[id(changes)] = overridden(self.settings, changes).model_dump(mode="json")
        return self._merged[id(changes)]

    @cached_property
    def _merged(self) -> dict[int, dict]:
        return {}


def load_campaign(config: Mapping, *, folders: Sequence[Path]) -> Campaign:
    """Read and check everything that a sweep is made of.

    Args:
        config: the parsed configuration.
        folders: where relative paths of tables are looked up, in order.

    Raises:
        InputError: every problem of the first stage that has one, in sentences.
    """
    settings = load_settings(config)
    tables = settings.tables
    potentials = read_potentials(
        find_table("potentials", tables.potentials, folders), references=list(settings.references)
    )
    compositions = read_compositions(
        find_table("compositions", tables.compositions, folders), potentials=list(potentials)
    )
    check_members(potentials, compositions)
    overrides = load_overrides(
        find_table("overrides", tables.overrides, folders),
        settings=settings,
        compositions=list(compositions),
        potentials=list(potentials),
    )
    campaign = Campaign(settings, compositions, potentials, overrides, _swept(settings, compositions))
    _check_replays(campaign)
    check_loco(campaign)
    check_switch(campaign)
    return campaign


def _check_replays(campaign: Campaign) -> None:
    """Make sure that a foundation from a file is given structures to label, wherever they are replayed."""
    files = [name for name in campaign.potentials if campaign.foundation(name)["kind"] == "file"]
    problems = [said for name in files if campaign.replays(name) for said in _replay_problems(campaign, name)]
    if problems:
        raise InputError(problems)


def _replay_problems(campaign: Campaign, potential: str) -> Iterator[str]:
    row, asked = campaign.potentials[potential], campaign.learning(potential)["training"]["replay_structures"]
    if asked is None:
        yield (
            f"Potential {potential}: learning.training.recipe is replay, but the frames that {row.foundation} was "
            "trained on are not at hand; name structures that it labels itself in learning.training.replay_structures, "
            "choose frozen or lora, or start from a potential of the table."
        )
        return
    where = f"Potential {potential}: learning.training.replay_structures"
    if not Path(asked["path"]).is_file():
        yield f"{where}: {asked['path']} is not there; correct its path, which is from the working directory."
    if not has_dispersion(campaign.settings.references[row.reference], asked["dispersion"]):
        yield (
            f"{where}: dispersion {asked['dispersion']} would teach what the labels of '{row.reference}' do not hold, "
            "or hold with parameters of their own; write none."
        )


def _without(section: Mapping, *names: str) -> dict:
    return {name: value for name, value in section.items() if name not in names}


def find_table(key: str, path: str, folders: Sequence[Path]) -> Path:
    """The file of a table: `path` in the first of the folders that has it.

    Raises:
        InputError: none has; `key` of the section `tables` names it.
    """
    candidates = [Path(folder) / path for folder in folders]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    looked = " or ".join(str(folder.resolve()) for folder in folders)
    raise InputError([f"tables.{key}: '{path}' was not found in {looked}; correct the path in config.yaml."])


def _swept(settings: Settings, compositions: Mapping[str, Composition]) -> tuple[str, ...]:
    wanted = settings.sweep.compositions
    if wanted == "all":
        return tuple(name for name, row in compositions.items() if row.start != "none")
    problems = [
        f"sweep.compositions: '{name}' is not in the table of compositions; correct the id or add a row."
        for name in wanted
        if name not in compositions
    ]
    problems += [
        f"sweep.compositions: '{name}' has start 'none'; give it a structure file in the table to simulate it."
        for name in wanted
        if name in compositions and compositions[name].start == "none"
    ]
    if problems:
        raise InputError(problems)
    return tuple(dict.fromkeys(wanted))
