"""Which motion of the anions drives the ions: production again with some motion of the polyanions frozen.

REQUIRED INPUTS: results/{composition}/md/{temperature}K/replica{replica}.h5md, md.json and transport.json, quenched.extxyz of
         every replica, results/potentials/{potential}/released.model
OUTPUTS: results/{composition}/coupling/groups/{temperature}K/groups.json;
         results/{composition}/coupling/{mode}/{temperature}K/replica{replica}.h5md for every replica, md.json, transport.json;
         results/{composition}/coupling/coupling.json and .svg
"""


rule find_groups:
    """The polyanions and fragments that never exchange an atom during the free run, and bond lifetimes of all.

    Constrained runs start from its result, so that it follows `constraints.protocol`, not the code.
    """
    input:
        trajectories=rules.run_md.output.trajectories,
        record=rules.run_md.output.record,
    output:
        groups="results/{composition}/coupling/groups/{temperature}K/groups.json",
    log:
        "logs/{composition}/coupling/groups/{temperature}K/find_groups.log",
    benchmark:
        "logs/{composition}/coupling/groups/{temperature}K/find_groups.benchmark.tsv"
    conda:
        "../envs/dynamics.yaml"
    envmodules:
        *campaign.modules("dynamics"),
    threads: 1
    resources:
        **on_site,
        mem_mb=memory,
        runtime=runtime,
    params:
        composition=identity,
        constraints=lambda wildcards: campaign.group_settings(wildcards.composition),
    script:
        "../scripts/find_groups.py"


rule run_constrained_md:
    """Run all replicas of a point again from the end of their free runs, at their volume, NVT, with some motion of the
    groups frozen: translation T, rotation R, vibration V in any combination.

    A run that was killed goes on from its last checkpoint.
    """
    input:
        replicas=expand(
            "results/{{composition}}/replica{replica}/quenched.extxyz", replica=campaign.replicas
        ),
        trajectories=rules.run_md.output.trajectories,
        groups=rules.find_groups.output.groups,
        model=released("model"),
        release=released("json"),
    output:
        trajectories=expand(
            "results/{{composition}}/coupling/{{mode}}/{{temperature}}K/replica{replica}.h5md",
            replica=campaign.replicas,
        ),
        record="results/{composition}/coupling/{mode}/{temperature}K/md.json",
    log:
        "logs/{composition}/coupling/{mode}/{temperature}K/run_constrained_md.log",
    benchmark:
        "logs/{composition}/coupling/{mode}/{temperature}K/run_constrained_md.benchmark.tsv"
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
        constraints=lambda wildcards: campaign.constrained_run(wildcards.composition),
        dynamics=lambda wildcards: campaign.constrained_dynamics(wildcards.composition),
        acceptance=lambda wildcards: campaign.section(
            "cells", composition=wildcards.composition
        )["acceptance"],
        seed=campaign.settings.sweep.seed,
    script:
        "../scripts/run_constrained_md.py"


rule analyse_constrained_md:
    """Transport of a constrained point, by the same definitions as that of a free one."""
    input:
        trajectories=rules.run_constrained_md.output.trajectories,
        record=rules.run_constrained_md.output.record,
    output:
        transport="results/{composition}/coupling/{mode}/{temperature}K/transport.json",
    log:
        "logs/{composition}/coupling/{mode}/{temperature}K/analyse_constrained_md.log",
    benchmark:
        "logs/{composition}/coupling/{mode}/{temperature}K/analyse_constrained_md.benchmark.tsv"
    group:
        shared("coupling_{composition}", rulename="analyse_constrained_md")
    conda:
        "../envs/analysis.yaml"
    envmodules:
        *campaign.modules("analysis"),
    threads: 1
    resources:
        **on_site,
        mem_mb=memory,
        runtime=runtime,
        serial_slot=1,
    params:
        composition=identity,
        transport=section("transport"),
        code=code_of("analyse_constrained_md"),
    script:
        "../scripts/analyse_constrained_md.py"


rule relate_coupling:
    """D with a motion frozen over D without, activation energies, and how often polyanions turn per hop of an ion:
    which motion drives the ions, at which temperature.
    """
    input:
        trajectories=lambda wildcards: expand(
            rules.run_md.output.trajectories,
            composition=wildcards.composition,
            temperature=campaign.coupling_temperatures_K(wildcards.composition),
        ),
        groups=lambda wildcards: expand(
            rules.find_groups.output.groups,
            composition=wildcards.composition,
            temperature=campaign.coupling_temperatures_K(wildcards.composition),
        ),
        free=lambda wildcards: expand(
            rules.analyse_transport.output.transport,
            composition=wildcards.composition,
            temperature=campaign.coupling_temperatures_K(wildcards.composition),
        ),
        frozen=lambda wildcards: expand(
            rules.analyse_constrained_md.output.transport,
            composition=wildcards.composition,
            mode=campaign.frozen_modes(wildcards.composition),
            temperature=campaign.coupling_temperatures_K(wildcards.composition),
        ),
    output:
        coupling="results/{composition}/coupling/coupling.json",
        figure=report(
            "results/{composition}/coupling/coupling.svg",
            category="Coupling",
            labels={
                "composition": "{composition}",
                "figure": "cations and motions of the polyanions",
            },
            caption="captions/coupling.rst",
        ),
    log:
        "logs/{composition}/coupling/relate_coupling.log",
    benchmark:
        "logs/{composition}/coupling/relate_coupling.benchmark.tsv"
    conda:
        "../envs/analysis.yaml"
    envmodules:
        *campaign.modules("analysis"),
    threads: 1
    resources:
        **on_site,
        mem_mb=memory,
        runtime=runtime,
    params:
        composition=identity,
        modes=lambda wildcards: campaign.frozen_modes(wildcards.composition),
        temperatures_K=lambda wildcards: campaign.coupling_temperatures_K(
            wildcards.composition
        ),
        coupling=section("coupling"),
        arrhenius=campaign.settings.arrhenius.model_dump(),
        seed=campaign.settings.sweep.seed,
        code=code_of("relate_coupling"),
    script:
        "../scripts/relate_coupling.py"
