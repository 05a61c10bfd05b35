"""The ranking of a table of crystals and its part of the results page."""

import gzip
import json
import shutil
from base64 import b64decode
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from barrier_models import Washboard, crystal

from saltflow.analysis.sweep_results.sweep_products import read_studies
from saltflow.base.provenance import write_json
from saltflow.campaign.config_files import read_configuration
from saltflow.campaign.loading import load_campaign
from saltflow.studies.barriers.barrier_ranking import ranking_rows, ranking_text
from saltflow.studies.barriers.crystal_study import study_file
from saltflow.studies.barriers.ranking_figure import plot_ranking
from saltflow.studies.barriers.results_part import bonds_A, ion_path_A, results_part
from saltflow.studies.parts_so_far import parts_so_far

ROOT = Path(__file__).resolve().parents[3]

SETTINGS = {
    "mechanism": "vacancy", "r_max_A": 5.0, "edge_A": 8.0, "images": 5, "end_force_eV_A": 0.01, "band_force_eV_A": 0.01,
    "steps": 300, "temperatures_K": [500.0], "carriers_per_nm3": 2.0, "jumps": 1_000, "seed": 1,
}  # fmt: skip
OF_TABLE = {"mobile_ion": "Li", "potential": "washboard", "composition": ""}


@pytest.fixture(scope="module")
def studied(tmp_path_factory):
    """Folder, records and rows of a crystal with a barrier, of one without the ion, and of one that does not relax."""
    folder = tmp_path_factory.mktemp("studied")
    without = Atoms("NaCl", scaled_positions=crystal().get_scaled_positions(), cell=crystal().cell, pbc=True)
    records = []
    for name, atoms, changes in (
        ("without", without, {}),
        ("unfinished", crystal(), {"steps": 0}),
        ("good", crystal(), {}),
    ):
        (folder / name).mkdir()
        ase.io.write(folder / f"{name}.vasp", atoms)
        found = study_file(
            str(folder / f"{name}.vasp"), Washboard(), mobile="Li", settings=SETTINGS | changes, folder=folder / name
        )
        records.append({"structure": name} | OF_TABLE | found)
    return folder, records, ranking_rows(records, {record["structure"]: OF_TABLE for record in records})


def test_the_best_is_first_and_the_others_say_why(studied):
    _, _, rows = studied
    assert [row["structure"] for row in rows] == ["good", "unfinished", "without"]
    assert [row["status"] for row in rows] == [
        "ok",
        "no path crosses the crystal",
        "There is no Li in NaCl; name the mobile ion with --mobile.",
    ]
    assert [rows[0][f"barrier_{key}_eV"] for key in ("1D", "3D")] == ["0.3000", "0.5000"]
    lines = ranking_text(rows).splitlines()
    assert len(lines) == 4
    assert {line.count("\t") for line in lines} == {lines[0].count("\t")}


def test_carriers_are_counted_per_cubic_nanometre(studied):
    _, records, _ = studied
    assert records[2]["diffusion"][0]["carriers_per_cm3"] == 2e21


def test_the_page_shows_the_path_that_decides(studied, tmp_path):
    folder, records, rows = studied
    folders = {record["structure"]: folder / record["structure"] for record in records}
    part = results_part(rows, records, folders, md={}, most=5)
    write_json(tmp_path / "studies/barriers/page.json", part)
    whole, own = read_studies(tmp_path, so_far={})
    assert whole["title"] == "Migration barriers of crystals: 1 of 3 found"
    assert own["title"] == "good: LiCl, Li"
    by_title = {block["title"]: block for block in own["blocks"]}
    assert by_title["Percolation"]["rows"] == [["1D", 0.3, "h1"], ["2D", 0.3, "h1"], ["3D", 0.5, "h2"]]
    (panel,) = by_title["Energy profiles"]["panels"]
    assert [max(trace["y"]) for trace in panel["traces"]] == pytest.approx([0.3, 0.5], abs=2e-3)
    block = by_title["Paths in the structure"]
    assert [len(trail["points_A"]) for trail in block["trails"]] == [7, 7]
    along_c = np.array(block["trails"][1]["points_A"])
    assert np.ptp(along_c, axis=0) == pytest.approx([0, 0, 4.5], abs=0.05)
    assert len(gzip.decompress(b64decode(block["packed"]))) == 7 * block["atoms"] * 3 * 2
    json.dumps(part, allow_nan=False)


def test_a_study_that_runs_shows_what_is_there(studied, tmp_path):
    folder, records, _ = studied
    configuration = read_configuration([ROOT / "tests/tiny/config.yaml"])
    configuration["barriers"] |= {"structures_path": str(folder), "mobile_ion": "Li", "potential": "base"}
    campaign = load_campaign(configuration)
    assert parts_so_far(campaign, tmp_path) == {}
    shutil.copytree(folder / "good", tmp_path / "results/studies/barriers/good")
    write_json(tmp_path / "results/studies/barriers/good/barriers.json", records[2])
    found = parts_so_far(campaign, tmp_path)
    assert found["barriers"]["title"] == "Migration barriers of crystals: 1 of 1 found, 2 more to come"
    write_json(tmp_path / "results/studies/barriers/page.json", {"title": "older", "blocks": []})
    titles = [part["title"] for part in read_studies(tmp_path / "results", so_far=found)]
    assert titles == [found["barriers"]["title"], "good: LiCl, Li"]


def test_no_crystal_is_shown_beyond_the_wanted_number(studied):
    folder, records, rows = studied
    folders = {record["structure"]: folder / record["structure"] for record in records}
    assert results_part(rows, records, folders, md={}, most=0)["parts"] == []


def test_figures_are_drawn_with_and_without_barriers(studied, tmp_path):
    _, _, rows = studied
    for name, chosen in (("some", rows), ("none", rows[1:])):
        plot_ranking(chosen, tmp_path / f"{name}.svg")
    assert "good" in (tmp_path / "some.svg").read_text()
    assert "ranking.tsv has the reasons" in (tmp_path / "none.svg").read_text()


def test_a_path_across_the_border_is_not_torn():
    cell = Atoms("LiO", positions=[[9.5, 1, 1], [5, 5, 5]], cell=[10, 10, 10], pbc=True)
    images = [cell.copy() for _ in range(3)]
    for number, image in enumerate(images):
        image.positions[0, 0] += 10 + 0.8 * number
    assert ion_path_A(images)[:, 0] == pytest.approx([9.5, 10.3, 11.1])


def test_bonds_join_cations_with_anions():
    assert bonds_A(Atoms("LiPS")).keys() == {"Li-S", "P-S"}
    assert bonds_A(Atoms("LiFeO")).keys() == {"Li-O", "Fe-O"}
    assert bonds_A(Atoms("Li3N")).keys() == {"Li-N"}
