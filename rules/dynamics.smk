"""Molecular dynamics with the released potential.

REQUIRED INPUTS: results/{composition}/replica{replica}/cell.extxyz, results/potentials/{potential}/released.model
OUTPUTS: results/{composition}/replica{replica}/quenched.extxyz, …/quench.json, …/quench.h5md;
         results/{composition}/md/{temperature}K/replica{replica}.h5md for every replica, …/md.json
"""


rule quench_cell:
    """Melt, cool at the set rate and anneal one cell; the gates say whether a replica came out."""
    input:
        cell=rules.build_cell.output.cell,
        model=released("model"),
        release=released("json"),
    output:
        replica="results/{composition}/replica{replica}/quenched.extxyz",
        record="results/{composition}/replica{replica}/quench.json",
        trajectory="results/{composition}/replica{replica}/quench.h5md",
    log:
        "logs/{composition}/replica{replica}/quench_cell.log",
    benchmark:
        "logs/{composition}/replica{replica}/quench_cell.benchmark.tsv"
    group:
        shared("replicas_{composition}", rulename="quench_cell")
    conda:
        "../envs/dynamics.yaml"
    envmodules:
        *campaign.modules("dynamics"),
    threads: 1
    resources:
        **on_site,
        mem_mb=memory,
        runtime=runtime,
        gpu=gpus,
        serial_slot=1,
    params:
        composition=identity,
        dynamics=lambda wildcards: campaign.quench_dynamics(wildcards.composition),
        acceptance=lambda wildcards: campaign.section(
            "cells", composition=wildcards.composition
        )["acceptance"],
        seed=campaign.settings.sweep.seed,
    script:
        "../scripts/quench_cell.py"


rule run_md:
    """Equilibrate and run all replicas of one composition at one temperature together; NVT at the NPT volume.

    A run that was killed goes on from its last checkpoint.
    """
    input:
        replicas=expand(
            "results/{{composition}}/replica{replica}/quenched.extxyz", replica=campaign.replicas
        ),
        model=released("model"),
        release=released("json"),
    output:
        trajectories=expand(
            "results/{{composition}}/md/{{temperature}}K/replica{replica}.h5md",
            replica=campaign.replicas,
        ),
        record="results/{composition}/md/{temperature}K/md.json",
    log:
        "logs/{composition}/md/{temperature}K/run_md.log",
    benchmark:
        "logs/{composition}/md/{temperature}K/run_md.benchmark.tsv"
    conda:
        "../envs/dynamics.yaml"
    envmodules:
        *campaign.modules("dynamics"),
    threads: 1
    resources:
        **on_site,
        mem_mb=memory,
        runtime=runtime,
        gpu=gpus,
    params:
        composition=identity,
        dynamics=lambda wildcards: campaign.production_dynamics(wildcards.composition),
        acceptance=lambda wildcards: campaign.section(
            "cells", composition=wildcards.composition
        )["acceptance"],
        seed=campaign.settings.sweep.seed,
    script:
        "../scripts/run_md.py"
