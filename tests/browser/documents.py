"""Plans and accounts of sweeps that never were, of the size that a test asks for, of the shipped catalogue's ids."""

import csv
import itertools
from collections.abc import Sequence
from pathlib import Path

from saltflow.operations.rule_spec import STAGES
from saltflow.operations.rules import RULES

CATALOGUE = Path(__file__).parents[2] / "config/compositions.tsv"
TEMPERATURES_K = (500, 600, 700, 800, 900)
REPLICAS = 3
TEMPERATURE_STAGES = ("MD", "analysis")
# Per job: where it runs, hours on a core, hours on a GPU, memory in MB, walltime in minutes.
NEEDS = {
    "label_atom": ("cpu", 0.2, 0, 4000, 60),
    "propose_initial_frames": ("gpu", 0.05, 0.05, 2300, 20),
    "explore": ("gpu", 1.1, 1.1, 12000, 240),
    "select_frames": ("gpu", 0.2, 0.2, 4000, 30),
    "label_frames": ("cpu", 19.4, 0, 9500, 720),
    "collect_labels": ("local", 0.01, 0, 1000, 10),
    "fine_tune": ("gpu", 7.5, 7.5, 24000, 1440),
    "assess_potential": ("cpu", 0.3, 0, 6000, 60),
    "release_potential": ("local", 0.01, 0, 1000, 10),
    "describe_dataset": ("local", 0.01, 0, 1000, 10),
    "build_cell": ("local", 0.1, 0, 2500, 30),
    "quench_cell": ("gpu", 2.9, 2.9, 14000, 720),
    "run_md": ("gpu", 21.6, 21.6, 31000, 2880),
    "analyse_transport": ("cpu", 0.4, 0, 8000, 60),
    "analyse_structure": ("cpu", 0.3, 0, 6000, 60),
    "analyse_residence": ("cpu", 0.3, 0, 6000, 60),
    "analyse_motion": ("cpu", 0.3, 0, 6000, 60),
    "analyse_pathways": ("cpu", 0.2, 0, 6000, 60),
    "analyse_spectra": ("cpu", 0.3, 0, 6000, 60),
    "gather_environments": ("cpu", 0.3, 0, 3000, 60),
    "assess_domain": ("cpu", 0.3, 0, 3000, 60),
    "draw_pathways": ("local", 0.01, 0, 1000, 10),
    "fit_arrhenius": ("local", 0.01, 0, 1000, 10),
    "fit_residence": ("local", 0.01, 0, 1000, 10),
    "tabulate_conductivity": ("local", 0.01, 0, 1000, 10),
    "tabulate_structure": ("local", 0.01, 0, 1000, 10),
    "rank_electrolytes": ("local", 0.01, 0, 1000, 10),
    "relate_order": ("cpu", 0.01, 0, 1000, 10),
}
USUAL_RULES = tuple(spec for spec in RULES if spec.name in NEEDS)  # the others on request alone
EDGES = (
    ("label_atom", "fine_tune"),
    ("propose_initial_frames", "label_frames"),
    ("explore", "select_frames"),
    ("select_frames", "label_frames"),
    ("label_frames", "collect_labels"),
    ("collect_labels", "collect_labels"),
    ("collect_labels", "fine_tune"),
    ("collect_labels", "assess_potential"),
    ("collect_labels", "describe_dataset"),
    ("fine_tune", "explore"),
    ("fine_tune", "assess_potential"),
    ("assess_potential", "explore"),
    ("assess_potential", "fine_tune"),
    ("assess_potential", "release_potential"),
    ("release_potential", "propose_initial_frames"),
    ("release_potential", "quench_cell"),
    ("release_potential", "tabulate_conductivity"),
    ("build_cell", "quench_cell"),
    ("quench_cell", "run_md"),
    ("run_md", "analyse_transport"),
    ("run_md", "analyse_structure"),
    ("run_md", "analyse_residence"),
    ("run_md", "analyse_motion"),
    ("run_md", "analyse_pathways"),
    ("run_md", "analyse_spectra"),
    ("collect_labels", "gather_environments"),
    ("fine_tune", "gather_environments"),
    ("gather_environments", "assess_domain"),
    ("run_md", "assess_domain"),
    ("assess_domain", "tabulate_conductivity"),
    ("assess_domain", "rank_electrolytes"),
    ("analyse_pathways", "draw_pathways"),
    ("analyse_residence", "fit_residence"),
    ("analyse_transport", "fit_arrhenius"),
    ("analyse_transport", "tabulate_conductivity"),
    ("analyse_structure", "tabulate_structure"),
    ("fit_arrhenius", "rank_electrolytes"),
    ("fit_arrhenius", "relate_order"),
    ("analyse_structure", "relate_order"),
)


