"""One motion written by many programs comes back as one motion; what contradicts itself is refused."""

import gzip
import lzma

import h5py
import numpy as np
import pytest
from ase import Atoms, units
from ase.io import write
from ase.io.trajectory import Trajectory as AseTrajectory

from saltflow.base.errors import SaltflowError
from saltflow.trajectory.h5md import open_trajectory, read_trajectory
from saltflow.trajectory.other_programs import convert

FRAMES, INTERVAL_PS, STEP = 30, 0.05, 100
SYMBOLS = ["Li", "Li", "Cl", "Cl", "Cl"]
CELL_A = np.array([[12.0, 0, 0], [2.0, 11.0, 0], [-1.5, 1.0, 10.0]])
LI_CL = {"1": "Li", "2": "Cl"}


@pytest.fixture(scope="module")
def walk_A():
    rng = np.random.default_rng(4)
    return rng.random((1, 5, 3)) @ CELL_A + np.cumsum(rng.normal(0, 0.4, (FRAMES, 5, 3)), axis=0)


def wrapped(walk_A):
    fractional = walk_A @ np.linalg.inv(CELL_A)
    return (fractional - np.floor(fractional)) @ CELL_A


def read(path, tmp_path, **options):
    target = tmp_path / "converted.h5md"
    convert(path, target, **{"topology": None, "species": {}, "interval_ps": None, "cell": None} | options)
    return read_trajectory(target)


def check(run, walk_A, *, times=True, atol=2e-3):
    assert run.symbols == tuple(SYMBOLS)
    np.testing.assert_allclose(run.positions_A - run.positions_A[0], walk_A - walk_A[0], atol=atol)
    if times:
        np.testing.assert_allclose(np.diff(run.times_ps), INTERVAL_PS, rtol=1e-4)


# LAMMPS dumps


def dump(path, walk_A, *, columns, head="", steps=None, bounds=None, ids=None, changes=None):
    """A dump of the walk, each frame in an order of its own."""
    rng = np.random.default_rng(1)
    steps = STEP * np.arange(len(walk_A)) if steps is None else steps
    origin = np.array([3.0, -2.0, 1.0])
    inverse, inside = np.linalg.inv(CELL_A), wrapped(walk_A)
    images = np.rint((walk_A - inside) @ inverse).astype(int)
    low = origin + [min(0, 2.0, -1.5, 0.5), 0.0, 0.0]
    high = origin + [12.0 + max(0, 2.0, -1.5, 0.5), 11.0 + 1.0, 10.0]
    restricted = "ITEM: BOX BOUNDS xy xz yz pp pp pp\n" + "".join(
        f"{a:.12f} {b:.12f} {tilt}\n" for a, b, tilt in zip(low, high, (2.0, -1.5, 1.0), strict=True)
    )
    general = "ITEM: BOX BOUNDS abc origin pp pp pp\n" + "".join(
        " ".join(f"{part:.12f}" for part in [*vector, corner]) + "\n"
        for vector, corner in zip(CELL_A, origin, strict=True)
    )
    with open(path, "w") as file:
        for number, step in enumerate(steps):
            time = f"ITEM: TIME\n{step * INTERVAL_PS / STEP:.8f}\n" if head else ""
            file.write((head if number == 0 else "") + time + f"ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n5\n")
            file.write((general if bounds == "general" else restricted) + f"ITEM: ATOMS {' '.join(columns)}\n")
            for atom in rng.permutation(5):
                row = {"id": atom + 1 if ids is None else ids[atom], "element": SYMBOLS[atom],
                       "type": 1 if SYMBOLS[atom] == "Li" else 2}  # fmt: skip
                row |= dict(zip(("ix", "iy", "iz"), images[number, atom], strict=True))
                for names, values in (
                    (("x", "y", "z"), inside[number, atom] + origin),
                    (("xu", "yu", "zu"), walk_A[number, atom] + origin),
                    (("xs", "ys", "zs"), inside[number, atom] @ inverse),
                    (("xsu", "ysu", "zsu"), walk_A[number, atom] @ inverse),
                ):
                    row |= {name: f"{value:.8f}" for name, value in zip(names, values, strict=True)}
                row |= (changes or {}).get(number, {})
                file.write(" ".join(str(row[name]) for name in columns) + "\n")
    return path


COLUMNS = {
    "x": ["id", "element", "x", "y", "z"],
    "xu": ["id", "element", "xu", "yu", "zu"],
    "xs": ["element", "xs", "ys", "zs", "id"],
    "xsu": ["id", "type", "xsu", "ysu", "zsu"],
    "image flags": ["id", "type", "element", "x", "y", "z", "ix", "iy", "iz"],
    "scaled with image flags": ["id", "element", "xs", "ys", "zs", "ix", "iy", "iz"],
}


@pytest.mark.parametrize("bounds", ["restricted", "general"])
@pytest.mark.parametrize("kind", COLUMNS)
def test_dumps_of_every_kind_of_coordinate(tmp_path, walk_A, kind, bounds):
    path = dump(tmp_path / "run.dump", walk_A, columns=COLUMNS[kind], bounds=bounds)
    species = {} if "element" in COLUMNS[kind] else LI_CL
    check(read(path, tmp_path, interval_ps=INTERVAL_PS, species=species), walk_A)


