import warnings

import numpy as np
import pytest
from MDAnalysis import Universe, Writer

from saltflow.base.errors import SaltflowError
from saltflow.trajectory.h5md import H5MDWriter, read_trajectory
from saltflow.trajectory.other_programs import convert, is_own

FRAMES = 12
INTERVAL_PS = 0.05
SYMBOLS = ["Li", "Li", "Cl", "Cl"]
DIMENSIONS = [12.0, 11.0, 10.0, 90.0, 95.0, 80.0]
OPTIONS = {"topology": None, "species": {}, "interval_ps": None, "cell": None}


@pytest.fixture
def walk_A():
    rng = np.random.default_rng(4)
    return rng.random((1, 4, 3)) * 10 + np.cumsum(rng.normal(0, 1.0, (FRAMES, 4, 3)), axis=0)


def universe_of(walk_A, *, names=SYMBOLS, attribute="elements"):
    universe = Universe.empty(4, trajectory=True)
    universe.add_TopologyAttr("names", names)
    universe.add_TopologyAttr(attribute, names)
    universe.load_new(walk_A.astype(np.float32), dimensions=np.array(DIMENSIONS), dt=INTERVAL_PS)
    return universe


def write_wrapped(universe, path):
    with warnings.catch_warnings(), Writer(str(path), n_atoms=4, dt=INTERVAL_PS) as writer:
        warnings.simplefilter("ignore")
        for _ in universe.trajectory:
            universe.atoms.wrap()
            writer.write(universe.atoms)


