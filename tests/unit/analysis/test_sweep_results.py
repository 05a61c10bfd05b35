"""The document and the page of the results of a sweep, and their server."""

import base64
import gzip
import json
import re
import shutil
from html.parser import HTMLParser
from threading import Thread
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
import pytest
from ase import Atoms
from click.testing import CliRunner
from finished_sweep import (
    ACROSS_TG,
    NO_REPLICA,
    NOT_CONVERGED,
    NOT_DIFFUSIVE,
    PENDING,
    TEMPERATURES_K,
    FinishedSweep,
    ids,
    law,
    make_sweep,
)

from saltflow.analysis.conductivity_table import potential_status
from saltflow.analysis.pathways.volumes import DensityVolume, write_volume
from saltflow.analysis.ranking.ranking import rank
from saltflow.analysis.ranking.so_far import read_so_far
from saltflow.analysis.sweep_results import doubts, page_blocks
from saltflow.analysis.sweep_results import viewer_frames as viewer
from saltflow.analysis.sweep_results.methods import CITED, bibliography, citation_keys, methods_paragraphs
from saltflow.analysis.sweep_results.page import make_page, write_page
from saltflow.analysis.sweep_results.results_document import results_document
from saltflow.analysis.sweep_results.sweep_products import read_products
from saltflow.analysis.sweep_results.watching import results_server
from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import sha256_of_file
from saltflow.campaign.sweep_facts import sweep_facts
from saltflow.cli import main
from saltflow.learning.domain.domain_assessment import OUT_OF_DOMAIN
from saltflow.operations.pages.results_page import STRUCTURE_VIEWER, VENDOR
from saltflow.trajectory.h5md import open_trajectory

NUMBER = 10


@pytest.fixture(scope="module")
def sweep(tmp_path_factory) -> FinishedSweep:
    return make_sweep(tmp_path_factory.mktemp("finished") / "sweep", NUMBER)


@pytest.fixture(scope="module")
def document(sweep) -> dict:
    return results_document(sweep_facts(sweep.campaign()), sweep.folder, unfinished={})[0]


def row_of(document: dict, place: int) -> dict:
    return next(row for row in document["rows"] if row["id"] == ids(NUMBER)[place])


def block_of(document: dict, place: int, title: str) -> dict:
    return next(each for each in document["parts"][ids(NUMBER)[place]] if each["title"].startswith(title))


def test_rows_are_those_of_the_ranking(sweep, document):
    campaign = sweep.campaign()
    ranking = rank(*read_so_far(campaign, sweep.folder), literature=campaign.literature)
    assert [row["id"] for row in document["rows"]] == list(ranking["composition"])
    for row, (_, ranked) in zip(document["rows"], ranking.iterrows(), strict=True):
        sigma = row["numbers"].get("sigma", {})
        found = [sigma.get(key, np.nan) for key in ("value", "low", "high")]
        wanted = [ranked[key] for key in ("sigma_mS_cm", "sigma_low_mS_cm", "sigma_high_mS_cm")]
        np.testing.assert_allclose(found, np.array(wanted, dtype=float), rtol=1e-5)
        assert ranked["status"].startswith(row["status"])


def test_conductivity_is_that_of_the_law(document):
    for place in (0, 1, 2, 3, 9):
        Ea_eV, sigma = law(place)
        numbers = row_of(document, place)["numbers"]
        assert numbers["sigma"]["value"] == pytest.approx(sigma, rel=1e-4)
        assert numbers["Ea"]["value"] == pytest.approx(Ea_eV, rel=1e-4)


@pytest.mark.parametrize(
    ("place", "status", "words"),
    [
        (0, "done", []),
        (NOT_DIFFUSIVE, "not diffusive", None),
        (NO_REPLICA, "no accepted replica", None),
        (PENDING, "pending", None),
        (ACROSS_TG, "done", [doubts.ACROSS_TG]),
        (NOT_CONVERGED, "done", [doubts.NOT_CONVERGED]),
    ],
)
def test_unreliable_numbers_have_their_status_word(document, place, status, words):
    row = row_of(document, place)
    assert row["status"] == status
    assert row["numbers"].get("sigma", {}).get("doubts") == words


def test_verdict_counts_every_composition_once(document):
    counts = document["verdict"]["counts"]
    assert sum(counts.values()) == NUMBER
    assert counts["done"] == 7
    listed = [name for each in document["verdict"]["reasons"] for name in each["ids"]]
    assert len(listed) == len(set(listed)) == 3
    reasons = {each["status"]: each["reason"] for each in document["verdict"]["reasons"]}
    assert reasons["no accepted replica"] == "replica 1: gas; replica 2: gas"