@pytest.mark.parametrize(("units_", "per_ps"), [("metal", 1.0), ("real", 1e3)])
def test_a_dump_that_says_its_units_and_times_needs_no_interval(tmp_path, walk_A, units_, per_ps):
    path = dump(tmp_path / "run.dump", walk_A, columns=COLUMNS["x"], head=f"ITEM: UNITS\n{units_}\n")
    run = read(path, tmp_path)
    check(run, walk_A, times=False)
    np.testing.assert_allclose(np.diff(run.times_ps), INTERVAL_PS / per_ps, rtol=1e-5)
    with pytest.raises(SaltflowError, match="ps apart, --interval 7 ps; leave --interval out"):
        read(path, tmp_path, interval_ps=7.0)


@pytest.mark.parametrize("kind", ["xu", "xsu", "image flags"])
def test_unwrapped_steps_of_any_length_are_trusted(tmp_path, kind):
    rng = np.random.default_rng(3)
    far_A = np.cumsum(rng.normal(0, 6.0, (FRAMES, 5, 3)), axis=0)
    path = dump(tmp_path / "run.dump", far_A, columns=COLUMNS[kind])
    species = {} if "element" in COLUMNS[kind] else LI_CL
    check(read(path, tmp_path, interval_ps=INTERVAL_PS, species=species), far_A)


def test_wrapped_positions_that_are_called_unwrapped_are_refused(tmp_path):
    rng = np.random.default_rng(3)
    inside_A = wrapped(np.cumsum(rng.normal(0, 1.0, (300, 5, 3)), axis=0))
    path = dump(tmp_path / "run.dump", inside_A, columns=COLUMNS["xu"])
    with pytest.raises(SaltflowError, match="calls its positions unwrapped, but they never leave the cell"):
        read(path, tmp_path, interval_ps=INTERVAL_PS)


