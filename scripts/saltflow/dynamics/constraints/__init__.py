"""Molecular dynamics with translation, rotation or vibration of groups frozen, in any combination."""

from saltflow.dynamics.constraints.freezing import MODES, Constraint, Frozen, constrain

__all__ = ["MODES", "Constraint", "Frozen", "constrain"]
