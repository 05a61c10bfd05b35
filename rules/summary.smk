"""What the sweep found, across compositions.

REQUIRED INPUTS: results/{composition}/md/{temperature}K/transport.json and structure.json,
                 results/{composition}/arrhenius.json and domain.json, results/potentials/{potential}/released.json
OUTPUTS: results/summary/conductivity.csv and .txt, structure.csv, ranking.csv, .txt and .svg,
         order.csv, .json, .txt and .svg
"""

SUMMARY = "results/summary"


rule tabulate_conductivity:
    """One row per state point: every quantity with its error and its status."""
    input:
        **ask.only_with(
            "domain", domain=ask.of_compositions(rules.assess_domain.output.domain)
        ),
        transport=ask.of_sweep(rules.analyse_transport.output.transport),
        arrhenius=ask.of_compositions(rules.fit_arrhenius.output.arrhenius),
        releases=[
            campaign.potential(name).released_record
            for name in campaign.needed_potentials
        ],
    output:
        table=shown(f"{SUMMARY}/conductivity.csv", "Summary", "conductivity"),
        text=f"{SUMMARY}/conductivity.txt",
    log:
        spec["tabulate_conductivity"].log,
    benchmark:
        spec["tabulate_conductivity"].benchmark
    localrule: spec["tabulate_conductivity"].is_local
    conda:
        "../envs/analysis.yaml"
    envmodules:
        *campaign.modules("analysis"),
    threads: 1
    resources:
        **resources,
    params:
        dispersion=campaign.added_dispersion,
        code=code_of("tabulate_conductivity"),
    script:
        "../scripts/tabulate_conductivity.py"


rule tabulate_structure:
    """One row per state point: every structural descriptor with its error, and what flags the state point."""
    input:
        structures=ask.of_sweep(rules.analyse_structure.output.structure),
    output:
        table=shown(
            f"{SUMMARY}/structure.csv",
            "Summary",
            "structural descriptors",
            caption="order",
        ),
    log:
        spec["tabulate_structure"].log,
    benchmark:
        spec["tabulate_structure"].benchmark
    localrule: spec["tabulate_structure"].is_local
    conda:
        "../envs/analysis.yaml"
    envmodules:
        *campaign.modules("analysis"),
    threads: 1
    resources:
        **resources,
    params:
        code=code_of("tabulate_structure"),
    script:
        "../scripts/tabulate_structure.py"


rule rank_electrolytes:
    """Every electrolyte of the table with one status; those that conduct by conductivity at the target temperature,
    with interval, flags, mechanism, potential and the measured value.
    """
    input:
        **ask.only_with(
            "domain", domain=ask.of_compositions(rules.assess_domain.output.domain)
        ),
        arrhenius=ask.of_compositions(rules.fit_arrhenius.output.arrhenius),
        transport=ask.of_sweep(rules.analyse_transport.output.transport),
        structure=ask.of_sweep(rules.analyse_structure.output.structure),
        releases=[
            campaign.potential(name).released_record
            for name in campaign.needed_potentials
        ],
    output:
        table=shown(f"{SUMMARY}/ranking.csv", "Summary", "ranking"),
        figure=shown(f"{SUMMARY}/ranking.svg", "Summary", "ranking, drawn"),
        text=f"{SUMMARY}/ranking.txt",
    log:
        spec["rank_electrolytes"].log,
    benchmark:
        spec["rank_electrolytes"].benchmark
    localrule: spec["rank_electrolytes"].is_local
    conda:
        "../envs/analysis.yaml"
    envmodules:
        *campaign.modules("analysis"),
    threads: 1
    resources:
        **resources,
    params:
        dispersion=campaign.added_dispersion,
        others=campaign.not_swept,
        literature=campaign.literature,
        code=code_of("rank_electrolytes"),
    script:
        "../scripts/rank_electrolytes.py"


rule relate_order:
    """Which structural descriptors go with conductivity: rank correlations corrected for multiple testing, models that
    predict hosts left out, the same models on shuffled values, and a summary in sentences.
    """
    input:
        transport=ask.at_order_temperature(rules.analyse_transport.output.transport),
        structure=ask.at_order_temperature(rules.analyse_structure.output.structure),
        pathways=ask.at_order_temperature(rules.analyse_pathways.output.pathways),
        arrhenius=ask.of_compositions(rules.fit_arrhenius.output.arrhenius),
    output:
        table=shown(
            f"{SUMMARY}/order.csv",
            "Summary",
            "order and conductivity",
            caption="order_relation",
        ),
        note=shown(
            f"{SUMMARY}/order.txt",
            "Summary",
            "order and conductivity, in sentences",
            caption="order_relation",
        ),
        figure=shown(
            f"{SUMMARY}/order.svg",
            "Summary",
            "order and conductivity, drawn",
            caption="order_relation",
        ),
        relations=f"{SUMMARY}/order.json",
    log:
        spec["relate_order"].log,
    benchmark:
        spec["relate_order"].benchmark
    conda:
        "../envs/analysis.yaml"
    envmodules:
        *campaign.modules("analysis"),
    threads: 1
    resources:
        **resources,
    params:
        hosts=campaign.hosts,
        order=campaign.settings.order.model_dump(),
        seed=campaign.settings.sweep.seed,
        code=code_of("relate_order"),
    script:
        "../scripts/relate_order.py"
