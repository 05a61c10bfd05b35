"""The stored graph of hops as networkx reads it, and its pictures."""

import json
import xml.etree.ElementTree as ElementTree

import networkx
import numpy as np
import pytest
from barrier_models import LATTICE_A, crystal
from barrier_studies import study

from saltflow.studies.barriers.figures import plot_graph, plot_percolation
from saltflow.studies.mobile_sites import find_sites


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("graph")
    record = study(folder)
    return folder, record


def test_networkx_reads_the_graph_with_sites_images_and_barriers(folder):
    graph = networkx.node_link_graph(json.loads((folder[0] / "hop_graph.json").read_text()), edges="edges")
    assert graph.is_directed()
    assert graph.nodes[0]["position"] == pytest.approx([0, 0, 0], abs=1e-4)
    # Along a, b and c, there and back.
    ways = {tuple(each["image"]): each for *_, each in graph.edges(data=True)}
    assert len(ways) == graph.number_of_edges() == 6
    for image, each in ways.items():
        assert each["vector_A"] == pytest.approx(np.array(image) * LATTICE_A, abs=1e-4)
        assert each["barrier_eV"] == pytest.approx(0.5 if image[2] else 0.3, abs=1e-3)
        assert each["hop"] == ("h2" if image[2] else "h1")
    assert graph.graph["without_barrier"] == {}
    assert np.diag(graph.graph["lattice_A"]) == pytest.approx(LATTICE_A)


def test_hops_without_a_barrier_are_named_in_the_graph(tmp_path):
    study(tmp_path, band_steps=0)
    stored = json.loads((tmp_path / "hop_graph.json").read_text())
    assert stored["edges"] == []
    assert stored["graph"]["without_barrier"] == {"h1": "not converged", "h2": "not converged"}


def words(path) -> str:
    return " ".join("".join(node.itertext()) for node in ElementTree.parse(path).iter() if node.tag.endswith("text"))


def test_pictures_name_what_limits_each_dimension(folder):
    assert "1D 0.30 eV (h1), 2D 0.30 eV (h1), 3D 0.50 eV (h2)" in words(folder[0] / "percolation.svg")
    drawn = words(folder[0] / "hop_graph.svg")
    assert "h1: 0.30 eV" in drawn
    assert "h2: 0.50 eV" in drawn


def test_without_barriers_a_sentence_takes_their_place(tmp_path):
    plot_percolation([], tmp_path / "p.svg", title="LiCl")
    plot_graph(find_sites(crystal(), "Li", voids=False), [], tmp_path / "g.svg", title="LiCl")
    for name in ("p.svg", "g.svg"):
        assert "No path has a barrier" in words(tmp_path / name)
