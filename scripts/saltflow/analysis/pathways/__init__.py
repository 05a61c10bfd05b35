"""Where the mobile ions are, and how their density connects through the periodic cell."""

from saltflow.analysis.pathways.analysis import analyse_pathways, no_pathways

__all__ = ["analyse_pathways", "no_pathways"]