def catalogue(number: int) -> list[dict]:
    """Rows of the shipped catalogue; beyond its end they come again with another salt fraction."""
    with CATALOGUE.open() as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    copies = (row | {"id": f"{row['id']}-x{turn}"} for turn in itertools.count(2) for row in rows)
    return list(itertools.islice(itertools.chain(rows, copies), number))


def _tally(*, due: int = 0, done: int = 0, failed: int = 0) -> dict:
    return {"due": due, "done": done, "failed": failed}


def _of_progress(place: int, number: int, jobs: int) -> dict:
    """Finished in the first third of a table but for a failure in every nineteenth row, begun in a few more."""
    if place < number // 3:
        return _tally(due=1, done=jobs - 1, failed=1) if place % 19 == 7 else _tally(done=jobs)
    if place < number // 2 and jobs > 1:
        return _tally(done=1, due=jobs - 1)
    return _tally(due=jobs)


def _sum(tallies: list[dict]) -> dict:
    return {state: sum(each[state] for each in tallies) for state in ("due", "done", "failed")}


def _composition(row: dict, place: int, number: int) -> dict:
    per_point = {stage: _of_progress(place, number, 1) for stage in TEMPERATURE_STAGES}
    stages = {
        "cells": _of_progress(place, number, 2 * REPLICAS),
        "MD": _of_progress(place, number, len(TEMPERATURES_K)),
        "analysis": _of_progress(place, number, 2 * len(TEMPERATURES_K) + 1),
    }
    due = stages["MD"]["due"]
    return {
        "id": row["id"],
        "potential": row["potential"],
        "stages": stages,
        "temperatures": [{"K": kelvin, "stages": per_point} for kelvin in TEMPERATURES_K],
        "cpu_hours": 0.4 * due + 0.1 * place,
        "gpu_hours": 15.1 * due,
        "storage_GB": 4.2 + 0.01 * place,
    }


def _potential(name: str, place: int, number: int) -> dict:
    return {
        "id": name,
        "stages": {"labels": _of_progress(place, number, 210), "potential": _of_progress(place, number, 36)},
        "cpu_hours": 3400.0,
        "gpu_hours": 260.0,
        "storage_GB": 12.0,
        "last_generation": 3 if place else None,
        "labels": {"expected": 900, "upper": 1080} if place else None,
    }


def _rules(compositions: list[dict], potentials: list[dict]) -> list[dict]:
    """Jobs of every stage shared among its rules, with what they cost."""
    by_stage = {stage: [] for stage in STAGES}
    for each in (*compositions, *potentials):
        for stage, tally in each["stages"].items():
            by_stage[stage].append(tally)
    rules = []
    for spec in USUAL_RULES:
        rule, stage = spec.name, spec.stage
        where, cpu_hours, gpu_hours, memory_MB, runtime_min = NEEDS[rule]
        jobs = _sum(by_stage[stage]) if by_stage[stage] else _tally(due=1)
        rules.append(
            {
                "rule": rule,
                "title": f"What {rule} makes: a sentence of about such a length as a docstring's first one has.",
                "stage": stage,
                "where": where,
                **jobs,
                "submissions": 0 if where == "local" else jobs["due"],
                "cpu_hours": {"expected": cpu_hours * jobs["due"], "upper": 2.4 * cpu_hours * jobs["due"]},
                "gpu_hours": {"expected": gpu_hours * jobs["due"], "upper": 2.4 * gpu_hours * jobs["due"]},
                "memory_MB": memory_MB,
                "runtime_min": runtime_min,
                "basis": "assumed" if rule == "explore" else "calibration of 2026-11-18 on H200",
            }
        )
    return rules


def _total(rows: list[dict], unit: str) -> dict:
    return {bound: sum(row[unit][bound] for row in rows) for bound in ("expected", "upper")}


def _reasons(rules: list[dict]) -> list[dict]:
    details = {
        "label_frames": ("setting changed", "references.pbe-d3.cutoff_Ry: 400 → 500"),
        "fine_tune": ("upstream", "label_frames, collect_labels"),
        "run_md": ("setting changed", "dynamics.production.duration_ps: 1000 → 2000"),
        "explore": ("incomplete", "products were being written when the job was stopped"),
        "analyse_transport": ("code changed", "analyse_transport"),
        "build_cell": ("input changed", "config/<structure>.cif"),
        "assess_potential": ("failed before", "out of memory"),
    }
    return [
        {
            "rule": row["rule"],
            "kind": kind,
            "detail": detail,
            "jobs": row["due"],
            "examples": [f"{row['rule']} composition=LiAlCl4"],
        }
        for row in rules
        if row["due"]
        for kind, detail in [details.get(row["rule"], ("new", "its products are not there yet"))]
    ]


