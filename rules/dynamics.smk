"""Molecular dynamics with the released potential.

REQUIRED INPUTS: results/{composition}/glass{glass}/packed.extxyz, results/potentials/{potential}/released.model
OUTPUTS: results/{composition}/glass{glass}/glass.extxyz, …/quench.json, …/quench.h5md;
         results/{composition}/md/{temperature}K/glass{glass}.h5md for every glass, …/md.json
"""


rule quench_glass:
    """Melt, cool at the set rate and anneal one cell; the gates say whether a glass came out."""
    input:
        cell=rules.build_glass.output.cell,
        model=released("model"),
        release=released("json"),
    output:
        glass="results/{composition}/glass{glass}/glass.extxyz",
        record="results/{composition}/glass{glass}/quench.json",
        trajectory="results/{composition}/glass{glass}/quench.h5md",
    log:
        "logs/{composition}/glass{glass}/quench_glass.log",
    benchmark:
        "logs/{composition}/glass{glass}/quench_glass.benchmark.tsv"
    group:
        shared("glasses_{composition}", rulename="quench_glass")
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
        in_turn=1,
    params:
        composition=identity,
        dynamics=lambda wildcards: campaign.quench_dynamics(wildcards.composition),
        gates=lambda wildcards: campaign.section(
            "structures", composition=wildcards.composition
        )["gates"],
        seed=campaign.settings.sweep.seed,
    script:
        "../scripts/quench_glass.py"


rule run_md:
    """Equilibrate and run all glasses of one composition at one temperature together; NVT at the NPT volume.

    A run that was killed goes on from its last checkpoint.
    """
    input:
        glasses=expand(
            "results/{{composition}}/glass{glass}/glass.extxyz", glass=campaign.glasses
        ),
        model=released("model"),
        release=released("json"),
    output:
        trajectories=expand(
            "results/{{composition}}/md/{{temperature}}K/glass{glass}.h5md",
            glass=campaign.glasses,
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
        gates=lambda wildcards: campaign.section(
            "structures", composition=wildcards.composition
        )["gates"],
        seed=campaign.settings.sweep.seed,
    script:
        "../scripts/run_md.py"
