"""Which compositions of a potential are left out in turn, and the files of that validation."""

from dataclasses import dataclass

from saltflow.campaign.potential_core import PotentialCore


@dataclass(frozen=True)
class LocoView:
    """Leave-one-composition-out validation of a potential."""

    potential: PotentialCore

    @property
    def compositions(self) -> list[str]:
        """Compositions that are left out of a further training, one after the other."""
        requested = dict.fromkeys(self.potential.learning["loco_compositions"])
        return [
            name for name in requested if name in self.potential.compositions and len(self.potential.compositions) > 1
        ]

    @property
    def seen_by_ancestors(self) -> dict[str, list[str]]:
        """Composition that is left out → the earlier potentials that it trained, whose weights still know it."""
        return {
            name: [before.name for before in self.potential.ancestors if name in before.compositions]
            for name in self.compositions
        }

    @property
    def models(self) -> list[str]:
        """Models of the committees without each composition that is left out."""
        return self.potential.last_generation.loco_models(self.compositions)

    @property
    def checks(self) -> list[str]:
        """Train checks of the committees of `loco_compositions`."""
        return self.potential.last_generation.loco_checks(self.compositions)
