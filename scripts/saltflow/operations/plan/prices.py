"""The price list of a sweep: what it costs at several accuracies, what dominates, and which settings would save most.

Every figure is an expectation of the due jobs, by the same estimates as the rest of the plan.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from statistics import fmean

from saltflow.base.errors import SaltflowError
from saltflow.campaign.campaign import Campaign
from saltflow.campaign.production_end import judged_by
from saltflow.campaign.settings import overridden
from saltflow.operations.expected_length import expected_known_share
from saltflow.operations.plan.calibration import Rate
from saltflow.operations.plan.cluster import Cluster
from saltflow.operations.plan.dag import Dag, PlannedJob, gpus_of
from saltflow.operations.plan.expected_times import Estimator, rounded
from saltflow.operations.plan.savings import Lever, levers
from saltflow.operations.plan.storage import Storage
from saltflow.operations.plan.totals import wall_hours
from saltflow.operations.rules import RULE

ACCURACIES = (0.05, 0.1, 0.2)  # relative errors of D
MOST_SAVINGS, MOST_DOMINANT = 3, 4
PRODUCTION_RULES = ("run_md", "run_state_points")
AMOUNTS = ("cpu_hours", "gpu_hours", "storage_GB")


def price_list(
    dag: Dag,
    campaign: Campaign,
    rates: Mapping[tuple[str, str], Rate],
    *,
    published: Mapping[tuple[str, str], Rate],
    submissions: list[list[PlannedJob]],
    cluster: Cluster,
) -> dict:
    """The section `prices` of a plan, described in `saltflow.operations.plan`.

    Args:
        dag: all jobs. campaign: what is to be done. rates: the calibration. published: those of others.
        submissions: the due jobs, as they are submitted. cluster: where they would run.
    """
    used = {job.rule for job in dag.due}
    others = {kind: rate for kind, rate in published.items() if kind[0] in used and rate != rates[kind]}
    return _PriceList(dag, campaign, rates, others, submissions, cluster).content()


@dataclass(frozen=True)
class _PriceList:
    """published: those that the due jobs would use and that differ from the calibration."""

    dag: Dag
    campaign: Campaign
    rates: Mapping[tuple[str, str], Rate]
    published: Mapping[tuple[str, str], Rate]
    submissions: list[list[PlannedJob]]
    cluster: Cluster

    def content(self) -> dict:
        bills = _bills(self.dag.jobs, *self._estimates(self.campaign))
        return {
            "accuracies": [self._at(accuracy) for accuracy in self._accuracies()],
            "published": [_rate_row(rate) for rate in self.published.values()],
            "dominant": _dominant(bills),
            "savings": self._savings(_sum(bills.values())),
        }

    def _accuracies(self) -> Sequence[float]:
        return ACCURACIES if self.campaign.settings.dynamics.production.until_known and self.dag.due else ()

    def _estimates(self, campaign: Campaign) -> tuple[Estimator, Storage]:
        return Estimator(campaign, self.dag, self.rates), Storage(campaign, self.dag)

    def _at(self, accuracy: float) -> dict:
        """The bill where production goes on until D has a relative error, and σ_E one that is larger as it is now."""
        now = self.campaign.settings.dynamics.production.until_known
        sigma = min(0.99, accuracy * now.sigma_E_relative_error / now.D_relative_error)
        targets = {"D_relative_error": accuracy, "sigma_E_relative_error": sigma}
        campaign = varied(self.campaign, {"dynamics": {"production": {"until_known": targets}}})
        estimator, storage = self._estimates(campaign)
        bills = _bills(self.dag.jobs, estimator, storage)
        compositions: dict[str, dict[str, dict]] = defaultdict(dict)
        for composition, stage in dict.fromkeys((composition, stage) for composition, stage, _ in bills):
            if composition:
                compositions[composition][stage] = _row(_sum(_of(bills, composition=composition, stage=stage)))
        stages = dict.fromkeys(stage for _, stage, _ in bills)
        total = _sum(bills.values())
        return {
            **targets,
            "known_share": self._known_share(campaign),
            **_row(total),
            "wall_hours": wall_hours(self.dag, self.submissions, estimator, self.cluster),
            **self._money(total),
            "by_published_rates": self._by_published(campaign, storage),
            "stages": {stage: _row(_sum(_of(bills, stage=stage))) for stage in stages},
            "compositions": compositions,
        }

    def _by_published(self, campaign: Campaign, storage: Storage) -> dict | None:
        """The same by the rates that others have published; None where there are none."""
        if not self.published:
            return None
        estimator = Estimator(campaign, self.dag, {**self.rates, **self.published})
        total = _sum(_bills(self.dag.jobs, estimator, storage).values())
        return _row(total) | {"wall_hours": wall_hours(self.dag, self.submissions, estimator, self.cluster)}

    def _known_share(self, campaign: Campaign) -> float:
        """Expected share of the state points that are known before the longest run."""
        points = [job.wildcards for job in self.dag.jobs if job.rule in PRODUCTION_RULES]
        own = [where for where in points if _runs_until_known(campaign, where)]
        return rounded(fmean(expected_known_share(campaign, where) for where in own), 2) if own else 0.0

    def _money(self, total: Sequence[float]) -> dict[str, float | None]:
        """Euros, kWh and kg of CO₂; None where a rate that they need is not given."""
        rate = self.campaign.settings.execution.prices
        hours = (max(0.0, total[0] - total[1]), total[1])  # the core of a GPU job is in the price of its GPU

        def priced(per_core: float | None, per_gpu: float | None) -> float | None:
            needed = [(amount, price) for amount, price in zip(hours, (per_core, per_gpu), strict=True) if amount]
            if any(price is None for _, price in needed):
                return None
            return sum(amount * price for amount, price in needed)

        kWh = priced(rate.kW_per_core, rate.kW_per_GPU)
        kg_CO2 = None if kWh is None or rate.kg_CO2_per_kWh is None else kWh * rate.kg_CO2_per_kWh
        found = {"euro": priced(rate.euro_per_core_hour, rate.euro_per_GPU_hour), "kWh": kWh, "kg_CO2": kg_CO2}
        return {name: None if value is None else rounded(value) for name, value in found.items()}

    def _savings(self, total: Sequence[float]) -> list[dict]:
        """The settings that would save the largest share of GPU-hours or CPU-hours, one change at a time."""
        rows = []
        for lever in levers(self.campaign) if self.dag.due else ():
            with suppress(SaltflowError):  # the settings refuse its value: nothing to be saved there
                rows.append(self._saving(lever, total))
        rows.sort(key=lambda row: -max(row["cpu_share"], row["gpu_share"]))
        return [row for row in rows if max(row["cpu_share"], row["gpu_share"]) > 0][:MOST_SAVINGS]

    def _saving(self, lever: Lever, total: Sequence[float]) -> dict:
        estimates = self._estimates(varied(self.campaign, lever.changes))
        kept = [job for job in self.dag.jobs if not lever.drops(job.wildcards)]
        saved = [before - after for before, after in zip(total, _sum(_bills(kept, *estimates).values()), strict=True)]
        shares = [part / whole if whole else 0.0 for part, whole in zip(saved, total, strict=True)]
        return {
            "setting": lever.setting,
            "before": lever.before,
            "after": lever.after,
            "loss": lever.loss,
            **_row(saved),
            "cpu_share": rounded(shares[0], 2),
            "gpu_share": rounded(shares[1], 2),
        }


def _rate_row(rate: Rate) -> dict:
    names = ("rule", "done_by", "seconds_per_unit", "unit", "machine", "conditions")
    return {name: getattr(rate, name) for name in names}


def _runs_until_known(campaign: Campaign, where: Mapping[str, str]) -> bool:
    production = campaign.composition(where["composition"]).section("dynamics")["production"]
    return judged_by(production) is not None


def varied(campaign: Campaign, changes: Mapping) -> Campaign:
    """The campaign with some settings changed; overrides of single compositions still hold."""
    return replace(campaign, settings=overridden(campaign.settings, changes))


Bills = Mapping[tuple[str, str, str], Sequence[float]]


def _bills(jobs: Iterable[PlannedJob], estimator: Estimator, storage: Storage) -> Bills:
    """(composition or '', stage, rule) → CPU-hours, GPU-hours of the due jobs, and GB of all."""
    bills: dict[tuple[str, str, str], list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    for job in jobs:
        bill = bills[job.wildcards.get("composition", ""), RULE[job.rule].stage, job.rule]
        if job.due:
            hours = estimator.expected_s(job) / 3600
            bill[0] += job.threads * hours
            bill[1] += gpus_of(job.resources) * hours
        bill[2] += storage.bytes_of(job) / 1e9
    return bills


def _of(bills: Bills, *, stage: str, composition: str | None = None) -> Iterable[Sequence[float]]:
    return [bill for (own, part, _), bill in bills.items() if part == stage and composition in (None, own)]


def _sum(bills: Iterable[Sequence[float]]) -> list[float]:
    return [sum(column) for column in zip(*bills, strict=True)] or [0.0] * len(AMOUNTS)


def _row(amounts: Sequence[float]) -> dict[str, float]:
    return {name: rounded(amount) for name, amount in zip(AMOUNTS, amounts, strict=True)}


def _dominant(bills: Bills) -> list[dict]:
    """The rules with the largest shares of GPU-hours, or of CPU-hours where no GPU is used."""
    column = 1 if any(bill[1] for bill in bills.values()) else 0
    of_rule: dict[str, float] = defaultdict(float)
    for (_, _, rule), bill in bills.items():
        of_rule[rule] += bill[column]
    total = sum(of_rule.values())
    rows = sorted(of_rule.items(), key=lambda row: -row[1])[:MOST_DOMINANT]
    return [
        {"rule": rule, "unit": AMOUNTS[column], "hours": rounded(hours), "share": rounded(hours / total, 2)}
        for rule, hours in rows
        if hours
    ]