REFUSED_DUMPS = {
    "no id": ({"columns": ["element", "x", "y", "z"]}, "no column id"),
    "id twice": ({"columns": COLUMNS["x"], "ids": [1, 2, 3, 3, 4]}, "lists an atom twice"),
    "no positions": ({"columns": ["id", "element", "ix"]}, "no columns x y z"),
    "lj": ({"columns": COLUMNS["x"], "head": "ITEM: UNITS\nlj\n"}, "units lj"),
    "another element": ({"columns": COLUMNS["x"], "changes": {9: {"element": "Br"}}}, "atom 0 is Li at first and Br"),
    "uneven": ({"columns": COLUMNS["x"], "steps": [0, 33, *range(100, 2900, 100)]}, "frames 0 and 1 are 33 apart"),
    "new interval": ({"columns": COLUMNS["x"], "steps": [*range(0, 2000, 100), *range(2000, 6000, 400)]}, "changes"),
    "again": ({"columns": COLUMNS["x"], "steps": [*range(0, 2000, 100), *range(0, 1000, 100)]}, "again at frame 20"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED_DUMPS)
def test_dumps_that_contradict_themselves_are_refused(tmp_path, walk_A, kind):
    options, words = REFUSED_DUMPS[kind]
    path = dump(tmp_path / "run.dump", walk_A, **options)
    with pytest.raises(SaltflowError, match=words):
        read(path, tmp_path, interval_ps=INTERVAL_PS)


@pytest.mark.parametrize("flags", ["pp pp ff", "ss ss ss", "pp pp fm"])
def test_a_cell_that_is_not_periodic_is_refused(tmp_path, walk_A, flags):
    path = dump(tmp_path / "run.dump", walk_A, columns=COLUMNS["x"])
    path.write_text(path.read_text().replace("pp pp pp", flags))
    with pytest.raises(SaltflowError, match="periodic"):
        read(path, tmp_path, interval_ps=INTERVAL_PS)


def test_frames_that_a_restart_repeats_are_replaced_by_the_later_ones(tmp_path, walk_A, caplog):
    """Killed at frame 20, restarted from frame 12 on another path: the first eight frames after it never count."""
    rng = np.random.default_rng(8)
    dead_end_A = walk_A[11] + np.cumsum(rng.normal(0, 0.4, (8, 5, 3)), axis=0)
    written_A = np.concatenate([walk_A[:12], dead_end_A, walk_A[12:]])
    steps = STEP * np.concatenate([np.arange(20), np.arange(12, FRAMES)])
    path = dump(tmp_path / "run.dump", written_A, columns=COLUMNS["x"], steps=steps)
    check(read(path, tmp_path, interval_ps=INTERVAL_PS), walk_A)
    assert "repeats 8 frames after restarts" in caplog.text


def test_a_frame_written_twice_counts_once(tmp_path, walk_A):
    twice = np.repeat(np.arange(FRAMES), np.where(np.arange(FRAMES) % 10 == 0, 2, 1))
    path = dump(tmp_path / "run.dump", walk_A[twice], columns=COLUMNS["x"], steps=STEP * twice)
    check(read(path, tmp_path, interval_ps=INTERVAL_PS), walk_A)
    write(tmp_path / "run.extxyz", ase_frames(walk_A[twice]), format="extxyz")
    check(read(tmp_path / "run.extxyz", tmp_path, interval_ps=INTERVAL_PS), walk_A)


def test_a_missing_frame_is_a_gap_in_time(tmp_path, walk_A, caplog):
    kept = np.delete(np.arange(FRAMES), 17)
    path = dump(tmp_path / "run.dump", walk_A[kept], columns=COLUMNS["x"], steps=STEP * kept)
    run = read(path, tmp_path, interval_ps=INTERVAL_PS)
    np.testing.assert_allclose(run.times_ps, INTERVAL_PS * kept)
    assert "lacks frames before frame 17" in caplog.text


@pytest.mark.parametrize("left", [0.3, 0.9, 0.999])
@pytest.mark.parametrize("suffix", ["dump", "extxyz", "XDATCAR"])
def test_a_cut_last_frame_is_left_out(tmp_path, walk_A, suffix, left, caplog):
    path = tmp_path / f"run.{suffix}"
    if suffix == "dump":
        dump(path, walk_A, columns=COLUMNS["x"])
    else:
        write(path, ase_frames(walk_A), format="extxyz" if suffix == "extxyz" else "vasp-xdatcar")
    whole = path.read_bytes()
    size = len(whole) - len(whole) // FRAMES
    path.write_bytes(whole[: size + int(left * (len(whole) - size - 1))])
    check(read(path, tmp_path, interval_ps=INTERVAL_PS), walk_A[: FRAMES - 1])
    assert "ends inside frame 29" in caplog.text


def test_a_flipped_cell_is_turned_back(tmp_path):
    """Atoms rest in a sheared cell while LAMMPS flips its tilt back by a vector."""
    fractional = np.random.default_rng(2).random((5, 3))
    frames = []
    for shear in np.linspace(0.3, 0.7, FRAMES):
        cell_A = np.array([[12.0, 0, 0], [12 * shear, 11.0, 0], [0, 0, 10.0]])
        positions_A = fractional @ cell_A
        cell_A[1, 0] -= 12.0 if shear > 0.5 else 0.0
        atoms = Atoms(SYMBOLS, positions=positions_A, cell=cell_A, pbc=True)
        atoms.wrap()
        frames.append(atoms)
    write(tmp_path / "run.extxyz", frames, format="extxyz")
    run = read(tmp_path / "run.extxyz", tmp_path, interval_ps=INTERVAL_PS)
    moved = run.positions_A @ np.linalg.inv(run.cells_A)
    np.testing.assert_allclose(moved - moved[0], 0, atol=1e-5)
    np.testing.assert_allclose(run.cells_A[-1, 1, 0], 12 * 0.7, rtol=1e-6)


# XYZ, XDATCAR, .traj


def ase_frames(walk_A, *, momenta=None):
    inside_A = wrapped(walk_A)
    frames = [Atoms(SYMBOLS, positions=positions_A, cell=CELL_A, pbc=True) for positions_A in inside_A]
    for number, frame in enumerate(frames):
        if momenta is not None:
            frame.set_momenta(momenta[number])
    return frames


def xyz(path, walk_A, comment, *, name="{}", extra=None):
    """An XYZ file whose comment lines are `comment` with number, lattice and time in fs."""
    lattice = " ".join(f"{part:.8f}" for part in CELL_A.ravel())
    inside_A = wrapped(walk_A)
    with open(path, "w") as file:
        for number, positions_A in enumerate(inside_A):
            fs = 1000 * INTERVAL_PS * number
            file.write(f"5\n{comment.format(number=number, lattice=lattice, fs=fs, step=STEP * number)}\n")
            for symbol, place, tail in zip(SYMBOLS, positions_A, walk_A[number] if extra else [()] * 5, strict=True):
                file.write(" ".join([name.format(symbol), *(f"{part:.8f}" for part in [*place, *tail])]) + "\n")
    return path


PROPERTIES = 'Properties=species:S:1:pos:R:3 pbc="T T T"'
XYZ = {
    "GPUMD": ('Time={fs:.8f} pbc="T T T" Lattice="{lattice}" energy=-1.0 Properties=species:S:1:pos:R:3', None),
    "CP2K extended": ('Lattice="{lattice}" ' + PROPERTIES + " Step={step} Time={fs:.3f} Energy=-12.5", None),
    "LAMMPS": ('Timestep={step} Time={fs:.6f} Lattice="{lattice}" ' + PROPERTIES, INTERVAL_PS),
    "steps": ('Lattice="{lattice}" ' + PROPERTIES + " step={step}", INTERVAL_PS),
    "no clock": ('Lattice="{lattice}" ' + PROPERTIES, INTERVAL_PS),
    "lattice alone": ('Lattice="{lattice}"', INTERVAL_PS),
}  # fmt: skip


@pytest.mark.parametrize("kind", XYZ)
def test_extended_xyz_of_several_programs(tmp_path, walk_A, kind):
    comment, interval_ps = XYZ[kind]
    path = xyz(tmp_path / "run.xyz", walk_A, comment)
    check(read(path, tmp_path, interval_ps=interval_ps), walk_A)
    if interval_ps is not None:
        with pytest.raises(SaltflowError, match="--interval"):
            read(path, tmp_path)


def test_unwrapped_positions_of_gpumd_are_taken(tmp_path, walk_A):
    comment = 'Time={fs:.8f} pbc="T T T" Lattice="{lattice}" Properties=species:S:1:pos:R:3:unwrapped_position:R:3'
    check(read(xyz(tmp_path / "run.xyz", walk_A, comment, extra=True), tmp_path), walk_A)


def test_a_time_in_an_unknown_unit_must_be_the_interval_in_some_unit(tmp_path, walk_A):
    path = xyz(tmp_path / "run.xyz", walk_A, 'Lattice="{lattice}" ' + PROPERTIES + " time={fs}")
    check(read(path, tmp_path, interval_ps=INTERVAL_PS), walk_A)
    with pytest.raises(SaltflowError, match="in no unit of time is --interval 0.2 ps"):
        read(path, tmp_path, interval_ps=0.2)


@pytest.mark.parametrize("time", ["{fs:.0e}", "5.0", "-{fs}"], ids=["rounded", "constant", "falling"])
def test_a_clock_that_does_not_run_is_refused(tmp_path, walk_A, time):
    path = xyz(tmp_path / "run.xyz", walk_A, 'Lattice="{lattice}" ' + PROPERTIES + f" Time_fs={time}")
    for interval_ps in (None, INTERVAL_PS):
        with pytest.raises(SaltflowError, match="does not increase|apart in Time_fs|begins again"):
            read(path, tmp_path, interval_ps=interval_ps)


def test_a_line_with_more_columns_than_properties_is_refused(tmp_path, walk_A):
    path = xyz(tmp_path / "run.xyz", walk_A, 'Lattice="{lattice}" ' + PROPERTIES)
    path.write_text(path.read_text().replace("Li ", "Li 1 ", 1))
    with pytest.raises(SaltflowError, match="has not the 4 columns"):
        read(path, tmp_path, interval_ps=INTERVAL_PS)


def test_atomic_numbers_name_elements(tmp_path, walk_A):
    path = xyz(tmp_path / "run.xyz", walk_A, 'Lattice="{lattice}" Properties=Z:I:1:pos:R:3')
    path.write_text(path.read_text().replace("Li ", "3 ").replace("Cl ", "17 "))
    check(read(path, tmp_path, interval_ps=INTERVAL_PS), walk_A)


def test_a_pdb_of_many_models(tmp_path, walk_A):
    write(tmp_path / "run.pdb", ase_frames(walk_A), format="proteindatabank")
    with pytest.raises(SaltflowError, match="--interval"):
        read(tmp_path / "run.pdb", tmp_path)
    run = read(tmp_path / "run.pdb", tmp_path, interval_ps=INTERVAL_PS)
    assert run.symbols == tuple(SYMBOLS)
    moved_A = np.linalg.norm(np.diff(run.positions_A, axis=0), axis=-1)
    np.testing.assert_allclose(moved_A, np.linalg.norm(np.diff(walk_A, axis=0), axis=-1), atol=5e-3)


@pytest.mark.parametrize("left", [0.5, 0.97])
def test_a_cut_traj_of_ase_is_read_as_far_as_it_goes(tmp_path, walk_A, left, caplog):
    write(tmp_path / "run.traj", ase_frames(walk_A), format="traj")
    whole = (tmp_path / "run.traj").read_bytes()
    (tmp_path / "run.traj").write_bytes(whole[: int(left * len(whole))])
    run = read(tmp_path / "run.traj", tmp_path, interval_ps=INTERVAL_PS)
    assert abs(run.n_frames - left * FRAMES) < 3
    check(run, walk_A[: run.n_frames])
    assert f"ends inside frame {run.n_frames}" in caplog.text


def test_plain_xyz_of_cp2k_has_times_and_needs_a_cell(tmp_path, walk_A):
    path = xyz(tmp_path / "run-pos-1.xyz", walk_A, " i = {number:8d}, time = {fs:12.3f}, E = -17.1643447508")
    with pytest.raises(SaltflowError, match="--cell"):
        read(path, tmp_path)
    lengths = np.linalg.norm(CELL_A, axis=1)
    unit = CELL_A / lengths[:, None]
    angles = [float(np.degrees(np.arccos(unit[a] @ unit[b]))) for a, b in ((1, 2), (0, 2), (0, 1))]
    check(read(path, tmp_path, cell=[*lengths, *angles]), walk_A)


def test_i_pi_is_read_in_its_units(tmp_path, walk_A):
    box = "# CELL(abcABC): 30.0 30.0 30.0 90.0 90.0 90.0 Step: {step} Bead: 0 "
    free_A = 5 + (walk_A - walk_A.min()) * 0.1
    for unit, factor in (("atomic_unit", units.Bohr), ("angstrom", 1.0)):
        comment = box + f"positions{{{{{unit}}}}} cell{{{{{unit}}}}}"
        with open(tmp_path / "run.xyz", "w") as file:
            for number, positions_A in enumerate(free_A):
                file.write(f"5\n{comment.format(step=number)}\n")
                file.writelines(f"{symbol} {' '.join(f'{part / factor:.8f}' for part in place)}\n"
                                for symbol, place in zip(SYMBOLS, positions_A, strict=True))  # fmt: skip
        run = read(tmp_path / "run.xyz", tmp_path, interval_ps=INTERVAL_PS)
        np.testing.assert_allclose(run.positions_A - run.positions_A[0], free_A - free_A[0], atol=1e-4)
        assert run.cells_A[0, 0, 0] == pytest.approx(30 * factor)


@pytest.mark.parametrize("name", ["Li_sv", "LI", "Li+"])
def test_names_that_are_elements_in_another_dress(tmp_path, walk_A, name):
    path = xyz(tmp_path / "run.xyz", walk_A, 'Lattice="{lattice}" ' + PROPERTIES)
    path.write_text(path.read_text().replace("Li ", f"{name} "))
    check(read(path, tmp_path, interval_ps=INTERVAL_PS), walk_A)


def test_deuterium_is_hydrogen_of_its_mass(tmp_path, walk_A):
    path = xyz(tmp_path / "run.xyz", walk_A, 'Lattice="{lattice}" ' + PROPERTIES)
    path.write_text(path.read_text().replace("Cl ", "D "))
    run = read(path, tmp_path, interval_ps=INTERVAL_PS)
    assert run.symbols == ("Li", "Li", "H", "H", "H")
    assert run.masses_u[-1] == pytest.approx(2.0141)


@pytest.mark.parametrize(("old", "new", "words"), [("Cl ", "X ", "calls atoms X"), ("T T T", "T T F", "says pbc")])
def test_ghosts_and_open_boundaries_are_refused(tmp_path, walk_A, old, new, words):
    path = xyz(tmp_path / "run.xyz", walk_A, 'Lattice="{lattice}" ' + PROPERTIES)
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(SaltflowError, match=words):
        read(path, tmp_path, interval_ps=INTERVAL_PS)


def xdatcar(path, walk_A, *, scale="1.0", factor=1.0, names="Li Cl", numbers=None, npt=False,
            title="system"):  # fmt: skip
    fractional = wrapped(walk_A) @ np.linalg.inv(CELL_A)
    vectors = "\n".join(" ".join(f"{part / factor:.9f}" for part in vector) for vector in CELL_A)
    header = f"{title}\n {scale}\n{vectors}\n {names}\n 2 3\n"
    with open(path, "w") as file:
        for number, places in zip(numbers or range(1, len(walk_A) + 1), fractional, strict=True):
            file.write((header if npt or file.tell() == 0 else "") + f"Direct configuration= {number:5d}\n")
            file.writelines(" ".join(f"{part:.9f}" for part in place) + "\n" for place in places)
    return path


XDATCARS = {
    "hashes": {"names": "Li_sv/1a2b3c4d Cl/9f8e7d6c"},
    "volume as scale": {"scale": f"-{abs(np.linalg.det(CELL_A)):.6f}", "factor": 1.7},
    "scale": {"scale": "2.0", "factor": 2.0},
    "three scales": {"scale": "2.0 2.0 2.0", "factor": 2.0},
    "constant pressure": {"npt": True},
    "every tenth step": {"numbers": list(range(10, 10 * FRAMES + 1, 10))},
    "no title": {"title": ""},
    "no title at constant pressure": {"title": "", "npt": True},
    "two runs after another": {"numbers": [*range(1, 13), *range(1, FRAMES - 11)]},
}


@pytest.mark.parametrize("kind", XDATCARS)
def test_xdatcars_by_any_name(tmp_path, walk_A, kind):
    path = xdatcar(tmp_path / "xdatcar_600K.txt", walk_A, **XDATCARS[kind])
    check(read(path, tmp_path, interval_ps=INTERVAL_PS), walk_A)


@pytest.mark.parametrize("name", ["md.traj", "anything"])
def test_traj_of_ase_with_the_temperature_of_its_momenta(tmp_path, walk_A, name):
    rng = np.random.default_rng(3)
    masses_u = Atoms(SYMBOLS).get_masses()
    momenta = rng.normal(size=(FRAMES, 5, 3)) * np.sqrt(masses_u * units.kB * 600)[None, :, None]
    with AseTrajectory(str(tmp_path / name), "w") as file:
        for frame in ase_frames(walk_A, momenta=momenta):
            file.write(frame)
    run = read(tmp_path / name, tmp_path, interval_ps=INTERVAL_PS)
    check(run, walk_A)
    temperatures_K = open_trajectory(tmp_path / "converted.h5md").temperatures_K
    assert temperatures_K.mean() == pytest.approx(600, rel=0.2)


@pytest.mark.parametrize(("suffix", "opener"), [(".gz", gzip.open), (".xz", lzma.open)])
def test_compressed_files_are_unpacked(tmp_path, walk_A, suffix, opener):
    plain = xdatcar(tmp_path / "XDATCAR", walk_A).read_bytes()
    path = tmp_path / f"XDATCAR{suffix}"
    with opener(path, "wb") as file:
        file.write(plain)
    check(read(path, tmp_path, interval_ps=INTERVAL_PS), walk_A)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(SaltflowError, match="is cut or damaged"):
        read(path, tmp_path, interval_ps=INTERVAL_PS)


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (b"PK\x03\x04 and more", "compressed by ZIP"),
        (b"run.dump".ljust(257, b"\0") + b"ustar", "an archive"),
        (b"\xf6\xff\xff\xff\xff\xff\xff\xffDUMPCUSTOM", "a binary dump of LAMMPS"),
        (b"\x89HDF\r\n\x1a\n", "could not be read|is HDF5"),
        (b"", "is empty"),
        (b" \n\n", "is empty"),
    ],
)
def test_what_is_no_trajectory_is_refused_by_name(tmp_path, start, words):
    (tmp_path / "run").write_bytes(start)
    with pytest.raises(SaltflowError, match=words):
        read(tmp_path / "run", tmp_path)