def plan_document(number: int, *, broken_limits: bool = True, unchecked: Sequence[str] = ()) -> dict:
    """A plan of so many compositions at five temperatures, a third of them done."""
    rows = catalogue(number)
    compositions = [_composition(row, place, number) for place, row in enumerate(rows)]
    names = list(dict.fromkeys(row["potential"] for row in rows))
    potentials = [_potential(name, place, len(names)) for place, name in enumerate(names)]
    rules = _rules(compositions, potentials)
    jobs = _sum(rules)
    gpu_hours = _total(rules, "gpu_hours")
    return {
        "saltflow": "0.2.0",
        "made": "2026-11-21T08:30:00+00:00",
        "directory": "/scratch/project_42/oxyhalides",
        "command": "snakemake --profile profiles/slurm --directory /scratch/project_42/oxyhalides",
        "profile": "profiles/slurm",
        "settings_digest": "3f9a51c07e42",
        "counts": jobs | {"submissions": sum(row["submissions"] for row in rules)},
        "rules": rules,
        "reasons": _reasons(rules),
        "stages": list(STAGES),
        "compositions": compositions,
        "potentials": potentials,
        "graph": {
            "nodes": [{key: row[key] for key in ("rule", "stage", "due", "done")} for row in rules],
            "edges": [list(edge) for edge in EDGES],
        },
        "totals": {
            "cpu_hours": _total(rules, "cpu_hours"),
            "gpu_hours": gpu_hours,
            "labels": {"expected": 12400, "upper": 15120, "basis": "14 finished generations of this sweep"},
            "wall_hours": [
                {"cpu_nodes": 2 * nodes, "gpu_nodes": nodes, "expected": 120 + gpu_hours["expected"] / 4 / nodes}
                for nodes in (1, 2, 4, 8, 16)
            ],
            "largest_job": {
                "rule": "run_md",
                "subject": f"{rows[3]['id']} at 900 K",
                "memory_MB": 31000,
                "cpus": 8,
                "gpus": 1,
                "runtime_min": 2880,
            },
            "peak_queued": 100,
            "peak_submissions_per_minute": 30,
            "storage_GB": {"end": 6.4 * number, "peak": 9.1 * number, "new": 4.5 * number},
            "files": 311 * number,
        },
        "prices": _prices(compositions),
        "loss": _loss(number),
        "notes": ["Hours at most are those of the walltime asked for by every job once."],
        "limits": _limits() if broken_limits else [],
        "unchecked": list(unchecked),
        "difference": {
            "approved_at": "2026-11-02T10:00:00+00:00",
            "approved_by": "c.admin",
            "sentences": ["38 compositions were added.", "Molecular dynamics runs twice as long."],
            "changes": [
                {"what": "jobs to do", "before": 4120, "after": jobs["due"]},
                {"what": "dynamics.production.duration_ps", "before": "1000", "after": "2000"},
            ],
        },
        "estimates": [
            {
                "rule": row["rule"],
                "done_by": "cp2k" if row["rule"] == "label_frames" else "",
                "basis": row["basis"],
                "conditions": "mace of 128 channels in single precision",
                "seconds_per_unit": 0.0123 * place,
                "unit": "atom-steps",
            }
            for place, row in enumerate(rules, start=1)
        ],
    }


def _prices(compositions: Sequence[dict]) -> dict:
    """Expected costs at three accuracies, each four times those of the next."""

    def bill(hours: float) -> dict:
        return {"cpu_hours": 1.2 * hours, "gpu_hours": hours, "storage_GB": hours / 14}

    return {
        "accuracies": [
            {
                "D_relative_error": error,
                "sigma_E_relative_error": 2.5 * error,
                "known_share": 0.8,
                **bill(20 * len(compositions) * (0.1 / error) ** 2),
                "wall_hours": 900.0 * (0.1 / error) ** 2,
                "euro": 41.5 * len(compositions) * (0.1 / error) ** 2,
                "kWh": None,
                "kg_CO2": None,
                "by_published_rates": {**bill(7 * len(compositions) * (0.1 / error) ** 2), "wall_hours": 300.0},
                "stages": {stage: bill(5 * len(compositions) * (0.1 / error) ** 2) for stage in STAGES},
                "compositions": {row["id"]: {"MD": bill(20 * (0.1 / error) ** 2)} for row in compositions},
            }
            for error in (0.05, 0.1, 0.2)
        ],
        "published": [
            {
                "rule": "run_md",
                "done_by": "cuda",
                "seconds_per_unit": 6.3e-6,
                "unit": "atom-steps",
                "machine": "A100",
                "conditions": "symmetrix-xl, by its authors",
            }
        ],
        "dominant": [{"rule": "run_md", "unit": "gpu_hours", "hours": 17.0 * len(compositions), "share": 0.87}],
        "savings": [
            {
                "setting": "cells.atoms",
                "before": 500,
                "after": 250,
                "loss": "shorter g(r), more self-interaction",
                **bill(9.0 * len(compositions)),
                "cpu_share": 0.3,
                "gpu_share": 0.47,
            }
        ],
    }


