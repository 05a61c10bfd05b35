"""The graph of sites and hops as a file that networkx reads (`networkx.node_link_graph`)."""

from collections.abc import Sequence

from saltflow.studies.barriers.hop_barriers import OK, HopBarrier
from saltflow.studies.barriers.hop_graph import Edge
from saltflow.studies.mobile_sites import MobileSites


def node_link(sites: MobileSites, edges: Sequence[Edge], barriers: Sequence[HopBarrier]) -> dict:
    """A directed multigraph: nodes are sites of the unit cell, and each way of a hop is an edge with its barrier.

    Args:
        sites: of the carrier.
        edges: its hops that have a barrier.
        barriers: of all classes; those without one are named with their status.
    """
    links = []
    for edge in edges:
        back = [-step for step in edge.image]
        ways = (
            (edge.start, edge.end, list(edge.image), edge.forward_eV, edge.vector_A),
            (edge.end, edge.start, back, edge.backward_eV, -edge.vector_A),
        )
        links += [
            {
                "source": source,
                "target": target,
                "key": len(links) + way,
                "hop": edge.name,
                "image": image,
                "barrier_eV": barrier_eV,
                "vector_A": vector_A.tolist(),
            }
            for way, (source, target, image, barrier_eV, vector_A) in enumerate(ways)
        ]
    return {
        "directed": True,
        "multigraph": True,
        "graph": {
            "mobile_ion": sites.mobile,
            "lattice_A": sites.cell.tolist(),
            "without_barrier": {each.hop.name: each.status for each in barriers if each.status != OK},
        },
        "nodes": [{"id": number, "position": place.tolist()} for number, place in enumerate(sites.positions)],
        "edges": links,
    }