# HDF5


def h5md(path, walk_A, *, scalar=False, edges="fixed", unit="Angstrom", time_unit="ps", images=False, ids=False,
         species=True):  # fmt: skip
    per_A = {"Angstrom": 1.0, "nm": 0.1, "pm": 100.0}[unit]
    inside_A = wrapped(walk_A)
    rng = np.random.default_rng(6)
    orders = np.array([rng.permutation(5) if ids else np.arange(5) for _ in walk_A])
    with h5py.File(path, "w") as file:
        file.create_group("h5md").attrs["version"] = [1, 1]
        group = file.create_group("particles/all")
        position = group.create_group("position")
        shown_A = np.take_along_axis(inside_A, orders[..., None], axis=1)
        position["value"] = shown_A * per_A
        position["value"].attrs["unit"] = unit
        position["step"] = STEP if scalar else STEP * np.arange(len(walk_A))
        per_ps = {"ps": 1.0, "fs": 1e3}[time_unit]
        position["time"] = INTERVAL_PS * per_ps * (1 if scalar else np.arange(len(walk_A)))
        position["time"].attrs["unit"] = time_unit
        box = group.create_group("box")
        box.attrs["boundary"] = ["periodic"] * 3
        name = "edges" if edges == "fixed" else "edges/value"
        box[name] = CELL_A * per_A if edges == "fixed" else np.repeat(CELL_A[None], len(walk_A), 0) * per_A
        box[name].attrs["unit"] = unit
        if species:
            group["species"] = np.array([1, 1, 2, 2, 2])
        if images:
            moved = np.rint((walk_A - inside_A) @ np.linalg.inv(CELL_A)).astype(int)
            group["image/value"] = np.take_along_axis(moved, orders[..., None], axis=1)
        if ids:
            group["id/value"] = orders + 1
    return path


