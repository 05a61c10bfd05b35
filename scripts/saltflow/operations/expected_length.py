"""How long production is expected to run until its results are known, before anything of it ran.

D(T) follows by Nernst–Einstein from σT = A exp(−Ea/kT): a composition's own σ and Ea where the table has them; without
Ea the usual prefactor of those that have both (in the catalogue A is 3·10⁷ to 9·10⁸ mS K/cm over four decades of σ);
without σ every σ of the sweep in turn, of which the mean length is taken. The motion is diffusive from
the lag on at which its MSD is `DIFFUSIVE_MSD_A2`; the errors are Brownian (`statistics.needed_windows`).
"""

from collections.abc import Sequence
from math import exp, log
from statistics import fmean, median
from typing import NamedTuple

from ase import units

from saltflow.campaign.campaign import Campaign
from saltflow.campaign.composition_view import CompositionView
from saltflow.campaign.production_end import judged_by, wanted_errors
from saltflow.dynamics.schedule import LOOK_RATIO
from saltflow.materials.compositions import Composition
from saltflow.operations.rule_spec import Wildcards
from saltflow.statistics.needed_windows import DECORRELATION_PER_LAG, needed_windows

# The windows of six state points of the demonstration begin at 20 to 69 Å² (docs/benchmarks.md).
DIFFUSIVE_MSD_A2 = 50.0
HOPELESS = 2.0  # length of a run that could not be known in time, in shortest runs (assumed)
OCTAVE = 2.0  # shortest window, longest lag over shortest
ATOM_A3 = 24.0  # of LiAlCl2.5O0.75
# Where the table has none.
TYPICAL_PREFACTOR, TYPICAL_EA_EV = 1e8, 0.33
MS_CM_TO_E2_FS = 1e-1 / units._e * 1e-25  # e²/(eV Å fs): 1 mS/cm = 0.1 S/m
KELVIN_OF_CELSIUS = 273.15


class Conductivity(NamedTuple):
    """σT = prefactor × exp(−Ea/kT)."""

    prefactor_mS_K_cm: float
    Ea_eV: float


class Length(NamedTuple):
    """Expected length of a production run, and whether its results are known at its end."""

    ps: float
    is_known: bool


def expected_production_ps(campaign: Campaign, wildcards: Wildcards) -> float:
    """Expected length of the production of a state point, or the mean of all of a composition.

    That of the settings where it is fixed.
    """
    production = campaign.composition(wildcards["composition"]).section("dynamics")["production"]
    if judged_by(production) is None:
        return production["duration_ps"]
    return fmean(length.ps for length in _lengths(campaign, wildcards))


def expected_known_share(campaign: Campaign, wildcards: Wildcards) -> float:
    """Probability that a state point is known before its longest run, where production runs until it is known."""
    return fmean(length.is_known for length in _lengths(campaign, wildcards))


def _lengths(campaign: Campaign, wildcards: Wildcards) -> list[Length]:
    composition = campaign.composition(wildcards["composition"])
    temperatures_K = [wildcards["temperature"]] if "temperature" in wildcards else campaign.temperatures_K
    return [
        _length(campaign, composition, float(temperature_K), sigma)
        for temperature_K in temperatures_K
        for sigma in _conductivities(campaign, composition)
    ]


def _length(campaign: Campaign, composition: CompositionView, temperature_K: float, sigma: Conductivity) -> Length:
    """The run with this conductivity: it ends when it is known and confirmed, as hopeless, or as the longest."""
    production = composition.production_dynamics["production"]
    wanted, transport = production["until_known"], composition.section("transport")
    D_A2_ps = _D_A2_ps(composition, sigma, temperature_K)
    of_D, of_sigma = wanted_errors(wanted, temperature_K)
    replicas, row = len(campaign.replicas), composition.row
    ions = composition.cell_atoms() * float(row.amounts[row.mobile_ion] / sum(row.amounts.values()))
    windows = max(needed_windows(of_sigma), needed_windows(of_D) / ions)

    def known_ps(diffusive_A2: float) -> float:
        start_ps = diffusive_A2 / (6 * D_A2_ps)
        for_errors_ps = DECORRELATION_PER_LAG * start_ps * windows / replicas
        return max(OCTAVE * start_ps / transport["max_lag_fraction"], for_errors_ps)

    if known_ps(transport["msd_min_A2"]) > production["duration_ps"]:
        return Length(min(HOPELESS * wanted["least_ps"], production["duration_ps"]), is_known=False)
    # On a grid of looks the first one is late by half a step on average, and the next one confirms it.
    needed_ps = max(known_ps(max(DIFFUSIVE_MSD_A2, transport["msd_min_A2"])), wanted["least_ps"]) * LOOK_RATIO**1.5
    return Length(min(needed_ps, production["duration_ps"]), is_known=needed_ps <= production["duration_ps"])


def _D_A2_ps(composition: CompositionView, sigma: Conductivity, temperature_K: float) -> float:
    """D of the mobile ion in Å²/ps by Nernst–Einstein."""
    row = composition.row
    ions_per_A3 = float(row.amounts[row.mobile_ion] / sum(row.amounts.values())) / ATOM_A3
    charge = row.oxidation_states[row.mobile_ion]
    sigma_mS_cm = sigma.prefactor_mS_K_cm * exp(-sigma.Ea_eV / (units.kB * temperature_K)) / temperature_K
    return 1000 * sigma_mS_cm * MS_CM_TO_E2_FS * units.kB * temperature_K / (ions_per_A3 * charge**2)


def _conductivities(campaign: Campaign, composition: CompositionView) -> Sequence[Conductivity]:
    """σ(T) of a composition, or of all in the sweep that have one."""
    usual = _usual_prefactor(campaign)
    own = _conductivity(composition.row, usual)
    every = [_conductivity(campaign.compositions[name], usual) for name in campaign.swept]
    return [own] if own else [each for each in every if each] or [Conductivity(usual, TYPICAL_EA_EV)]


def _conductivity(row: Composition, usual: float) -> Conductivity | None:
    if not row.sigma_mS_cm:
        return None
    kelvin = _measured_K(row)
    Ea_eV = row.Ea_eV or units.kB * kelvin * log(usual / (row.sigma_mS_cm * kelvin))
    return Conductivity(row.sigma_mS_cm * kelvin * exp(Ea_eV / (units.kB * kelvin)), Ea_eV)


def _usual_prefactor(campaign: Campaign) -> float:
    """Median prefactor of the compositions of the table with both values, in mS K/cm."""
    both = [row for row in campaign.compositions.values() if row.sigma_mS_cm and row.Ea_eV]
    return exp(median(log(_conductivity(row, 1.0).prefactor_mS_K_cm) for row in both)) if both else TYPICAL_PREFACTOR


def _measured_K(row: Composition) -> float:
    return (25.0 if row.sigma_temperature_C is None else row.sigma_temperature_C) + KELVIN_OF_CELSIUS
