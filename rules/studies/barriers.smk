"""Migration barriers of the crystals that `barriers.structures_path` names; none without it.

REQUIRED INPUTS: the structure files, results/potentials/{potential}/released.model where the table names one
OUTPUTS: results/studies/barriers/{structure}/barriers.json and profiles.svg, with a path for each hop beside them;
         results/studies/barriers/ranking.tsv and .svg, page.json for the results page
"""


rule compute_barriers:
    """Nudged elastic bands of every hop of the mobile ion of a crystal, the barriers at which paths cross it, and
    diffusion on the graph of hops.

    A crystal that cannot be studied has a record that says why. A job that was killed goes on with the hops that are
    missing.
    """
    input:
        structure=ask.crystal("structure_file"),
        model=ask.pinned(ask.crystal("model")),
        release=ask.pinned(ask.crystal("release_record")),
    output:
        record="results/studies/barriers/{structure}/barriers.json",
        figure="results/studies/barriers/{structure}/profiles.svg",
    log:
        spec["compute_barriers"].log,
    benchmark:
        spec["compute_barriers"].benchmark
    group:
        group("compute_barriers")
    conda:
        "../../envs/dynamics.yaml"
    envmodules:
        *campaign.modules("dynamics"),
    threads: 1
    resources:
        **resources,
        serial_slot=1,
    params:
        barriers=campaign.barrier_study,
        crystal=ask.crystal("identity"),
        potential=ask.crystal("driver"),
        protocol=campaign.settings.barriers.protocol,
    script:
        "../../scripts/compute_barriers.py"


rule map_md_hops:
    """Molecular dynamics of the same crystal as second opinion: its activation energy, and which hops of the graph
    happened how often, alone or concerted, and which the graph has not.
    """
    input:
        structure=ask.crystal("structure_file"),
        record=rules.compute_barriers.output.record,
        points=ask.of_crystal_md(md_record),
        trajectories=ask.of_crystal_md(md_trajectories),
        arrhenius=ask.of_crystal_md(rules.fit_arrhenius.output.arrhenius),
    output:
        hops="results/studies/barriers/{structure}/md_hops.json",
    log:
        spec["map_md_hops"].log,
    benchmark:
        spec["map_md_hops"].benchmark
    conda:
        "../../envs/dynamics.yaml"
    envmodules:
        *campaign.modules("dynamics"),
    threads: 1
    resources:
        **resources,
    params:
        barriers=campaign.barrier_study,
        crystal=ask.crystal("identity"),
        code=code_of("map_md_hops"),
    script:
        "../../scripts/map_md_hops.py"


rule rank_barriers:
    """Every crystal with its status; those that paths cross by their barrier in three dimensions, then in fewer, with
    the activation energy of MD beside it.
    """
    input:
        records=ask.of_crystals(rules.compute_barriers.output.record),
        md=ask.of_crystals_with_md(rules.map_md_hops.output.hops),
    output:
        table=shown(
            "results/studies/barriers/ranking.tsv",
            "summary",
            "migration barriers",
            caption="barriers",
        ),
        figure=shown(
            "results/studies/barriers/ranking.svg",
            "summary",
            "migration barriers, drawn",
            caption="barriers",
        ),
        page="results/studies/barriers/page.json",
    log:
        spec["rank_barriers"].log,
    benchmark:
        spec["rank_barriers"].benchmark
    localrule: spec["rank_barriers"].is_local
    conda:
        "../../envs/analysis.yaml"
    envmodules:
        *campaign.modules("analysis"),
    threads: 1
    resources:
        **resources,
    params:
        crystals=campaign.crystal_facts,
        shown=campaign.settings.barriers.shown,
        code=code_of("rank_barriers"),
    script:
        "../../scripts/rank_barriers.py"