H5MD = {
    "scalar time, fixed edges": {"scalar": True},
    "fs": {"time_unit": "fs"},
    "nm, changing edges": {"unit": "nm", "edges": "changing"},
    "pm": {"unit": "pm"},
    "images": {"images": True},
    "ids in any order": {"ids": True, "images": True},
}


@pytest.mark.parametrize("kind", H5MD)
def test_h5md_of_other_programs(tmp_path, walk_A, kind):
    path = h5md(tmp_path / "run.h5", walk_A, **H5MD[kind])
    check(read(path, tmp_path, species=LI_CL), walk_A)
    with pytest.raises(SaltflowError, match="--species 1=Li.*--topology"):
        read(path, tmp_path)
    with pytest.raises(SaltflowError, match="--interval 1 ps; leave --interval out"):
        read(path, tmp_path, species=LI_CL, interval_ps=1.0)


@pytest.mark.parametrize(
    ("tags", "interval_ps"),
    [({"IBRION": 0, "POTIM": 50.0}, None), ({}, INTERVAL_PS), ({"IBRION": 0, "POTIM": 5.0, "NBLOCK": 10}, INTERVAL_PS)],
)
def test_vaspout(tmp_path, walk_A, tags, interval_ps):
    with h5py.File(tmp_path / "vaspout.h5", "w") as file:
        file["results/positions/ion_types"] = np.array([b"Li_sv", b"Cl"])
        file["results/positions/number_ion_types"] = [2, 3]
        file["intermediate/ion_dynamics/position_ions"] = wrapped(walk_A) @ np.linalg.inv(CELL_A)
        file["intermediate/ion_dynamics/lattice_vectors"] = np.repeat(CELL_A[None], FRAMES, 0)
        for name, value in tags.items():
            file[f"input/incar/{name}"] = value
    check(read(tmp_path / "vaspout.h5", tmp_path, interval_ps=interval_ps), walk_A)
    if interval_ps is not None:
        with pytest.raises(SaltflowError, match="--interval"):
            read(tmp_path / "vaspout.h5", tmp_path)


