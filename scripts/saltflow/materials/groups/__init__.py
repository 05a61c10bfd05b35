"""Polyanions and other groups of bonded atoms: which there are, whether they persist, their shapes, how they turn."""

from saltflow.materials.groups.finding import Group, bonds_of_groups, find_groups
from saltflow.materials.groups.persistence import persistent_groups
from saltflow.materials.groups.shapes import impose_shapes, make_whole

__all__ = ["Group", "bonds_of_groups", "find_groups", "impose_shapes", "make_whole", "persistent_groups"]