@pytest.mark.parametrize(
    ("prediction", "words"),
    [
        (None, []),
        ({"value": None}, []),
        ({"value": 1.0, "low": 0.5, "high": 2.0, "unit": "mS/cm", "crosses_Tg": False}, []),
        ({"value": 1.0, "low": 0.1, "high": 1.1, "unit": "mS/cm", "crosses_Tg": None}, [doubts.WIDE]),
        ({"value": 16000.0, "low": 15000.0, "high": 17000.0, "unit": "mS/cm", "crosses_Tg": True},
         [doubts.ACROSS_TG, doubts.LARGE]),
        ({"value": 16000.0, "low": 15000.0, "high": 17000.0, "unit": "cm2/s", "crosses_Tg": None}, []),
    ],
)  # fmt: skip
def test_doubts_of_a_prediction(prediction, words):
    assert doubts.of_prediction(prediction) == words


def test_a_quantity_with_a_status_of_its_own_is_in_doubt():
    assert doubts.of_estimate({"value": 1.0, "status": "too short"}) == ["too short"]
    assert doubts.of_estimate({"value": 1.0, "status": "ok"}) == doubts.of_estimate({"value": 1.0}) == []


def test_every_word_has_a_meaning():
    words = {value for name, value in vars(doubts).items() if name.isupper() and isinstance(value, str)}
    assert words == set(doubts.MEANING)


def test_words_are_those_of_the_products():
    release = {"converged": False, "training": None}
    assert doubts.of_potential({"potential_status": potential_status(release), "domain": OUT_OF_DOMAIN}) == [
        doubts.NOT_CONVERGED,
        doubts.OUT_OF_DOMAIN,
    ]
    zero_shot = potential_status({"converged": None})
    assert doubts.of_potential({"potential_status": zero_shot, "domain": None}) == [doubts.ZERO_SHOT]
    assert doubts.of_potential({"potential_status": potential_status({"converged": True}), "domain": None}) == []


def decoded(frames: viewer.Frames) -> np.ndarray:
    """Positions (frames, atoms, 3) as a browser has them, decoded independently."""
    facts = frames.facts
    low, high = np.frombuffer(frames.data, dtype=np.uint8).reshape(2, -1).astype(np.int32)
    steps = (low + 256 * high).astype(np.uint16).view(np.int16).astype(int)
    grid = np.cumsum(steps.reshape(len(facts["times_ps"]), facts["atoms"], 3), axis=0) % facts["grid"]
    return grid / facts["grid"] @ np.array(facts["cell_A"])


def test_frames_are_those_of_the_trajectory(sweep):
    path = sweep.folder / "trajectory.h5md"
    frames = viewer.frames_of_trajectory(path, structures=1, bonds_A={"Al-Cl": 2.6, "Li-Cl": 3.0}, mobile_ion="Li")
    run = open_trajectory(path)
    positions_A = run.read_positions_A(slice(0, run.n_frames), slice(0, len(run.symbols)))
    assert frames.facts["of_frames"] == len(frames.facts["times_ps"]) == run.n_frames
    assert frames.facts["bonds_A"] == {"Al-Cl": 2.6}
    away = decoded(frames) - positions_A
    edges_A = run.cells_A[0].diagonal()
    assert np.abs(away - edges_A * np.round(away / edges_A)).max() <= edges_A.max() / viewer.GRID / 2 + 1e-5


def test_many_structures_share_the_room():
    few, many = (viewer.frames_per_structure(number, atoms=1300) for number in (2, 700))
    assert (few, many) == (viewer.MOST_FRAMES, 1)
    for structures, atoms in ((1, 42), (77, 42), (77, 300)):
        frames = viewer.frames_per_structure(structures, atoms=atoms)
        assert structures * frames * atoms * 3 * viewer.BYTES_PER_COORDINATE <= viewer.BYTES_FOR_ALL


@pytest.fixture
def channel(tmp_path):
    """A cube file whose density is high along a channel in the third direction, and lower everywhere else."""
    density = np.full((24, 24, 48), 0.01)
    density[4:10, 12:18, :] = 8.0
    framework = Atoms("AlCl", positions=[[9, 1, 1], [9, 3, 1]], cell=[10, 10, 20], pbc=True)
    path = tmp_path / "pathways.cube"
    write_volume(DensityVolume(density, framework, thresholds=(4.0, None, None), kT_eV=0.05), path)
    return path