@pytest.mark.parametrize("kind", ["zero scale", "zero increment"])
def test_cells_and_times_of_zero_are_refused(tmp_path, walk_A, kind):
    if kind == "zero scale":
        path, words = xdatcar(tmp_path / "XDATCAR", walk_A, scale="0.0"), "has no volume"
    else:
        path, words = h5md(tmp_path / "run.h5", walk_A, scalar=True), "--interval"
        with h5py.File(path, "r+") as file:
            file["particles/all/position/time"][()] = 0.0
    with pytest.raises(SaltflowError, match=words):
        read(path, tmp_path, species=LI_CL if kind == "zero increment" else {})


def test_training_data_of_vasp_are_no_trajectory(tmp_path):
    (tmp_path / "ML_ABN").write_text(" 1.0 Version\n" + "*" * 50 + "\n     The number of configurations\n" + "-" * 50)
    with pytest.raises(SaltflowError, match="ML_AB: training configurations"):
        read(tmp_path / "ML_ABN", tmp_path)


# Topology, cell and other options


def test_a_topology_in_another_order_is_refused(tmp_path, walk_A):
    path = h5md(tmp_path / "run.h5", walk_A, species=False)
    right = ase_frames(walk_A)[0]
    write(tmp_path / "right.cif", right)
    check(read(path, tmp_path, topology=tmp_path / "right.cif"), walk_A)
    write(tmp_path / "other.extxyz", right[[2, 0, 4, 3, 1]], format="extxyz")
    with pytest.raises(SaltflowError, match="atoms in another order"):
        read(path, tmp_path, topology=tmp_path / "other.extxyz")
    write(tmp_path / "small.extxyz", right[:4], format="extxyz")
    with pytest.raises(SaltflowError, match="holds 5 atoms and its topology 4"):
        read(path, tmp_path, topology=tmp_path / "small.extxyz")


