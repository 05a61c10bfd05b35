"""Quenches of single replicas.

REQUIRED INPUTS: results/{composition}/replica{replica}/cell.extxyz, results/potentials/{potential}/released.model
OUTPUTS: results/{composition}/replica{replica}/quenched.extxyz, quench.json, quench.h5md
"""


rule quench_cell:
    """Melt, cool at the set rate and anneal one cell; the acceptance criteria say whether it can be used."""
    input:
        cell=rules.build_cell.output.cell,
        model=its_potential("released_model"),
        release=its_potential("released_record"),
    output:
        replica="results/{composition}/replica{replica}/quenched.extxyz",
        record="results/{composition}/replica{replica}/quench.json",
        trajectory="results/{composition}/replica{replica}/quench.h5md",
    log:
        spec["quench_cell"].log,
    benchmark:
        spec["quench_cell"].benchmark
    group:
        group("quench_cell")
    conda:
        "../envs/dynamics.yaml"
    envmodules:
        *campaign.modules("dynamics"),
    threads: 1
    resources:
        **resources,
        serial_slot=1,
    params:
        composition=composition("identity"),
        dynamics=composition("quench_dynamics"),
        acceptance=composition("acceptance"),
        seed=campaign.settings.sweep.seed,
    script:
        "../scripts/quench_cell.py"
