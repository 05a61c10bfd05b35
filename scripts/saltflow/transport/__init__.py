"""Transport: displacements, the diffusive window, conductivities and their errors."""

from saltflow.transport.analysis import analyse_transport, no_transport

__all__ = ["analyse_transport", "no_transport"]