def test_a_topology_that_names_other_atoms_is_refused(tmp_path, walk_A):
    path = dump(tmp_path / "run.dump", walk_A, columns=COLUMNS["x"])
    other = ase_frames(walk_A)[0]
    other.symbols[0] = "Na"
    write(tmp_path / "other.extxyz", other, format="extxyz")
    with pytest.raises(SaltflowError, match="name other atoms"):
        read(path, tmp_path, topology=tmp_path / "other.extxyz", interval_ps=INTERVAL_PS)


WRONG_OPTIONS = {
    "zero": ({"interval_ps": 0.0}, "--interval needs a time above 0 ps"),
    "negative": ({"interval_ps": -0.1}, "--interval needs a time above 0 ps"),
    "not a number": ({"interval_ps": float("nan")}, "--interval needs a time above 0 ps"),
    "endless": ({"interval_ps": float("inf")}, "--interval needs a time above 0 ps"),
    "flat cell": ({"cell": [14, 14, 0, 90, 90, 90]}, "--cell 14,14,0"),
    "no such angles": ({"cell": [9, 9, 9, 30, 30, 90]}, "enclose no volume"),
    "other cell": ({"cell": [28, 28, 28, 90, 90, 90]}, "--cell one of 28 × 28 × 28"),
    "other angles": ({"cell": [*np.linalg.norm(CELL_A, axis=1), 90, 90, 90]}, "--cell one of"),
    "no such atom": ({"species": {"7": "Li"}}, "calls no atom 7 but Cl, Li"),
    "no element": ({"species": {"Li": "Xx"}}, "Xx is no element"),
}


@pytest.mark.parametrize("kind", WRONG_OPTIONS)
def test_options_that_contradict_the_file_are_refused(tmp_path, walk_A, kind):
    options, words = WRONG_OPTIONS[kind]
    write(tmp_path / "run.extxyz", ase_frames(walk_A), format="extxyz")
    with pytest.raises(SaltflowError, match=words):
        read(tmp_path / "run.extxyz", tmp_path, **{"interval_ps": INTERVAL_PS} | options)


def test_joined_runs_without_a_clock_are_refused(tmp_path, walk_A):
    other_A = walk_A + np.random.default_rng(1).uniform(-3.5, 3.5, (5, 3))
    write(tmp_path / "run.extxyz", ase_frames(np.concatenate([walk_A, other_A])), format="extxyz")
    with pytest.raises(SaltflowError, match="many atoms jump from frame 29 to 30|ambiguous"):
        read(tmp_path / "run.extxyz", tmp_path, interval_ps=INTERVAL_PS)


def wrapped_walk_A(length_A, frames=400):
    rng = np.random.default_rng(7)
    walk_A = rng.random((5, 3)) * length_A + np.cumsum(rng.normal(0, 0.5, (frames, 5, 3)), axis=0)
    return walk_A - length_A * np.floor(walk_A / length_A)


