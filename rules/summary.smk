"""What the sweep found, across compositions.

REQUIRED INPUTS: results/{composition}/md/{temperature}K/transport.json and structure.json,
                 results/{composition}/arrhenius.json and domain.json, results/potentials/{potential}/released.json
OUTPUTS: results/summary/conductivity.csv and .txt, structure.csv, ranking.csv, .txt and .svg,
         order.csv, .json, .txt and .svg; index.html
"""

SUMMARY = "results/summary"


rule tabulate_conductivity:
    """One row per state point: every quantity with its error and its status."""
    input:
        domain=expand(
            rules.assess_domain.output.domain, composition=campaign.with_domain
        ),
        transport=ask.of_sweep(rules.analyse_transport.output.transport),
        arrhenius=ask.of_compositions(rules.fit_arrhenius.output.arrhenius),
        releases=[
            campaign.potential(name).released_record
            for name in campaign.needed_potentials
        ],
    output:
        table=shown(f"{SUMMARY}/conductivity.csv", "summary", "conductivity"),
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
            "summary",
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
        domain=expand(
            rules.assess_domain.output.domain, composition=campaign.with_domain
        ),
        arrhenius=ask.of_compositions(rules.fit_arrhenius.output.arrhenius),
        transport=ask.of_sweep(rules.analyse_transport.output.transport),
        structure=ask.of_sweep(rules.analyse_structure.output.structure),
        releases=[
            campaign.potential(name).released_record
            for name in campaign.needed_potentials
        ],
    output:
        table=shown(f"{SUMMARY}/ranking.csv", "summary", "ranking"),
        figure=shown(f"{SUMMARY}/ranking.svg", "summary", "ranking, drawn"),
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
            "summary",
            "order and conductivity",
            caption="order_relation",
        ),
        note=shown(
            f"{SUMMARY}/order.txt",
            "summary",
            "order and conductivity, in sentences",
            caption="order_relation",
        ),
        figure=shown(
            f"{SUMMARY}/order.svg",
            "summary",
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


rule write_results_page:
    """One page of everything that the sweep found: the table, Arrhenius plots, agreement with measurements, structural
    descriptors, and of every composition its motion, structure, mechanism, potential and method.
    """
    input:
        ask.all_products(rules, but="write_results_page"),
    output:
        page=shown(
            f"{SUMMARY}/index.html",
            "summary",
            "all results on one page",
            caption="results",
        ),
    log:
        spec["write_results_page"].log,
    benchmark:
        spec["write_results_page"].benchmark
    localrule: spec["write_results_page"].is_local
    conda:
        "../envs/analysis.yaml"
    envmodules:
        *campaign.modules("analysis"),
    threads: 1
    resources:
        **resources,
    params:
        sweep=sweep_facts(campaign),
        code=code_of("write_results_page"),
    script:
        "../scripts/write_results_page.py"
