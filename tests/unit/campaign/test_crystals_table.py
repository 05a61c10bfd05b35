"""The table of crystals: empty cells are filled, folders are taken whole, every problem is a sentence."""

import json
import shutil
from pathlib import Path

import pytest

from saltflow.base.errors import InputError
from saltflow.base.provenance import sha256_of_file
from saltflow.campaign.config_files import read_configuration
from saltflow.campaign.crystals_table import read_crystals
from saltflow.campaign.loading import load_campaign
from saltflow.campaign.study_tables import Known
from saltflow.operations.input_checks import check_inputs
from saltflow.operations.jobs import jobs_of
from saltflow.operations.resources import JobRequest, done_by, job_group, runtime_min

ROOT = Path(__file__).resolve().parents[3]
HEADER = "id\tfile\tmobile_ion\tpotential\tcomposition\n"


def tiny(**changes):
    configuration = read_configuration([ROOT / "tests/tiny/config.yaml"])
    configuration["barriers"] |= changes
    return configuration


def table(folder: Path, *rows: str) -> str:
    (folder / "LiCl.cif").write_text("data_")
    (folder / "crystals.tsv").write_text(HEADER + "".join(f"{row}\n" for row in rows))
    return str(folder / "crystals.tsv")


def test_nothing_is_computed_unless_a_table_is_named():
    assert load_campaign(tiny()).crystals == {}
    assert not any(job.spec.stage == "studies" for job in jobs_of(load_campaign(tiny())))


def test_empty_cells_are_those_of_the_composition_or_of_the_settings(tmp_path):
    rows = ("own\t-\t-\t-\tLiCl-crystal", "other\tLiCl.cif\t-\t-\t-", "third\tLiCl.cif\tCl\tdiep-r2scan\t-")
    path = table(tmp_path, *rows)
    campaign = load_campaign(tiny(structures_path=path, mobile_ion="Na", potential="chgnet-pbe"))
    own, other, third = campaign.crystals.values()
    assert (Path(own.file).name, own.mobile_ion, own.potential) == ("LiCl.cif", "Li", "fine-tuned")
    assert Path(other.file).resolve() == tmp_path / "LiCl.cif"
    assert (other.mobile_ion, other.potential) == ("Na", "chgnet-pbe")
    assert (third.mobile_ion, third.potential) == ("Cl", "diep-r2scan")
    assert campaign.crystal("own").model == "results/potentials/fine-tuned/released.model"
    assert campaign.crystal("third").model == []
    requests = [done_by(campaign, "compute_barriers", {"structure": name}) for name in campaign.crystals]
    assert requests == ["cpu", "universal", "universal"]


def test_a_model_file_needs_the_record_that_pins_it(tmp_path):
    path = table(tmp_path, "a\tLiCl.cif\tLi\treleased.model\t-")
    (tmp_path / "released.model").write_bytes(b"PK")
    with pytest.raises(InputError, match="has no release record beside it"):
        load_campaign(tiny(structures_path=path))
    (tmp_path / "released.json").write_text(json.dumps({"sha256": "0" * 64}))
    campaign = load_campaign(tiny(structures_path=path))
    view = campaign.crystal("a")
    assert [Path(each).name for each in (view.model, view.release_record)] == ["released.model", "released.json"]
    with pytest.raises(InputError, match=r"barriers.structures_path, potential .*released.model"):
        check_inputs(campaign)  # no model
    shutil.copy2(ROOT / "config/presets/demo/distilled.model", tmp_path / "released.model")
    with pytest.raises(InputError, match="has SHA-256 .* where 0+ is pinned"):
        check_inputs(campaign)
    (tmp_path / "released.json").write_text(json.dumps({"potential": "a"}))
    with pytest.raises(InputError, match="holds no sha256"):
        check_inputs(campaign)
    (tmp_path / "released.json").write_text(json.dumps({"sha256": sha256_of_file(tmp_path / "released.model")}))
    check_inputs(campaign)


def test_a_folder_is_every_structure_in_it(tmp_path):
    for name in ("b.cif", "a.vasp", "notes.txt"):
        (tmp_path / name).write_text("data_")
    known = Known({"base"}, set(), "Li", "base")
    assert list(read_crystals(str(tmp_path), known, {})) == ["a", "b"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no structure file"):
        read_crystals(str(tmp_path / "empty"), known, {})


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("a\tnone.cif\tLi\tbase\t-", "column file: there is no file .*none.cif'; name a structure file"),
        ("a\t-\tLi\tbase\t-", "column file: the cell is empty"),
        ("a\tLiCl.cif\tXx\tbase\t-", "column mobile_ion: 'Xx' is no element"),
        ("a\tLiCl.cif\t-\tbase\t-", "column mobile_ion: the cell is empty; .* set barriers.mobile_ion"),
        ("a\tLiCl.cif\tLi\tnope\t-", "column potential: .*nope' is no potential and no file; .*base"),
        ("a\tLiCl.cif\tLi\t-\t-", "column potential: the cell is empty"),
        ("a\tLiCl.cif\tLi\tbase\tKCl", "column composition: 'KCl' is not in this sweep"),
        ("a\tLiCl.cif\tLi\tbase\tLiAlCl4", "column composition: 'LiAlCl4' is packed, so its MD is of no crystal"),
        ("ranking\tLiCl.cif\tLi\tbase\t-", "'ranking' is a reserved word"),
        ("a/b\tLiCl.cif\tLi\tbase\t-", "is not a safe folder name"),
        ("a\tLiCl.cif\tLi", "3 cells instead of 5"),
    ],
)
def test_every_problem_is_a_sentence(tmp_path, row, sentence):
    with pytest.raises(InputError, match=sentence):
        load_campaign(tiny(structures_path=table(tmp_path, row)))


def test_a_path_without_a_table_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"barriers.structures_path: there is no table or folder"):
        load_campaign(tiny(structures_path=str(tmp_path / "no.tsv")))


def test_an_empty_sweep_needs_a_study():
    configuration = tiny()
    configuration["sweep"]["compositions"] = []
    with pytest.raises(InputError, match="sweep.compositions is empty; name compositions, crystals in barriers"):
        load_campaign(configuration)


def test_thousands_of_crystals_are_few_submissions_within_the_walltime(tmp_path):
    path = table(tmp_path, *(f"c{number}\tLiCl.cif\tLi\tchgnet-pbe\t-" for number in range(45)))
    configuration = tiny(structures_path=path, structures_per_submission=20)
    configuration["execution"]["site"]["cpu"]["longest_min"] = 2880
    campaign = load_campaign(configuration)
    requests = [JobRequest(campaign, "compute_barriers", {"structure": name}) for name in campaign.crystals]
    assert [each.group() for each in requests] == [f"barriers_{number // 20}" for number in range(45)]
    members = job_group(campaign, "compute_barriers", {"structure": "c44"})
    assert [where["structure"] for _, where in members] == [f"c{number}" for number in range(40, 45)]
    assert sum(runtime_min(campaign, *member) for member in members) <= 2880
