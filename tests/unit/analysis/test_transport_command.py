import csv
import json
from importlib import import_module

import numpy as np
import pytest
from ase import Atoms
from click.testing import CliRunner, Result

from saltflow.analysis.conductivity_table import tabulate
from saltflow.analysis.transport.command import command
from saltflow.trajectory.h5md import H5MDWriter

IONS, FRAMES = 6, 600
CHARGES = ["--charges", "Li=1,Cl=-1", "--temperature", "600"]


def transport(*arguments) -> Result:
    """The command, run to its end."""
    return CliRunner().invoke(command, list(map(str, arguments)))


@pytest.fixture
def walks(tmp_path):
    paths = []
    for seed in (1, 2):
        rng = np.random.default_rng(seed)
        steps = rng.normal(0, 0.4, (FRAMES, 2 * IONS, 3))
        steps[:, IONS:] = 0
        atoms = Atoms(["Li"] * IONS + ["Cl"] * IONS, cell=[15, 15, 15], pbc=True)
        paths.append(tmp_path / f"walk{seed}.h5md")
        with H5MDWriter(paths[-1], atoms, metadata={}) as writer:
            for number, positions_A in enumerate(rng.random((2 * IONS, 3)) * 15 + np.cumsum(steps, axis=0)):
                writer.append_positions(step=number, time_ps=0.1 * number, positions_A=positions_A, cell_A=atoms.cell)
    return [str(path) for path in paths]


def test_replicas_become_one_state_point(walks, tmp_path):
    done = transport(*walks, *CHARGES, "--out", tmp_path / "out", "--name", "LiCl")
    assert done.exit_code == 0
    result = json.loads((tmp_path / "out/transport.json").read_text())
    assert result["replicas"] == 2
    assert result["mobile_ion"] == "Li"
    (row,) = csv.DictReader((tmp_path / "out/transport.csv").open())
    assert float(row["D_cm2_s"]) == pytest.approx(result["quantities"]["D_cm2_s"]["value"], rel=1e-5)
    assert row["composition"] == "LiCl"
    for figure in ("transport", "conductivity", "correlation"):
        assert "<svg" in (tmp_path / f"out/{figure}.svg").read_text()
    assert "LiCl, 600 K" in done.stdout
    assert (result["composition"], result["temperature_K"]) == ("LiCl", 600.0)
    release = {"potential": "p", "reference": {"name": "x"}, "converged": True, "heldout": {"force_rmse_meV_A": 1.0}}
    domain = {"LiCl": {"status": "no accepted replica", "worst": None}}
    point, sides = result | {"potential": "p"}, {"LiCl": {"sides": {}}}
    sweep = tabulate([point], {"p": release}, sides, dispersion={"LiCl": "none"}, domain=domain)
    assert list(row) == list(sweep.columns), "the columns of conductivity.csv"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["--charges", "Li=1"], "No charge is given for Cl"),
        (["--charges", "Li=one,Cl=-1"], "--charges: 'one' is not a number"),
        (["--charges", "Li,Cl=-1"], "'Li' is not of the form name=value"),
        (["--charges", "Li=1,Li=2,Cl=-1"], "Li is given twice"),
        (["--mobile", "Na"], "mobile ion Na is not among the atoms"),
        (["--temperature", "-3"], "above 0 K"),
    ],
)
def test_mistakes_end_with_a_sentence(walks, tmp_path, changes, words):
    done = transport(walks[0], *CHARGES, "--out", tmp_path / "out", *changes)
    assert done.exit_code == 1
    assert words in done.stderr
    assert "Traceback" not in done.output
    assert not (tmp_path / "out/transport.json").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("transport: {alfa_min: 0.8}", "alfa_min"),
        ("transport: [", "this is not YAML"),
        (None, "There is no configuration"),
    ],
)
def test_mistakes_in_the_settings_end_with_a_sentence(walks, tmp_path, text, words):
    settings = tmp_path / "settings.yaml"
    if text:
        settings.write_text(text)
    done = transport(walks[0], *CHARGES, "--out", tmp_path / "out", "--settings", settings)
    assert done.exit_code == 1
    assert words in done.stderr


def test_settings_need_only_what_differs(walks, tmp_path):
    settings = tmp_path / "settings.yaml"
    settings.write_text("transport: {cluster_frames: 7}")
    assert transport(walks[0], *CHARGES, "--out", tmp_path / "out", "--settings", settings).exit_code == 0


def test_without_a_lone_alkali_metal_the_mobile_ion_must_be_named(tmp_path):
    with H5MDWriter(tmp_path / "salt.h5md", Atoms("MgO", cell=[5, 5, 5], pbc=True), metadata={}) as writer:
        writer.append_positions(step=0, time_ps=0.0, positions_A=np.zeros((2, 3)), cell_A=np.eye(3) * 5)
    done = transport(tmp_path / "salt.h5md", "--charges", "Mg=2,O=-2", "--temperature", 300, "--out", tmp_path / "out")
    assert done.exit_code == 1
    assert "--mobile" in done.stderr


@pytest.mark.parametrize("arguments", [[], ["x.h5md", "--temperature", "600"], ["x.h5md", "--temperature", "hot"]])
def test_wrong_options_are_a_usage_error(arguments):
    done = transport(*arguments)
    assert done.exit_code == 2
    assert done.stderr.startswith("Usage: ")


@pytest.mark.parametrize(
    ("name", "files"),
    [("residence", {"residence.json", "residence.svg"}),
     ("motion", {"motion.json", "van_hove.svg", "hops.svg", "residence_map.svg"})],
)  # fmt: skip
def test_residence_and_motion_write_their_files(walks, tmp_path, name, files):
    analysis = import_module(f"saltflow.analysis.{name}.command").command
    done = CliRunner().invoke(analysis, [walks[0], *CHARGES, "--out", str(tmp_path / "out"), "--name", "LiCl"])
    assert done.exit_code == 0, done.output
    assert {path.name for path in (tmp_path / "out").iterdir()} == files
    assert json.loads((tmp_path / f"out/{name}.json").read_text())["mobile_ion"] == "Li"