def test_the_surface_of_pathways_is_the_channel(channel):
    found = viewer.frame_of_pathways(channel, structures=1, bonds_A={"Al-Cl": 2.6}, mobile_ion="Li")
    surface = found.facts["surface"]
    assert surface["dimensions"] == "1D"
    assert max(surface["shape"]) == viewer.MOST_POINTS
    frame, voxels = found.data[: 6 * found.facts["atoms"]], found.data[6 * found.facts["atoms"] :]
    low, high = np.frombuffer(frame, dtype=np.uint8).reshape(2, -1)
    aluminium = (low + 256 * high.astype(int)).reshape(-1, 3)[0] % viewer.GRID / viewer.GRID
    assert aluminium == pytest.approx([0.9, 0.1, 0.05], abs=1e-3)
    inside = np.frombuffer(voxels, dtype=np.uint8).reshape(surface["shape"]) < surface["level"]
    x, y = (np.arange(surface["shape"][axis]) + 0.5 for axis in (0, 1))
    of_channel = np.outer(np.abs(x / len(x) - 7 / 24) < 3 / 24, np.abs(y / len(y) - 15 / 24) < 3 / 24)
    differing = inside.all(axis=2) != of_channel
    assert inside.all(axis=2).any()
    assert differing.sum() <= 0.5 * of_channel.sum()  # at its border alone, where a coarse voxel is half inside
    assert not inside[0, 0].any()


def test_pathways_leave_the_page_where_they_do_not_fit_or_are_none(channel, tmp_path):
    choices = {"bonds_A": {}, "mobile_ion": "Li"}
    assert viewer.frame_of_pathways(channel, structures=700, **choices) is None
    write_volume(None, tmp_path / "none.cube")
    assert viewer.frame_of_pathways(tmp_path / "none.cube", structures=1, **choices) is None


def test_parts_show_the_products(sweep, document):
    transport = json.loads((sweep.folder / f"results/{ids(NUMBER)[0]}/md/600K/transport.json").read_text())
    cells = next(row for row in block_of(document, 0, "State points")["rows"] if row[0] == 600)
    assert cells[5]["value"] == pytest.approx(transport["quantities"]["sigma_E_mS_cm"]["value"], rel=1e-5)
    panel = block_of(document, 0, "Mean squared displacement")["panels"][1]
    lithium = next(each for each in panel["traces"] if each["name"] == "Li")
    np.testing.assert_allclose(lithium["y"], transport["curves"]["msd_A2"]["Li"], rtol=1e-3)
    assert [each["title"] for each in block_of(document, 0, "Mean squared")["panels"]] == [
        f"{kelvin} K" for kelvin in TEMPERATURES_K
    ]


def test_empty_plots_say_why(document):
    block = block_of(document, NO_REPLICA, "Mean squared displacement")
    assert block["panels"] == []
    assert "gas" in block["empty"]
    assert "No transport analysis" in block_of(document, PENDING, "Mean squared displacement")["empty"]


def test_methods_come_from_the_provenance(document):
    text = " ".join(block_of(document, 0, "Methods")["paragraphs"])
    for fact in (
        "PBE with D3(BJ) dispersion in cp2k (a cutoff of 800 Ry)",
        "generation 2",
        "41 meV/Å",
        "500, 600, 700 K",
        "time step of 2 fs",
        "2 independent cells of 48 atoms",
        "0.7 ≤ d ln MSD/d ln t ≤ 1.3",
    ):
        assert fact in text
    cited = block_of(document, 0, "References")["content"]
    for key in ("saltflow", "cp2k", "pbe", "d3bj", "mace", "packmol", "nose-hoover"):
        assert f"{{{key}," in cited
    assert "{gpaw," not in cited


def test_a_universal_potential_is_named_and_cited(sweep):
    facts = sweep_facts(sweep.campaign())
    reference = {
        "name": "diep-r2scan",
        "code": "universal",
        "package": "diep",
        "version": "2.0.0",
        "functional": "r2SCAN",
        "dispersion": "none",
    }
    release = {"converged": None, "reference": reference, "sha256": "0" * 64}
    products = read_products(ids(NUMBER)[0], sweep.folder / "results", facts, {"chlorides": (release, None)})
    assert (
        "the universal potential diep-r2scan (diep 2.0.0), trained on r2SCAN data"
        in methods_paragraphs(products, facts)[0]
    )
    assert {"diep", "r2scan"} <= set(citation_keys(products))
    assert "mace" not in citation_keys(products)


