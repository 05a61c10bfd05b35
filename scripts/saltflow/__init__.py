"""saltflow: from a table of solid electrolytes to conductivities with honest error bars."""

__version__ = "0.1.0"