def _loss(number: int) -> dict:
    because = ["dynamics.production.duration_ps: 1000 → 2000"]
    return {
        "cpu_hours": 0.0,
        "gpu_hours": 40.0 * number,
        "rules": [{"rule": "run_md", "jobs": number, "cpu_hours": 0.0, "gpu_hours": 40.0 * number}],
        "because": because,
        "jobs": [f"run_md {row['id']}" for row in catalogue(number)],
        "sentence": f"Finished jobs that hold {40.0 * number:,.1f} GPU-hours are due again ({number} run_md): "
        f"{because[0]}.",
    }


def _limits() -> list[dict]:
    return [
        {
            "limit": "longest runtime of partition gpu",
            "allowed": "24 h",
            "requested": "48 h",
            "rule": "run_md",
            "sentence": "run_md asks for 48 h on partition gpu, which allows 24 h: set runtime to 1440 for run_md.",
        }
    ]


def account_document(number: int, *, accounting: bool = True) -> dict:
    """An account of so many compositions; without accounting, what benchmark files cannot tell is null."""
    rows = catalogue(number)
    rules = [_rule_account(spec.name, spec.stage, jobs=5 * number, accounting=accounting) for spec in USUAL_RULES]
    names = list(dict.fromkeys(row["potential"] for row in rows))
    waiting_h = {"median": 0.7, "largest": 31.0} if accounting else None
    return {
        "saltflow": "0.2.0",
        "made": "2026-12-24T18:00:00+00:00",
        "folder": "/scratch/project_42/oxyhalides",
        "source": "sacct" if accounting else "benchmark files",
        "source_sentence": "Times, memory and waiting are those of SLURM's accounting (sacct).",
        "began": "2026-11-22T07:00:00+00:00",
        "ended": "2026-12-24T17:12:00+00:00",
        "totals": _costs(jobs=sum(rule["jobs"] for rule in rules), hours=9.2 * number)
        | {"submissions": 31 * number, "lost_cpu_hours": {"reserved": 55.5, "used": None}, "waiting_h": waiting_h},
        "rules": rules,
        "failures": _failures(),
        "compositions": [
            {"id": row["id"], **_costs(jobs=21, hours=131.5 + place % 23)} for place, row in enumerate(rows)
        ],
        "potentials": [{"id": name, **_costs(jobs=246, hours=3120.0)} for name in names],
        "shared": _costs(jobs=18, hours=7.0),
        "running": [
            {"rule": "run_md", "subject": rows[0]["id"], "began": "2026-12-24T09:00:00+00:00", "slurm_job_id": "77123"}
        ],
    }


def _costs(*, jobs: int, hours: float) -> dict:
    return {
        "jobs": jobs,
        "attempts": jobs + 2,
        "failed_attempts": 2,
        "cpu_hours": {"reserved": 1.9 * hours, "used": hours},
        "gpu_hours": {"reserved": hours, "used": None},
    }


def _failures() -> list[dict]:
    counts = (
        ("timeout", "run_md", 41, 29, 29),
        ("out of memory", "label_frames", 6, 6, 6),
        ("failed", "explore", 3, 1, 0),
    )
    return [
        {
            "reason": reason,
            "rule": rule,
            "attempts": attempts,
            "jobs": jobs,
            "done_later": done_later,
            "example": f"logs/{rule}/LiAlCl4.log",
            "sentence": None if reason == "timeout" else "The last frame has no forces; label it again.",
        }
        for reason, rule, attempts, jobs, done_later in counts
    ]


def _rule_account(name: str, stage: str, *, jobs: int, accounting: bool) -> dict:
    where, cpu_hours, gpu_hours, memory_MB, runtime_min = NEEDS[name]
    submitted = accounting and where != "local"
    return {
        "rule": name,
        "stage": stage,
        **_costs(jobs=jobs, hours=cpu_hours * jobs),
        "gpu_hours": {"reserved": gpu_hours * jobs, "used": None},
        "cores": {"requested": 4, "used": 2.1},
        "gpus": {"requested": int(gpu_hours > 0), "used": None},
        "memory_MB": {"requested": memory_MB if submitted else None, "peak": 0.4 * memory_MB},
        "runtime_min": {"requested": runtime_min if submitted else None, "longest": 0.45 * runtime_min},
        "waiting_h": {"median": 0.7, "largest": 31.0} if submitted else None,
        "efficiency": {"cpu": 0.53, "memory": 0.4 if submitted else None, "time": 0.45 if submitted else None},
        "suggestion": f"Set mem_mb of {name} to {memory_MB // 2}." if memory_MB > 9000 else None,
    }