def test_the_bibliography_has_what_is_cited():
    known = bibliography()
    assert {key for keys in CITED.values() for key in keys.values()} <= set(known)
    assert all(entry.count("{") == entry.count("}") for entry in known.values())


def test_the_same_results_give_the_same_page(sweep, tmp_path):
    copied = tmp_path / "elsewhere"
    shutil.copytree(sweep.folder, copied)
    again = FinishedSweep(copied, copied / "config.yaml")
    assert make_page(sweep.campaign(), sweep.folder) == make_page(again.campaign(), again.folder)


def test_the_command_writes_the_page(sweep):
    result = CliRunner().invoke(main, ["results", str(sweep.folder)])
    assert result.exit_code == 0, result.output
    path = sweep.folder / "results/summary/index.html"
    assert str(path) in result.output
    assert path.read_text() == make_page(sweep.campaign(), sweep.folder)
    path.unlink()


def test_a_damaged_product_is_named_and_the_page_stays(sweep, tmp_path):
    folder = tmp_path / "sweep"
    shutil.copytree(sweep.folder, folder)
    page = folder / "results/summary/index.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("the page before")
    damaged = folder / f"results/{ids(NUMBER)[0]}/arrhenius.json"
    damaged.write_text('{"fits": ')
    result = CliRunner().invoke(main, ["results", str(folder)])
    assert result.exit_code != 0
    assert str(damaged) in result.output
    assert "Traceback" not in result.output
    assert page.read_text() == "the page before"


def test_failed_compositions_say_why(sweep):
    name = ids(NUMBER)[PENDING]
    facts = sweep_facts(sweep.campaign())
    document, _ = results_document(facts, sweep.folder, unfinished={name: "failed: run_md out of memory"})
    row = row_of(document, PENDING)
    assert (row["status"], row["reason"]) == ("failed", "run_md out of memory")


class Tags(HTMLParser):
    """Every tag of a page with an address."""

    def __init__(self):
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.addresses += [value for key, value in attrs if key in ("src", "href") and not value.startswith("#")]


def test_the_page_asks_for_nothing(sweep):
    page = make_page(sweep.campaign(), sweep.folder)
    tags = Tags()
    tags.feed(page)
    assert tags.addresses == ["data:,"]


def test_a_study_adds_its_part(sweep, tmp_path):
    folder = tmp_path / "sweep"
    shutil.copytree(sweep.folder, folder)
    part = {"title": "Barriers of LiCl", "blocks": [page_blocks.text("Found", "0.4 eV")]}
    path = folder / "results/studies/barriers/LiCl/page.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(part))
    page = write_page(FinishedSweep(folder, folder / "config.yaml").campaign(), folder).read_text()
    assert "<summary>Barriers of LiCl</summary>" in page
    packed = re.search(r'id="study-0">([^<]+)<', page)[1]
    assert json.loads(gzip.decompress(base64.b64decode(packed))) == part["blocks"]


def test_the_viewer_is_what_was_published():
    readme = (VENDOR / "README.md").read_text()
    assert sha256_of_file(VENDOR / STRUCTURE_VIEWER) in readme
    assert "BSD-3-Clause" in (VENDOR / "3Dmol-LICENSE.txt").read_text()


@pytest.fixture
def address(sweep):
    """Where the live page is served."""
    server = results_server(sweep.campaign(), sweep.folder, port=0)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_live_page_has_the_status_and_serves_what_it_links_to(address):
    with urlopen(f"{address}/") as answer:
        page = answer.read().decode()
    assert answer.url.endswith("/results/summary/index.html")
    assert 'http-equiv="refresh"' in page
    assert f"{NUMBER} compositions" in page
    with urlopen(f"{address}/results/{ids(NUMBER)[0]}/arrhenius.json") as answer:
        assert json.load(answer)["composition"] == ids(NUMBER)[0]


@pytest.mark.parametrize("path", ["/config.yaml", "/results/../config.yaml", "/results/%2e%2e/config.yaml"])
def test_the_live_page_serves_nothing_else(address, path):
    with pytest.raises(HTTPError):
        urlopen(address + path)


def test_other_sites_cannot_read_the_live_page(address):
    with pytest.raises(HTTPError, match="403"):
        urlopen(Request(f"{address}/", headers={"Host": "evil.example"}))


def test_a_taken_port_is_refused_in_a_sentence(sweep, address):
    port = int(address.rpartition(":")[2])
    with pytest.raises(SaltflowError, match=f"Port {port} .*--port"):
        results_server(sweep.campaign(), sweep.folder, port=port)
