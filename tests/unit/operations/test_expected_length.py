"""How long production is expected to run, from what the table of compositions says of a conductor."""

from dataclasses import replace

import pytest

from saltflow.campaign.campaign import Campaign
from saltflow.campaign.config_files import read_configuration
from saltflow.campaign.loading import load_campaign
from saltflow.campaign.settings import overridden
from saltflow.operations import expected_length
from saltflow.operations.expected_length import expected_known_share, expected_production_ps
from saltflow.operations.plan.savings import levers

EQUAL = "dynamics.production.until_known.equal_errors"
KNOWN = "LiAlCl2.5O0.75"  # 1.5 mS/cm at 30 °C, 0.33 eV


@pytest.fixture(scope="module")
def campaign() -> Campaign:
    return load_campaign(read_configuration([]))


def changed(campaign: Campaign, **production) -> Campaign:
    return replace(campaign, settings=overridden(campaign.settings, {"dynamics": {"production": production}}))


def length_ps(campaign: Campaign, temperature_K: int, composition: str = KNOWN) -> float:
    return expected_production_ps(campaign, {"composition": composition, "temperature": str(temperature_K)})


def test_D_follows_from_sigma_by_nernst_einstein(campaign: Campaign):
    """V = 8138.55 Å³, 32 Li, D = 1.396e-7 cm²/s, 320 K: σ_NE = 3.189 mS/cm."""
    view = campaign.composition("LiAlCl2.5O0.75")
    density = float(view.row.amounts["Li"] / sum(view.row.amounts.values())) / expected_length.ATOM_A3
    sigma = expected_length.Conductivity(3.189 * 320 * density / (32 / 8138.55), 0.0)
    D_A2_ps = expected_length._D_A2_ps(view, sigma, 320.0)
    assert D_A2_ps * 1e-4 == pytest.approx(1.396e-7, rel=1e-3)


def test_a_fixed_length_is_expected_as_it_is(campaign: Campaign):
    assert length_ps(changed(campaign, until_known=None), 500) == campaign.settings.dynamics.production.duration_ps


def test_colder_and_more_accurate_runs_are_longer(campaign: Campaign):
    lengths = [length_ps(campaign, kelvin) for kelvin in (500, 600, 700, 800)]
    assert lengths == sorted(lengths, reverse=True)
    strict = changed(campaign, until_known={"D_relative_error": 0.05, "sigma_E_relative_error": 0.125}, duration_ps=1e6)
    assert 3 < length_ps(strict, 500) / length_ps(campaign, 500) < 4.5


def test_temperatures_that_share_their_errors_cost_less(campaign: Campaign):
    shared = changed(campaign, until_known={"equal_errors": False})
    factors = shared.composition(KNOWN).error_factors
    both = {kelvin: (length_ps(shared, kelvin), length_ps(campaign, kelvin)) for kelvin in campaign.temperatures_K}
    assert sum(less for less, _ in both.values()) < 0.9 * sum(equal for _, equal in both.values())
    for kelvin, (less, equal) in both.items():
        assert less <= equal or factors[str(kelvin)] < 1


def test_what_no_run_can_know_ends_early(campaign: Campaign):
    short = changed(campaign, duration_ps=400.0)
    least_ps = campaign.settings.dynamics.production.until_known.least_ps
    assert length_ps(short, 400) == expected_length.HOPELESS * least_ps
    assert expected_known_share(short, {"composition": KNOWN, "temperature": "400"}) == 0
    assert expected_known_share(campaign, {"composition": KNOWN, "temperature": "800"}) == 1


def test_without_a_conductivity_all_of_the_sweep_count(campaign: Campaign):
    unknown = "LiAlBr2.5O0.75"
    assert campaign.compositions[unknown].sigma_mS_cm is None
    known = [row.id for row in campaign.compositions.values() if row.sigma_mS_cm and row.id in campaign.swept]
    lengths = [length_ps(campaign, 600, name) for name in known]
    assert min(lengths) < length_ps(campaign, 600, unknown) < max(lengths)


def test_levers_change_what_they_name_and_only_that(campaign: Campaign):
    found = {lever.setting: lever for lever in levers(campaign)}
    assert {"cells.atoms", "sweep.temperatures_K", "dynamics.production.until_known", EQUAL} <= set(found)
    for lever in found.values():
        assert overridden(campaign.settings, lever.changes) != campaign.settings
    coldest = found["sweep.temperatures_K"]
    assert coldest.drops({"composition": KNOWN, "temperature": str(min(campaign.temperatures_K))})
    assert not coldest.drops({"composition": KNOWN, "temperature": str(max(campaign.temperatures_K))})
    assert not found["cells.atoms"].drops({"composition": KNOWN})
