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
        trajectories=md_trajectories,
        record=md_record,
    output:
        groups="results/{composition}/coupling/groups/{temperature}K/groups.json",
    log:
        spec["find_groups"].log,
    benchmark:
        spec["find_groups"].benchmark
    conda:
        "../envs/dynamics.yaml"
    envmodules:
        *campaign.modules("dynamics"),
    threads: 1
    resources:
        **resources,
    params:
        composition=composition("identity"),
        constraints=composition("group_settings"),
    script:
        "../scripts/find_groups.py"


rule run_constrained_md:
    """Run all replicas of a state point again from the end of their free runs, at their volume, NVT, with some motion of
    the groups frozen: translation T, rotation R, vibration V in any combination.

    A run that was killed goes on from its last checkpoint.
    """
    input:
        replicas=quenched,
        trajectories=md_trajectories,
        groups=rules.find_groups.output.groups,
        model=its_potential("released_model"),
        release=its_potential("released_record"),
    output:
        record="results/{composition}/coupling/{mode}/{temperature}K/md.json",
        trajectories=ask.of_replicas(
            "results/{composition}/coupling/{mode}/{temperature}K/replica{replica}.h5md"
        ),
    log:
        spec["run_constrained_md"].log,
    benchmark:
        spec["run_constrained_md"].benchmark
    conda:
        "../envs/dynamics.yaml"
    envmodules:
        *campaign.modules("dynamics"),
    threads: 1
    resources:
        **resources,
    params:
        composition=composition("identity"),
        constraints=composition("constrained_run"),
        dynamics=composition("constrained_dynamics"),
        acceptance=composition("acceptance"),
        seed=campaign.settings.sweep.seed,
    script:
        "../scripts/run_constrained_md.py"


rule analyse_constrained_md:
    """Transport of a constrained state point, by the same definitions as that of the free one."""
    input:
        trajectories=rules.run_constrained_md.output.trajectories,
        record=rules.run_constrained_md.output.record,
        structure=rules.analyse_structure.output.structure,
    output:
        transport="results/{composition}/coupling/{mode}/{temperature}K/transport.json",
    log:
        spec["analyse_constrained_md"].log,
    benchmark:
        spec["analyse_constrained_md"].benchmark
    group:
        group("analyse_constrained_md")
    conda:
        "../envs/analysis.yaml"
    envmodules:
        *campaign.modules("analysis"),
    threads: 1
    resources:
        **resources,
        serial_slot=1,
    params:
        composition=composition("identity"),
        transport=section("transport"),
        code=code_of("analyse_constrained_md"),
    script:
        "../scripts/analyse_constrained_md.py"


rule relate_coupling:
    """D with a motion frozen over D without, activation energies, and how often polyanions turn per hop of an ion:
    which motion drives the ions, at which temperature.
    """
    input:
        trajectories=ask.of_constrained(md_trajectories),
        groups=ask.of_constrained(rules.find_groups.output.groups),
        free=ask.of_constrained(rules.analyse_transport.output.transport),
        frozen=ask.of_constrained(rules.analyse_constrained_md.output.transport),
    output:
        coupling="results/{composition}/coupling/coupling.json",
        figure=shown(
            "results/{composition}/coupling/coupling.svg",
            "composition",
            "cations and motions of the polyanions",
            temperature="all",
        ),
    log:
        spec["relate_coupling"].log,
    benchmark:
        spec["relate_coupling"].benchmark
    conda:
        "../envs/analysis.yaml"
    envmodules:
        *campaign.modules("analysis"),
    threads: 1
    resources:
        **resources,
    params:
        composition=composition("identity"),
        potential=composition("potential"),
        modes=composition("frozen_modes"),
        coupling=section("coupling"),
        arrhenius=campaign.settings.arrhenius.model_dump(),
        seed=campaign.settings.sweep.seed,
        code=code_of("relate_coupling"),
    script:
        "../scripts/relate_coupling.py"
