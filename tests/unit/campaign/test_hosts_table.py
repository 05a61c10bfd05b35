"""The table of hosts: options of each beside those of all, folders taken whole, every problem a sentence."""

from pathlib import Path

import pytest

from saltflow.base.errors import InputError
from saltflow.campaign.config_files import read_configuration
from saltflow.campaign.loading import load_campaign
from saltflow.campaign.settings.electrodes import ElectrodeOptions
from saltflow.operations.jobs import jobs_of
from saltflow.operations.resources import JobRequest, done_by, job_group

ROOT = Path(__file__).resolve().parents[3]
HEADER = "id\tfile\tmobile_ion\tpotential\toptions\n"


def tiny(**changes):
    configuration = read_configuration([ROOT / "tests/tiny/config.yaml"])
    configuration["electrodes"] |= changes
    return configuration


def table(folder: Path, *rows: str) -> str:
    (folder / "LiCl.cif").write_text("data_")
    (folder / "hosts.tsv").write_text(HEADER + "".join(f"{row}\n" for row in rows))
    return str(folder / "hosts.tsv")


def test_nothing_is_computed_unless_a_table_is_named():
    assert load_campaign(tiny()).electrodes == {}
    assert not any("electrode" in job.rule for job in jobs_of(load_campaign(tiny())))


def test_a_row_changes_the_options_of_all(tmp_path):
    own = "repeat: [1, 1, 2], layers: C, vacancies: {C: 2}, metal_path: Li.cif"
    path = table(tmp_path, f"graphite\tLiCl.cif\tLi\tchgnet-pbe\t{own}", "oxide\tLiCl.cif\t-\t-\t-")
    campaign = load_campaign(
        tiny(structures_path=path, mobile_ion="Na", potential="fine-tuned", options={"points": 7, "repeat": [2, 2, 1]})
    )
    graphite, oxide = (campaign.electrode(name) for name in campaign.electrodes)
    shipped = ElectrodeOptions().model_dump()
    assert oxide.options == shipped | {"points": 7, "repeat": [2, 2, 1]}
    changes = {"points": 7, "repeat": [1, 1, 2], "layers": "C", "vacancies": {"C": 2}}
    metal = Path(graphite.options["metal_path"])
    assert metal.resolve() == tmp_path / "Li.cif"
    assert graphite.options == shipped | changes | {"metal_path": str(metal)}
    assert (oxide.identity, graphite.model) == ({"mobile_ion": "Na", "potential": "fine-tuned"}, [])
    assert "fine-tuned" in campaign.needed_potentials
    assert oxide.model == "results/potentials/fine-tuned/released.model"
    found = [done_by(campaign, "compute_electrode", {"electrode": name}) for name in campaign.electrodes]
    assert found == ["universal", "cpu"]


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("a\tnone.cif\tLi\tbase\t-", "column file: there is no file .*none.cif'; name a structure file"),
        ("a\tLiCl.cif\t-\tbase\t-", "column mobile_ion: the cell is empty; .* set electrodes.mobile_ion"),
        ("a\tLiCl.cif\tLi\tnope\t-", "column potential: .*nope' is no potential and no file; .*electrodes.potential"),
        ("a\tLiCl.cif\tLi\tbase\tcycle: 2", "column options: unknown key 'cycle' .*did you mean 'cycles'"),
        ("a\tLiCl.cif\tLi\tbase\tpoints: 1", "column options: 'points' = 1 is not valid"),
        ("a\tLiCl.cif\tLi\tbase\tfixed_cell: true", "set ensemble to nvt"),
        ("a\tLiCl.cif\tLi\tbase\tfaults: 1", "set layers to their element"),
        ("a\tLiCl.cif\tLi\tbase\trange: [1, 0]", "two fractions of the sites, ascending"),
        ("a\tLiCl.cif\tLi\tbase\ttransport: [600]", "two different temperatures"),
        ("a\tLiCl.cif\tLi\tbase\t[", "names no options; write such as repeat"),
        ("voltages\tLiCl.cif\tLi\tbase\t-", "'voltages' is a reserved word"),
    ],
)
def test_every_problem_is_a_sentence(tmp_path, row, sentence):
    with pytest.raises(InputError, match=sentence):
        load_campaign(tiny(structures_path=table(tmp_path, row)))


def test_options_of_all_are_checked_and_a_path_without_a_table_is_refused(tmp_path):
    path = table(tmp_path, "a\tLiCl.cif\tLi\tbase\t-")
    with pytest.raises(InputError, match=r"electrodes.options: unknown key 'steppes'"):
        load_campaign(tiny(structures_path=path, options={"steppes": 3}))
    with pytest.raises(InputError, match=r"electrodes.structures_path: there is no table or folder"):
        load_campaign(tiny(structures_path=str(tmp_path / "no.tsv")))


def test_a_sweep_of_hosts_alone_has_few_submissions(tmp_path):
    configuration = tiny(
        structures_path=table(tmp_path, *(f"h{number}\tLiCl.cif\tLi\tchgnet-pbe\t-" for number in range(12))),
        structures_per_submission=5,
    )
    configuration["sweep"]["compositions"] = []
    campaign = load_campaign(configuration)
    requests = [JobRequest(campaign, "compute_electrode", {"electrode": name}) for name in campaign.electrodes]
    assert [each.group() for each in requests] == [f"electrodes_{number // 5}" for number in range(12)]
    members = job_group(campaign, "compute_electrode", {"electrode": "h11"})
    assert [where["electrode"] for _, where in members] == ["h10", "h11"]