@pytest.mark.parametrize("given_A", [13.5, 14.5, 16.0])
def test_a_cell_that_is_not_the_one_of_the_positions_is_refused(tmp_path, given_A):
    with open(tmp_path / "run.xyz", "w") as file:
        for positions_A in wrapped_walk_A(14.0):
            rows = (
                f"{symbol} {x:.5f} {y:.5f} {z:.5f}\n" for symbol, (x, y, z) in zip(SYMBOLS, positions_A, strict=True)
            )
            file.write("5\n\n" + "".join(rows))
    read(tmp_path / "run.xyz", tmp_path, interval_ps=INTERVAL_PS, cell=[14.0] * 3 + [90] * 3)
    with pytest.raises(SaltflowError, match="wrapped in a cell of 1[34].* Å along .*, not of"):
        read(tmp_path / "run.xyz", tmp_path, interval_ps=INTERVAL_PS, cell=[given_A] * 3 + [90] * 3)


@pytest.mark.parametrize("turned", [True, False])
def test_a_dcd_whose_cell_points_elsewhere_is_refused(tmp_path, turned):
    """DCD says lengths and angles alone: a along y, b along z, c along x cannot be known."""
    import MDAnalysis

    lengths_A = np.array([13.0, 17.0, 21.0])
    positions_A = np.stack([wrapped_walk_A(length_A)[..., 0] for length_A in lengths_A], axis=-1)
    shown_A = positions_A[..., [2, 0, 1]] if turned else positions_A
    universe = MDAnalysis.Universe.empty(5, trajectory=True)
    universe.load_new(shown_A.astype(np.float32), dimensions=np.array([*lengths_A, 90, 90, 90]), dt=INTERVAL_PS)
    with MDAnalysis.Writer(str(tmp_path / "run.dcd"), n_atoms=5, dt=INTERVAL_PS) as writer:
        for _ in universe.trajectory:
            writer.write(universe.atoms)
    write(tmp_path / "start.extxyz", Atoms(SYMBOLS, positions=shown_A[0], cell=lengths_A, pbc=True), format="extxyz")
    if turned:
        with pytest.raises(SaltflowError, match="wrapped in a cell of|jump by|vectors exchanged|ambiguous"):
            read(tmp_path / "run.dcd", tmp_path, topology=tmp_path / "start.extxyz")
    else:
        run = read(tmp_path / "run.dcd", tmp_path, topology=tmp_path / "start.extxyz")
        np.testing.assert_allclose(np.diff(run.times_ps), INTERVAL_PS, rtol=1e-4)


@pytest.mark.parametrize(("delta", "known"), [(100.0, False), (0.001, False), (1.0, False), (2.0, False),
                                              (0.5 / 48.88821, True), (2 / 48.88821, True)])  # fmt: skip
def test_a_dcd_needs_an_interval_unless_its_step_is_round_in_akma(tmp_path, walk_A, delta, known):
    """LAMMPS (fs or ps), VMD (1) and CP2K (fs) write other units than NAMD, CHARMM and OpenMM."""
    from MDAnalysis.lib.formats.libdcd import DCDFile

    with DCDFile(str(tmp_path / "run.dcd"), "w") as file:
        file.write_header(remarks="", natoms=5, istart=0, nsavc=100, delta=delta, is_periodic=1)
        for positions_A in wrapped_walk_A(14.0, 30):
            file.write(positions_A.astype(np.float32), np.array([14, 90, 14, 90, 90, 14.0]))
    write(tmp_path / "start.extxyz", Atoms(SYMBOLS, positions=np.eye(5, 3)), format="extxyz")
    options = {"topology": tmp_path / "start.extxyz"}
    if known:
        run = read(tmp_path / "run.dcd", tmp_path, **options)
        assert run.times_ps[1] == pytest.approx(100 * delta * 0.04888821, rel=1e-5)
    else:
        with pytest.raises(SaltflowError, match="in a unit that it does not say; give .* --interval"):
            read(tmp_path / "run.dcd", tmp_path, **options)
        assert read(tmp_path / "run.dcd", tmp_path, interval_ps=0.3, **options).times_ps[1] == pytest.approx(0.3)


def test_nothing_is_left_beside_a_file(tmp_path, walk_A):
    import MDAnalysis

    folder = tmp_path / "data"
    folder.mkdir()
    write(folder / "start.extxyz", ase_frames(walk_A)[0], format="extxyz")
    universe = MDAnalysis.Universe.empty(5, trajectory=True)
    universe.load_new(walk_A.astype(np.float32), dimensions=np.array([40.0] * 3 + [90.0] * 3), dt=INTERVAL_PS)
    with MDAnalysis.Writer(str(folder / "run.xtc"), n_atoms=5) as writer:
        for _ in universe.trajectory:
            writer.write(universe.atoms)
    check(read(folder / "run.xtc", tmp_path, topology=folder / "start.extxyz"), walk_A, atol=2e-2)
    assert {path.name for path in folder.iterdir()} == {"start.extxyz", "run.xtc"}
    with pytest.raises(SaltflowError, match=r"data/run.xtc says that its frames are 0.05 ps apart"):
        read(folder / "run.xtc", tmp_path, topology=folder / "start.extxyz", interval_ps=1.0)
