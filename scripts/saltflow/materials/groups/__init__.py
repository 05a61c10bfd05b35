"""Groups of bonded atoms (polyanions, fragments): finding them, their persistence, their shapes."""

from saltflow.materials.groups.finding import AtomGroup, bonds_of_groups, find_groups
from saltflow.materials.groups.persistence import persistent_groups
from saltflow.materials.groups.shapes import impose_shapes, make_whole

__all__ = ["AtomGroup", "bonds_of_groups", "find_groups", "impose_shapes", "make_whole", "persistent_groups"]
