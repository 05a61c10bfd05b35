"""Quenches of all replicas of a composition, where `execution.quench_together` is true.

REQUIRED INPUTS: results/{composition}/replica{replica}/cell.extxyz, results/potentials/{potential}/released.model
OUTPUTS: results/{composition}/replica{replica}/quenched.extxyz, quench.json, quench.h5md of every replica, quenches.json
"""


rule quench_replicas:
    """Melt, cool at the set rate and anneal all cells of a composition in one batch; each is as if alone.

    Replicas made before from the same settings and inputs are kept.
    """
    input:
        cells=ask.of_replicas("results/{composition}/replica{replica}/cell.extxyz"),
        model=its_potential("released_model"),
        release=its_potential("released_record"),
    output:
        summary="results/{composition}/quenches.json",
        replicas=ask.of_replicas(
            "results/{composition}/replica{replica}/quenched.extxyz"
        ),
        records=ask.of_replicas("results/{composition}/replica{replica}/quench.json"),
        trajectories=ask.of_replicas(
            "results/{composition}/replica{replica}/quench.h5md"
        ),
    log:
        spec["quench_replicas"].log,
    benchmark:
        spec["quench_replicas"].benchmark
    conda:
        "../envs/dynamics.yaml"
    envmodules:
        *campaign.modules("dynamics"),
    threads: 1
    resources:
        **resources,
    params:
        composition=composition("identity"),
        dynamics=composition("quench_dynamics"),
        acceptance=composition("acceptance"),
        seed=campaign.settings.sweep.seed,
        replicas=list(campaign.replicas),
    script:
        "../scripts/quench_replicas.py"
