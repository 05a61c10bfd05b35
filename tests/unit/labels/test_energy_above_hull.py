"""The hull of crystals: closed forms for the mixture, and crystals computed once per settings."""

import pytest
from ase.build import bulk
from called import called
from reference_cases import GFN1

from saltflow.base.errors import SaltflowError
from saltflow.labels.energy_above_hull import energy_above_hull
from saltflow.labels.frames import write_frames
from saltflow.labels.reference.known_crystals import build_crystal, label_crystal
from saltflow.labels.reference_command import command

# A hull by hand: A at 0, B at 0, AB at -1, A3B at -0.4 eV/atom.
A, B = (
    {"name": "A", "counts": {"Li": 1}, "energy_eV_atom": 0.0},
    {"name": "B", "counts": {"Cl": 2}, "energy_eV_atom": 0.0},
)
AB = {"name": "AB", "counts": {"Li": 4, "Cl": 4}, "energy_eV_atom": -1.0}
A3B = {"name": "A3B", "counts": {"Li": 3, "Cl": 1}, "energy_eV_atom": -0.4}


@pytest.mark.parametrize(
    ("counts", "energy_eV_atom", "above_eV", "mixture"),
    [
        ({"Li": 1, "Cl": 1}, -1.0, 0.0, {"AB": 1.0}),
        ({"Li": 1, "Cl": 1}, -1.2, -0.2, {"AB": 1.0}),
        # A3B lies above the tie line of A and AB, which is at -0.5 there.
        ({"Li": 3, "Cl": 1}, -0.4, 0.1, {"A": 0.5, "AB": 0.5}),
        ({"Li": 1, "Cl": 3}, 0.0, 0.5, {"B": 0.5, "AB": 0.5}),
    ],
)
def test_energy_above_the_hull_is_that_of_the_tie_line(counts, energy_eV_atom, above_eV, mixture):
    found_eV, found = energy_above_hull(counts, energy_eV_atom, [A, B, AB, A3B])
    assert found_eV == pytest.approx(above_eV, abs=1e-9)
    assert found == pytest.approx(mixture, abs=1e-9)


def test_a_missing_crystal_is_a_sentence():
    with pytest.raises(SaltflowError, match="No mixture of AB, A has the atoms of Li1Cl3: add crystals"):
        energy_above_hull({"Li": 1, "Cl": 3}, 0.0, [AB, A])
    with pytest.raises(SaltflowError, match="of nothing has the atoms of Al1"):
        energy_above_hull({"Al": 1}, 0.0, [])


def test_crystals_are_built_from_their_names():
    assert build_crystal("LiCl:rocksalt:5.14").cell.volume == pytest.approx(5.14**3)
    assert len(build_crystal("Cl")) == 2
    assert build_crystal("Li").get_chemical_formula() == "Li"
    for name in ("nothing.cif", "LiCl:amorphous:3.0", "LiCl:rocksalt:."):
        with pytest.raises(SaltflowError, match="No crystal can be made of"):
            build_crystal(name)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A folder of crystals that the tests share; rock salt at 5.25 Å is in it."""
    folder = tmp_path_factory.mktemp("kept")
    label(folder)
    return folder


def label(folder, name="LiCl:rocksalt:5.25", reference=GFN1):
    work = folder.parent / "work"
    return label_crystal(name, reference, reference_name="xtb", folder=folder, workdir=work, smallest_edge_A=5.0)


def test_a_crystal_is_computed_once_per_settings(kept):
    found = label(kept)
    assert found["counts"] == {"Cl": 4, "Li": 4}
    # Whatever is computed anew cannot end in time.
    hasty = GFN1.model_copy(update={"frame_timeout_s": 1e-3, "max_iterations": 999})
    assert label(kept, reference=hasty) == found
    for change in ({"electronic_temperature_K": 1000.0}, {"accuracy": 1.0}):
        with pytest.raises(SaltflowError, match="has no energy by this reference: no result within"):
            label(kept, reference=hasty.model_copy(update=change))
    with pytest.raises(SaltflowError, match="no result within"):
        label(kept, name="LiCl:rocksalt:5.26", reference=hasty)


def test_the_volume_is_that_of_least_energy_and_an_edge_is_refused(kept):
    first = label(kept)
    edge_A = (8 * first["volume_A3_atom"]) ** (1 / 3)
    second = label(kept, f"LiCl:rocksalt:{1.01 * edge_A:.3f}")
    assert second["volume_A3_atom"] == pytest.approx(first["volume_A3_atom"], rel=0.01)
    assert second["energy_eV_atom"] == pytest.approx(first["energy_eV_atom"], abs=1e-3)
    assert first["bulk_modulus_GPa"] > 0
    with pytest.raises(SaltflowError, match="has no minimum near its volume: give a smaller cell"):
        label(kept, f"LiCl:rocksalt:{1.1 * edge_A:.3f}")


def test_the_command_places_frames_above_the_hull(kept, tmp_path):
    words = ["hull", "LiCl:rocksalt:5.25", "--reference", "gfn1-xtb", "--edge", "5", "--folder", kept]
    alone = called(command, *words)
    assert alone.exit_code == 0
    energy = float(alone.stdout.split(": ")[1].split()[0])
    frame = bulk("LiCl", "rocksalt", a=5.25)
    frame.info |= {"REF_energy": 2 * (energy + 0.1), "reference_digest": GFN1.digest()}
    write_frames(tmp_path / "frames.extxyz", [frame])
    placed = called(command, *words, "--frames", tmp_path / "frames.extxyz")
    assert placed.exit_code == 0
    assert "100 meV/atom above 100% LiCl:rocksalt:5.25" in placed.stdout
    frame.info["reference_digest"] = "other"
    write_frames(tmp_path / "frames.extxyz", [frame])
    refused = called(command, *words, "--frames", tmp_path / "frames.extxyz")
    assert refused.exit_code == 1
    assert "labels of other settings" in refused.stderr
