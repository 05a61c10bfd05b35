"""The campaign: settings, tables and overrides read together, and what the rules ask of them.

This is all that the Snakefile knows. Everything handed to a rule is a plain builtin, so that Snakemake sees
when it changes.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from saltflow.compositions import Composition, read_compositions
from saltflow.errors import InputError
from saltflow.potentials_table import PotentialRow, check_members, read_potentials
from saltflow.settings import Overrides, Settings, load_overrides, load_settings, overridden


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
    def glasses(self) -> list[int]:
        """Glass numbers, from 1."""
        return list(range(1, self.settings.sweep.glasses + 1))

    @property
    def gpus(self) -> int:
        """GPUs that a job of training or MD needs."""
        return int(self.settings.execution.device == "cuda")

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

    def structure_file(self, composition: str) -> list[str]:
        """The structure file of a composition that has one; an input of its cell."""
        start = self.row(composition).start
        return [] if start in ("pack", "none") else [start]

    def section(self, name: str, *, composition: str) -> dict:
        """A section of the settings as it holds for a composition."""
        return self._of(self.overrides.compositions, composition).model_dump(mode="json")[name]

    def quench_dynamics(self, composition: str) -> dict:
        """Those settings of `dynamics` that make the glass; production can change without a new glass."""
        return _without(self.section("dynamics", composition=composition), "production")

    def production_dynamics(self, composition: str) -> dict:
        """Those settings of `dynamics` that make a point; the quench reaches it through the glass."""
        return _without(self.section("dynamics", composition=composition), "quench")

    def sampling_dynamics(self, potential: str) -> dict:
        """Those settings of `dynamics` that drive the sampling of frames."""
        dynamics = self.potential_section("dynamics", potential=potential)
        return _without(dynamics, "quench", "production", "guards", "protocol")

    def sampling_structures(self, potential: str) -> dict:
        """Those settings of `structures` that pack the small cells of the sampling; their size is `learning`'s."""
        return _without(self.potential_section("structures", potential=potential), "atoms", "protocol")

    def labelling(self, potential: str) -> dict:
        """Those settings of `labels` that decide what a chunk holds and which labels pass."""
        return _without(self.potential_section("labels", potential=potential), "max_failed_fraction")

    # ── memory: what a job needs grows with its atoms and frames ─────────────────────────────────

    def dynamics_memory_MB(self, composition: str, *, glasses: int) -> int:
        """Of MD: the libraries, and about 1 MB per atom for the graphs of its neighbours."""
        atoms = self.section("structures", composition=composition)["atoms"]
        return 1500 + atoms * glasses

    def analysis_memory_MB(self, composition: str) -> int:
        """Of an analysis that reads all trajectories of a point: positions twice in double precision."""
        production = self.section("dynamics", composition=composition)["production"]
        frames = 1000 * production["duration_ps"] / production["frame_interval_fs"]
        atoms = self.section("structures", composition=composition)["atoms"] * len(self.glasses)
        return 1000 + round(2 * frames * atoms * 3 * 8 / 1e6)

    def learning_memory_MB(self, potential: str) -> int:
        """Of sampling and training: the libraries, and about 1 MB per atom of the cells that are driven together."""
        learning = self.learning(potential)
        largest = max(learning[name]["cells"] * learning[name]["atoms"] for name in ("seeds", "exploration"))
        return 1500 + largest * len(self.potentials[potential].compositions)

    # ── potentials ─────────────────────────────────────────────────────────────────────────────

    def learning(self, potential: str) -> dict:
        """The section `learning` as it holds for a potential."""
        return self.potential_section("learning", potential=potential)

    def potential_section(self, name: str, *, potential: str) -> dict:
        """A section of the settings as it holds for a potential."""
        return self._of(self.overrides.potentials, potential).model_dump(mode="json")[name]

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

    def chunks(self, potential: str, generation: int) -> list[int]:
        """Numbers of the labelling jobs of a generation: enough for the most frames that it can ask for."""
        learning = self.learning(potential)
        seeds = learning["seeds"]
        most = seeds["cells"] * seeds["frames_per_cell"] if generation == 0 else learning["selection"]["frames"]
        frames = most * len(self.potentials[potential].compositions)
        size = self.potential_section("labels", potential=potential)["chunk_frames"]
        return list(range(math.ceil(frames / size)))

    def reference_identity(self, name: str) -> dict:
        """Name and those settings of a reference that change a label."""
        return {"name": name} | self.settings.references[name].identity()

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

    def _of(self, overrides: Mapping[str, dict], name: str) -> Settings:
        return overridden(self.settings, overrides.get(name))


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
    potentials = read_potentials(_find("potentials", tables.potentials, folders), references=list(settings.references))
    compositions = read_compositions(_find("compositions", tables.compositions, folders), potentials=list(potentials))
    check_members(potentials, compositions)
    overrides = load_overrides(
        _find("overrides", tables.overrides, folders),
        settings=settings,
        compositions=list(compositions),
        potentials=list(potentials),
    )
    return Campaign(settings, compositions, potentials, overrides, _swept(settings, compositions))


def _without(section: Mapping, *names: str) -> dict:
    return {name: value for name, value in section.items() if name not in names}


def _find(key: str, path: str, folders: Sequence[Path]) -> Path:
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
