import csv
import json
from importlib import import_module
from pathlib import Path

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
        (["--temperature", "inf"], "above 0 K"),
        (["--temperature", "nan"], "above 0 K"),
        (["--charges", "Li=0,Cl=0"], "the mobile ion Li carries no charge"),
        (["--charges", "Li=nan,Cl=-1"], "Li cannot carry nan e"),
        (["--charges", "Li=1,Q=-1"], "Q is no element"),
        (["--interval", "0.2"], "frames are 0.1 ps apart, --interval 0.2 ps; leave --interval out"),
        (["--interval", "0"], "--interval needs a time above 0 ps"),
        (["--cell", "15,15,15,90,90,90"], "holds its own atoms and cells; leave --cell out"),
        (["--cell", "15,15,15"], "--cell needs six numbers"),
    ],
)
def test_mistakes_end_with_a_sentence(walks, tmp_path, changes, words):
    done = transport(walks[0], *CHARGES, "--out", tmp_path / "out", *changes)
    assert done.exit_code == 1
    assert words in done.stderr
    assert "Traceback" not in done.output
    assert not (tmp_path / "out/transport.json").exists()


def test_one_run_given_twice_is_refused_under_any_name(walks, tmp_path):
    copy = tmp_path / "another name.h5md"
    copy.write_bytes(Path(walks[0]).read_bytes())
    for again in (walks[0], copy):
        done = transport(walks[0], again, *CHARGES, "--out", tmp_path / "out")
        assert done.exit_code == 1
        assert "hold the same frames; replicas must be independent" in done.stderr


@pytest.mark.parametrize(
    ("changes", "words"),
    [(["--temperature", "25"], "thermal velocity at 25 K"), (["--charges", "Li=1,Cl=-2"], "add up to -6 e, not 0")],
)
def test_what_is_beyond_a_physical_bound_has_no_status_ok(walks, tmp_path, changes, words):
    done = transport(walks[0], *CHARGES, "--out", tmp_path / "out", *changes)
    assert done.exit_code == 0
    assert "unphysical; written to" in done.stdout
    result = json.loads((tmp_path / "out/transport.json").read_text())
    assert result["status"] == "unphysical"
    assert words in result["reason"]
    (row,) = csv.DictReader((tmp_path / "out/transport.csv").open())
    assert row["status"] == "unphysical"


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
        for step in range(2):
            writer.append_positions(step=step, time_ps=step, positions_A=np.eye(2, 3), cell_A=np.eye(3) * 5)
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
