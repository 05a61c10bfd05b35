"""Molecular dynamics of all temperatures of a composition, where `execution.temperatures_together` is true.

REQUIRED INPUTS: results/{composition}/replica{replica}/quenched.extxyz, results/potentials/{potential}/released.model
OUTPUTS: results/{composition}/md/{temperature}K/replica{replica}.h5md for every replica, md.json, of every temperature;
         results/{composition}/md/md.json
"""


rule run_state_points:
    """Equilibrate and run all replicas of a composition at all temperatures in one batch; each is as if alone.

    A state point that is known leaves the batch; those made before from the same settings and inputs are kept.
    """
    input:
        replicas=quenched,
        model=its_potential("released_model"),
        release=its_potential("released_record"),
    output:
        summary="results/{composition}/md/md.json",
        records=ask.of_temperatures(md_record),
        trajectories=ask.of_temperatures(md_trajectories),
    log:
        spec["run_state_points"].log,
    benchmark:
        spec["run_state_points"].benchmark
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
        temperatures_K=campaign.temperatures_K,
    script:
        "../scripts/run_state_points.py"
