"""How the motions of polyanions drive the ions: runs with some of them frozen beside free ones."""

from saltflow.analysis.coupling.relation import relate_coupling

__all__ = ["relate_coupling"]
