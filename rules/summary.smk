"""What the sweep found, across compositions.

REQUIRED INPUTS: results/{composition}/md/{temperature}K/transport.json and structure.json,
                 results/{composition}/arrhenius.json and domain.json, results/potentials/{potential}/released.json
OUTPUTS: results/summary/conductivity.csv and .txt, structure.csv, ranking.csv, .txt and .svg,
         order.csv, .json, .txt and .svg
"""


rule tabulate_conductivity:
    """One row per composition and temperature: every number with its error and whether it may be trusted."""
    input:
        transport=expand(
            rules.analyse_transport.output.transport,
            composition=campaign.swept,
            temperature=campaign.temperatures_K,
        ),
        arrhenius=expand(
            rules.fit_arrhenius.output.arrhenius, composition=campaign.swept
        ),
        domain=expand(rules.assess_domain.output.domain, composition=campaign.swept),
        releases=expand(
            "results/potentials/{potential}/released.json",
            potential=campaign.needed_potentials,
        ),
    output:
        table=report(
            "results/summary/conductivity.csv",
            category="Summary",
            labels={"table": "conductivity"},
            caption="captions/conductivity.rst",
        ),
        text="results/summary/conductivity.txt",
    log:
        "logs/summary/tabulate_conductivity.log",
    benchmark:
        "logs/summary/tabulate_conductivity.benchmark.tsv"
    conda:
        "../envs/analysis.yaml"
    envmodules:
        *campaign.modules("analysis"),
    threads: 1
    resources:
        mem_mb=memory,
        runtime=runtime,
    params:
        potentials={
            name: campaign.compositions[name].potential for name in campaign.swept
        },
        dispersion=campaign.added_dispersion,
        code=code_of("tabulate_conductivity"),
    script:
        "../scripts/tabulate_conductivity.py"


rule tabulate_structure:
    """One row per composition and temperature: every measure of order with its error, and what flags the point."""
    input:
        structures=expand(
            "results/{composition}/md/{temperature}K/structure.json",
            composition=campaign.swept,
            temperature=campaign.temperatures_K,
        ),
    output:
        table=report(
            "results/summary/structure.csv",
            category="Summary",
            labels={"table": "structure and order"},
            caption="captions/order.rst",
        ),
    log:
        "logs/summary/tabulate_structure.log",
    benchmark:
        "logs/summary/tabulate_structure.benchmark.tsv"
    conda:
        "../envs/analysis.yaml"
    envmodules:
        *campaign.modules("analysis"),
    threads: 1
    resources:
        mem_mb=memory,
        runtime=runtime,
    params:
        code=code_of("tabulate_structure"),
    script:
        "../scripts/tabulate_structure.py"


rule rank_electrolytes:
    """Every electrolyte of the table with one status; those that conduct by conductivity at the temperature of
    comparison, with interval, flags, mechanism, potential and the measured value.
    """
    input:
        arrhenius=expand(
            rules.fit_arrhenius.output.arrhenius, composition=campaign.swept
        ),
        domain=expand(rules.assess_domain.output.domain, composition=campaign.swept),
        transport=expand(
            rules.analyse_transport.output.transport,
            composition=campaign.swept,
            temperature=campaign.temperatures_K,
        ),
        structure=expand(
            rules.analyse_structure.output.structure,
            composition=campaign.swept,
            temperature=campaign.temperatures_K,
        ),
        releases=expand(
            "results/potentials/{potential}/released.json",
            potential=campaign.needed_potentials,
        ),
    output:
        table=report(
            "results/summary/ranking.csv",
            category="Summary",
            labels={"table": "ranking"},
            caption="captions/ranking.rst",
        ),
        figure=report(
            "results/summary/ranking.svg",
            category="Summary",
            labels={"table": "ranking, drawn"},
            caption="captions/ranking.rst",
        ),
        text="results/summary/ranking.txt",
    log:
        "logs/summary/rank_electrolytes.log",
    benchmark:
        "logs/summary/rank_electrolytes.benchmark.tsv"
    conda:
        "../envs/analysis.yaml"
    envmodules:
        *campaign.modules("analysis"),
    threads: 1
    resources:
        mem_mb=memory,
        runtime=runtime,
    params:
        potentials={name: campaign.row(name).potential for name in campaign.swept},
        dispersion=campaign.added_dispersion,
        others=campaign.not_swept,
        literature={name: campaign.literature(name) for name in campaign.compositions},
        code=code_of("rank_electrolytes"),
    script:
        "../scripts/rank_electrolytes.py"


rule relate_order:
    """Which measures of order go with conductivity: rank correlations corrected for asking about many, models that
    predict hosts left out, a control with shuffled values, and what survived in words.
    """
    input:
        **at_temperature_of_order(
            transport=rules.analyse_transport.output.transport,
            structure=rules.analyse_structure.output.structure,
            pathways=rules.analyse_pathways.output.pathways,
        ),
        arrhenius=expand(
            rules.fit_arrhenius.output.arrhenius, composition=campaign.swept
        ),
    output:
        table=report(
            "results/summary/order.csv",
            category="Summary",
            labels={"table": "order and conductivity"},
            caption="captions/order_relation.rst",
        ),
        note=report(
            "results/summary/order.txt",
            category="Summary",
            labels={"table": "order and conductivity, in words"},
            caption="captions/order_relation.rst",
        ),
        figure=report(
            "results/summary/order.svg",
            category="Summary",
            labels={"table": "order and conductivity, drawn"},
            caption="captions/order_relation.rst",
        ),
        relations="results/summary/order.json",
    log:
        "logs/summary/relate_order.log",
    benchmark:
        "logs/summary/relate_order.benchmark.tsv"
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
        hosts={name: campaign.host_of(name) for name in campaign.swept},
        order=campaign.settings.order.model_dump(),
        seed=campaign.settings.sweep.seed,
        code=code_of("relate_order"),
    script:
        "../scripts/relate_order.py"
