"""Conductivity.

REQUIRED INPUTS: results/{composition}/md/{temperature}K/replica{replica}.h5md and md.json,
                 results/{composition}/replica{replica}/quench.json
OUTPUTS: results/{composition}/md/{temperature}K/transport.json and .svg, msd.csv.gz, conductivity.svg,
         correlation.svg;
         results/{composition}/arrhenius.json and .svg, glass_transition.svg
"""


rule analyse_transport:
    """Mean squared displacements, the diffusive window, diffusion, Nernst–Einstein, cluster and Einstein
    conductivities, transference numbers, Haven ratio, each with its error over time blocks and replicas; all replicas
    that ran are used.
    """
    input:
        trajectories=rules.run_md.output.trajectories,
        record=rules.run_md.output.record,
    output:
        transport="results/{composition}/md/{temperature}K/transport.json",
        curves="results/{composition}/md/{temperature}K/msd.csv.gz",
        figure=report(
            "results/{composition}/md/{temperature}K/transport.svg",
            category="Transport",
            labels={
                "composition": "{composition}",
                "temperature": "{temperature} K",
                "figure": "mean squared displacement",
            },
            caption="captions/transport.rst",
        ),
        conductivity=report(
            "results/{composition}/md/{temperature}K/conductivity.svg",
            category="Transport",
            labels={
                "composition": "{composition}",
                "temperature": "{temperature} K",
                "figure": "conductivity by three approximations",
            },
            caption="captions/approximations.rst",
        ),
        correlation=report(
            "results/{composition}/md/{temperature}K/correlation.svg",
            category="Transport",
            labels={
                "composition": "{composition}",
                "temperature": "{temperature} K",
                "figure": "displacement correlation",
            },
            caption="captions/correlation.rst",
        ),
    log:
        "logs/{composition}/md/{temperature}K/analyse_transport.log",
    benchmark:
        "logs/{composition}/md/{temperature}K/analyse_transport.benchmark.tsv"
    group:
        shared("analysis_{composition}", rulename="analyse_transport")
    conda:
        "../envs/analysis.yaml"
    envmodules:
        *campaign.modules("analysis"),
    threads: 1
    resources:
        **on_site,
        mem_mb=memory,
        runtime=runtime,
        serial_slot=1,
    params:
        composition=identity,
        transport=section("transport"),
        code=code_of("analyse_transport"),
    script:
        "../scripts/analyse_transport.py"


rule fit_arrhenius:
    """Activation energies from ln(σT) and ln D over the diffusive temperatures, and σ where electrolytes are compared;
    the glass transition, where the volume of the quench has a break, and what lies across it.
    """
    input:
        transport=expand(
            "results/{{composition}}/md/{temperature}K/transport.json",
            temperature=campaign.temperatures_K,
        ),
        quenches=expand(
            "results/{{composition}}/replica{replica}/quench.json",
            replica=campaign.replicas,
        ),
    output:
        arrhenius="results/{composition}/arrhenius.json",
        figure=report(
            "results/{composition}/arrhenius.svg",
            category="Transport",
            labels={
                "composition": "{composition}",
                "temperature": "all",
                "figure": "Arrhenius",
            },
            caption="captions/arrhenius.rst",
        ),
        cooling=report(
            "results/{composition}/glass_transition.svg",
            category="Transport",
            labels={
                "composition": "{composition}",
                "temperature": "cooling",
                "figure": "glass transition",
            },
            caption="captions/glass_transition.rst",
        ),
    log:
        "logs/{composition}/fit_arrhenius.log",
    benchmark:
        "logs/{composition}/fit_arrhenius.benchmark.tsv"
    conda:
        "../envs/analysis.yaml"
    envmodules:
        *campaign.modules("analysis"),
    threads: 1
    resources:
        mem_mb=memory,
        runtime=runtime,
    params:
        arrhenius=campaign.settings.arrhenius.model_dump(),
        literature=lambda wildcards: campaign.literature(wildcards.composition),
        seed=campaign.settings.sweep.seed,
        code=code_of("fit_arrhenius"),
    script:
        "../scripts/fit_arrhenius.py"
