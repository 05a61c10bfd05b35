"""Molecular dynamics of single state points.

REQUIRED INPUTS: results/{composition}/replica{replica}/quenched.extxyz, results/potentials/{potential}/released.model
OUTPUTS: results/{composition}/md/{temperature}K/replica{replica}.h5md for every replica, md.json
"""


rule run_md:
    """Equilibrate and run all replicas of a composition at one temperature together; NVT at the NPT volume,
    until D and σ_E are known as well as `dynamics.production.until_known` asks for.

    A run that was killed resumes from its last checkpoint.
    """
    input:
        replicas=quenched,
        model=its_potential("released_model"),
        release=its_potential("released_record"),
    output:
        record=md_record,
        trajectories=md_trajectories,
    log:
        spec["run_md"].log,
    benchmark:
        spec["run_md"].benchmark
    conda:
        "../envs/dynamics.yaml"
    envmodules:
        *campaign.modules("dynamics"),
    threads: 1
    resources:
        **resources,
    params:
        composition=composition("identity"),
        dynamics=composition("production_dynamics"),
        window=composition("judged_window"),
        acceptance=composition("acceptance"),
        seed=campaign.settings.sweep.seed,
    script:
        "../scripts/run_md.py"
