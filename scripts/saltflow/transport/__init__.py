"""Transport: displacements, the diffusive window, conductivities and their errors."""

from saltflow.transport.analysis import analyse_transport, no_transport
from saltflow.transport.curves import no_curves

__all__ = ["analyse_transport", "no_curves", "no_transport"]
