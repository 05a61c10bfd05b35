"""Trajectories of other programs that once came out wrong: each is read right, or refused in one sentence."""

import re
import shlex
from pathlib import Path
from types import SimpleNamespace

import click
import numpy as np
import pytest
from click.testing import CliRunner

from saltflow.analysis.command_line import StatePoint, trajectory_options
from saltflow.base.commands import SentenceCommand
from saltflow.trajectory.chunks import frame_chunks, framework_weights

CASES = Path(__file__).parents[4] / "shared" / "cases"
LAG = 20
REFERENCE = "00_reference"


def opened(case: str, out: Path, monkeypatch) -> SimpleNamespace:
    """What the command of a case reads, or the sentence that refuses it."""
    found = SimpleNamespace(sentence="", unphysical=[], D_A2_ps=None, volume_A3=None)
    analysis, *arguments = shlex.split((CASES / case / "command.txt").read_text())[1:]

    @click.command(cls=SentenceCommand)
    @trajectory_options(analysis, needs_charges=analysis == "transport")
    def read(point: StatePoint) -> str:
        found.unphysical = list(point.unphysical)
        found.D_A2_ps = float(np.mean([diffusion_A2_ps(run, point.mobile_ion) for run in point.runs]))
        found.volume_A3 = float(np.abs(np.linalg.det(point.runs[0].cells_A)).mean())
        return "read"

    monkeypatch.chdir(CASES / case)
    done = CliRunner().invoke(read, [*arguments, "--out", str(out)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    if done.exit_code:
        found.sentence = done.stderr.strip().splitlines()[-1]
    return found


def diffusion_A2_ps(run, mobile_ion: str) -> float:
    """⟨Δr²⟩/6t at one lag, in the framework's frame."""
    weights, cell_A = framework_weights(run, mobile_ion), run.cells_A.mean(axis=0)
    mobile = np.array(run.symbols) == mobile_ion
    chunks = frame_chunks(run, range(run.n_frames), basis_A=cell_A, drift_weights=weights)
    positions_A = np.concatenate([chunk.coordinates[:, mobile] for chunk in chunks])
    if len(positions_A) <= LAG:
        return float("nan")
    squared_A2 = ((positions_A[LAG:] - positions_A[:-LAG]) ** 2).sum(axis=-1).mean()
    return squared_A2 / (6 * (run.times_ps[LAG] - run.times_ps[0]))


pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="the cases of ../shared are not there")

REFUSED = {
    "01_lammps_dcd_unit": "--interval",
    "01b_lammps_dcd_metal": "--interval",
    "02_dump_nonuniform_timesteps": "frames 0 and 1 are 166 apart in TIMESTEP, others 1000",
    "02c_dump_interval_changes": r"1000 apart in TIMESTEP and, from frame \d+ on, 4000",
    "06_rotated_dcd_cell": "would fit with its vectors exchanged|jump by|were wrapped in a cell of",
    "21b_atoms_reordered_dump_noid": "no column id",
    "21c_atoms_reordered_extxyz": "atom 0 is Li at first and Cl in frame 200",
    "21d_atoms_swapped_once_extxyz": "up to frame 200",
    "23_zero_volume": "has no volume",
    "23b_zero_cell": "--cell",
    "23c_zero_edge_dump": "has no volume",
    "23d_cell_option_zero": "--cell",
    "23f_cell_option_overrides": "14 × 14 × 14 Å, --cell one of 28 × 28 × 28",
    "24_same_name_other_charge": "Fe is given twice",
    "27_00_frames": "is empty",
    "28_atom_counts_differ": "the number must not change",
    "28b_atom_counts_differ_dump": "the number must not change",
    "32_negative_interval": "--interval needs a time above 0 ps",
    "32b_zero_interval": "--interval needs a time above 0 ps",
    "33_nan_temperature": "temperature",
    "36_same_file_twice": "hold the same frames",
    "38_cell_missing_some_frames": "holds no cell",
    "40_deuterium_tritium_ghost": "X",
    "42_zero_charge_mobile": "carries no charge",
}
# Case → the case that it must agree with, and what its volume and D may differ by.
SAME_AS = {
    "03_dump_restart_repeats": "03c_same_without_repeats",
    **dict.fromkeys(
        (
            "07_ase_traj", "08_xdatcar_hash_species", "09_named_run1_XDATCAR", "09b_xdatcar_npt", "09c_xdatcar_scale_2",
            "10_dump_units_time", "10b_dump_units_time_interval", "11_h5md_scalar_time_fixed_edges",
            "11b_h5md_array_time_fixed_edges", "21_atoms_reordered_dump", "23h_interval_hides_repeats",
            "23i_trr_repeats_refused", "29b_h5md_nm", "29c_gromacs_gro_trr", "31_scaled_unwrapped_dump",
            "34_constant_velocity_cm", "39_lower_case_pdb_LI_CL", "44_gz",
        ),
        REFERENCE,
    ),
}  # fmt: skip
UNPHYSICAL = {
    "25_net_charge": "add up to -8 e",
    "26_temperature_celsius": "thermal velocity at 25 K",
    "29_positions_nm": "unit of length",
}
EXACT_A2_PS = {"05_triclinic_flip": 0.0, "35_unwrapped_dump_large_steps": 0.6125, "46_tiny_cell_min_image": 0.05}
READ = (REFERENCE, "06_rotated_dcd_cell_as_extxyz", "28c_truncated_dump", "47_same_species_all_mobile",
        "50_spectra_fs_decay_coarse", "27_20_frames", "27_21_frames")  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_file_or_option_that_is_wrong_is_refused_in_a_sentence(case, tmp_path, monkeypatch):
    sentence = opened(case, tmp_path / "out", monkeypatch).sentence
    assert sentence, "it was read"
    assert re.search(REFUSED[case], sentence), sentence


@pytest.mark.parametrize("case", SAME_AS)
def test_the_same_motion_in_another_format_is_the_same(case, tmp_path, monkeypatch):
    found = opened(case, tmp_path / "out", monkeypatch)
    right = opened(SAME_AS[case], tmp_path / "right", monkeypatch)
    assert not found.sentence
    assert not found.unphysical
    assert found.volume_A3 == pytest.approx(right.volume_A3, rel=2e-3)
    assert found.D_A2_ps == pytest.approx(right.D_A2_ps, rel=3e-3)


@pytest.mark.parametrize("case", UNPHYSICAL)
def test_what_no_run_can_be_is_called_unphysical(case, tmp_path, monkeypatch):
    found = opened(case, tmp_path / "out", monkeypatch)
    assert not found.sentence
    assert UNPHYSICAL[case] in "; ".join(found.unphysical)


@pytest.mark.parametrize("case", EXACT_A2_PS)
def test_a_closed_form_is_met(case, tmp_path, monkeypatch):
    found = opened(case, tmp_path / "out", monkeypatch)
    assert not found.sentence
    assert not found.unphysical
    assert found.D_A2_ps == pytest.approx(EXACT_A2_PS[case], rel=0.15, abs=2e-3)


@pytest.mark.parametrize("case", READ)
def test_a_sound_file_is_read_without_a_word(case, tmp_path, monkeypatch):
    found = opened(case, tmp_path / "out", monkeypatch)
    assert not found.sentence
    assert not found.unphysical