def write_first_frame(universe, path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        universe.trajectory[0]
        universe.atoms.write(str(path))


def relative(positions_A):
    return positions_A - positions_A[0]


def test_a_wrapped_dcd_in_a_triclinic_cell_comes_back_unwrapped(tmp_path, walk_A):
    universe = universe_of(walk_A)
    write_first_frame(universe, tmp_path / "start.pdb")
    write_wrapped(universe, tmp_path / "run.dcd")
    convert(tmp_path / "run.dcd", tmp_path / "run.h5md", **{**OPTIONS, "topology": tmp_path / "start.pdb"})
    run = read_trajectory(tmp_path / "run.h5md")
    assert run.symbols == tuple(SYMBOLS)
    np.testing.assert_allclose(relative(run.positions_A), relative(walk_A), atol=1e-4)
    np.testing.assert_allclose(np.diff(run.times_ps), INTERVAL_PS, rtol=1e-4)
    assert abs(np.linalg.det(run.cells_A[0])) == pytest.approx(universe.trajectory.ts.volume, rel=1e-5)


def test_a_missing_cell_or_interval_is_named_with_its_option(tmp_path, walk_A):
    write_wrapped(universe_of(walk_A), tmp_path / "run.xyz")
    with pytest.raises(SaltflowError, match="--cell"):
        convert(tmp_path / "run.xyz", tmp_path / "run.h5md", **OPTIONS)
    with pytest.raises(SaltflowError, match="--interval"):
        convert(tmp_path / "run.xyz", tmp_path / "run.h5md", **{**OPTIONS, "cell": DIMENSIONS})
    convert(tmp_path / "run.xyz", tmp_path / "run.h5md", **{**OPTIONS, "cell": DIMENSIONS, "interval_ps": 0.2})
    run = read_trajectory(tmp_path / "run.h5md")
    np.testing.assert_allclose(run.times_ps, 0.2 * np.arange(FRAMES))
    np.testing.assert_allclose(relative(run.positions_A), relative(walk_A), atol=1e-3)
    assert not list(tmp_path.glob(".*")), "nothing half written is left"


def test_unknown_atom_names_are_listed(tmp_path, walk_A):
    write_wrapped(universe_of(walk_A, names=["A1", "A1", "B2", "B2"], attribute="types"), tmp_path / "run.xyz")
    known = {**OPTIONS, "cell": DIMENSIONS, "interval_ps": 0.2}
    with pytest.raises(SaltflowError, match="calls atoms A1, B2.*--species A1=Li"):
        convert(tmp_path / "run.xyz", tmp_path / "run.h5md", **known)
    convert(tmp_path / "run.xyz", tmp_path / "run.h5md", **{**known, "species": {"A1": "Li", "B2": "Cl"}})
    assert read_trajectory(tmp_path / "run.h5md").symbols == tuple(SYMBOLS)


def test_steps_near_half_the_cell_are_refused(tmp_path, walk_A):
    walk_A[5:, 2] = walk_A[4, 2] + [0.45 * DIMENSIONS[0], 0, 0]
    write_wrapped(universe_of(walk_A), tmp_path / "run.xyz")
    with pytest.raises(SaltflowError, match="atom 2 moves by .* frame 5"):
        convert(tmp_path / "run.xyz", tmp_path / "run.h5md", **{**OPTIONS, "cell": DIMENSIONS, "interval_ps": 0.2})


def test_a_missing_or_foreign_file_is_explained(tmp_path):
    with pytest.raises(SaltflowError, match="no file"):
        convert(tmp_path / "none.xyz", tmp_path / "run.h5md", **OPTIONS)
    (tmp_path / "notes.txt").write_text("no trajectory")
    with pytest.raises(SaltflowError, match="could not be read"):
        convert(tmp_path / "notes.txt", tmp_path / "run.h5md", **OPTIONS)


def test_files_of_saltflow_are_recognised(tmp_path):
    from ase import Atoms

    with H5MDWriter(tmp_path / "ours.h5md", Atoms("Li", cell=[5, 5, 5], pbc=True), metadata={}):
        pass
    (tmp_path / "other.h5md").write_text("something else")
    assert is_own(tmp_path / "ours.h5md")
    assert not is_own(tmp_path / "other.h5md")


def frames_of(walk_A):
    """The walk as ASE has it, wrapped, in the triclinic cell."""
    from ase import Atoms

    frames = [Atoms(SYMBOLS, positions=positions_A, cell=DIMENSIONS, pbc=True) for positions_A in walk_A]
    for frame in frames:
        frame.wrap()
    return frames


def write_dump(path, frames, columns):
    """A LAMMPS dump with atoms in falling order of their numbers, in the cell's own (upper triangular) axes."""
    (xx, _, _), (xy, yy, _), (xz, yz, zz) = frames[0].cell
    low = [min(0, xy, xz, xy + xz), min(0, yz), 0.0]
    high = [xx + max(0, xy, xz, xy + xz), yy + max(0, yz), zz]
    bounds = "\n".join(f"{a:.9f} {b:.9f} {tilt:.9f}" for a, b, tilt in zip(low, high, (xy, xz, yz), strict=True))
    kinds = {"Li": 1, "Cl": 2}
    with open(path, "w") as file:
        for number, frame in enumerate(frames):
            file.write(f"ITEM: TIMESTEP\n{100 * number}\nITEM: NUMBER OF ATOMS\n4\n")
            file.write(f"ITEM: BOX BOUNDS xy xz yz pp pp pp\n{bounds}\nITEM: ATOMS {columns}\n")
            for atom in reversed(range(4)):
                place = " ".join(f"{part:.6f}" for part in frame.positions[atom])
                symbol = f" {SYMBOLS[atom]}" if "element" in columns else ""
                file.write(f"{atom + 1} {kinds[SYMBOLS[atom]]}{symbol} {place}\n")


FORMATS = {
    "run.extxyz": lambda path, frames: ase_write(path, frames, "extxyz"),
    "XDATCAR": lambda path, frames: ase_write(path, frames, "vasp-xdatcar"),
    "run.lammpstrj": lambda path, frames: write_dump(path, frames, "id type x y z"),
    "dump.elements": lambda path, frames: write_dump(path, frames, "id type element x y z"),
}


def ase_write(path, frames, layout):
    from ase.io import write

    write(path, frames, format=layout)


@pytest.mark.parametrize("name", FORMATS)
def test_wrapped_files_of_other_programs_come_back_unwrapped(tmp_path, walk_A, name):
    FORMATS[name](tmp_path / name, frames_of(walk_A))
    with pytest.raises(SaltflowError, match=r"--interval|--species 1=Li"):
        convert(tmp_path / name, tmp_path / "run.h5md", **OPTIONS)
    species = {"1": "Li", "2": "Cl"} if name == "run.lammpstrj" else {}
    convert(tmp_path / name, tmp_path / "run.h5md", **{**OPTIONS, "interval_ps": 0.2, "species": species})
    run = read_trajectory(tmp_path / "run.h5md")
    assert run.symbols == tuple(SYMBOLS)
    np.testing.assert_allclose(relative(run.positions_A), relative(walk_A), atol=1e-3)
    np.testing.assert_allclose(run.times_ps, 0.2 * np.arange(FRAMES))
    assert abs(np.linalg.det(run.cells_A[0])) == pytest.approx(frames_of(walk_A)[0].get_volume(), rel=1e-5)


def test_an_h5md_file_of_another_program_needs_its_atoms(tmp_path, walk_A):
    import h5py

    FORMATS["run.extxyz"](tmp_path / "run.extxyz", frames_of(walk_A))
    convert(tmp_path / "run.extxyz", tmp_path / "other.h5md", **{**OPTIONS, "interval_ps": 0.2})
    with h5py.File(tmp_path / "other.h5md", "r+") as file:
        del file.attrs["saltflow_schema"]
    assert not is_own(tmp_path / "other.h5md")
    with pytest.raises(SaltflowError, match="--topology"):
        convert(tmp_path / "other.h5md", tmp_path / "run.h5md", **OPTIONS)
    write_first_frame(universe_of(walk_A), tmp_path / "start.pdb")
    convert(tmp_path / "other.h5md", tmp_path / "run.h5md", **{**OPTIONS, "topology": tmp_path / "start.pdb"})
    run = read_trajectory(tmp_path / "run.h5md")
    np.testing.assert_allclose(relative(run.positions_A), relative(walk_A), atol=1e-3)
    np.testing.assert_allclose(np.diff(run.times_ps), 0.2, rtol=1e-5)


def test_a_position_that_is_no_number_is_named_by_its_frame(tmp_path, walk_A):
    frames = frames_of(walk_A)
    frames[3].positions[1, 2] = np.nan
    ase_write(tmp_path / "run.extxyz", frames, "extxyz")
    with pytest.raises(SaltflowError, match="frame 3, is not a finite number"):
        convert(tmp_path / "run.extxyz", tmp_path / "run.h5md", **{**OPTIONS, "interval_ps": 0.2})


def test_atoms_that_come_and_go_are_refused(tmp_path, walk_A):
    frames = frames_of(walk_A)
    del frames[5][3]
    ase_write(tmp_path / "run.extxyz", frames, "extxyz")
    with pytest.raises(SaltflowError, match="holds 3 atoms in frame 5 and 4 before"):
        convert(tmp_path / "run.extxyz", tmp_path / "run.h5md", **{**OPTIONS, "interval_ps": 0.2})
