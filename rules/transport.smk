"""Conductivity.

REQUIRED INPUTS: results/{composition}/md/{temperature}K/replica{replica}.h5md, md.json and structure.json,
                 results/{composition}/replica{replica}/quench.json
OUTPUTS: results/{composition}/md/{temperature}K/transport.json and .svg, msd.csv.gz, conductivity.svg,
         correlation.svg; results/{composition}/arrhenius.json and .svg, glass_transition.svg
"""


rule analyse_transport:
    """Mean squared displacements, the diffusive window, diffusion, Nernst–Einstein, cluster and Einstein
    conductivities, transference numbers, Haven ratio, each with its error over time blocks and replicas; all replicas
    that ran are used.
    """
    input:
        trajectories=md_trajectories,
        record=md_record,
        structure=rules.analyse_structure.output.structure,
    output:
        transport=f"{POINT}/transport.json",
        curves=f"{POINT}/msd.csv.gz",
        figure=shown(
            f"{POINT}/transport.svg", "composition", "mean squared displacement"
        ),
        conductivity=f"{POINT}/conductivity.svg",
        correlation=f"{POINT}/correlation.svg",
    log:
        spec["analyse_transport"].log,
    benchmark:
        spec["analyse_transport"].benchmark
    group:
        group("analyse_transport")
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
        code=code_of("analyse_transport"),
    script:
        "../scripts/analyse_transport.py"


rule fit_arrhenius:
    """Activation energies from ln(σT) and ln D over the diffusive temperatures, and σ where electrolytes are compared;
    the glass transition, where the volume of the quench has a break, and what lies across it.
    """
    input:
        transport=ask.of_temperatures(f"{POINT}/transport.json"),
        quenches=ask.of_replicas("results/{composition}/replica{replica}/quench.json"),
    output:
        arrhenius="results/{composition}/arrhenius.json",
        figure=shown(
            "results/{composition}/arrhenius.svg",
            "composition",
            "Arrhenius",
            temperature="all",
        ),
        cooling=shown(
            "results/{composition}/glass_transition.svg",
            "composition",
            "glass transition",
            temperature="cooling",
        ),
    log:
        spec["fit_arrhenius"].log,
    benchmark:
        spec["fit_arrhenius"].benchmark
    localrule: spec["fit_arrhenius"].is_local
    conda:
        "../envs/analysis.yaml"
    envmodules:
        *campaign.modules("analysis"),
    threads: 1
    resources:
        **resources,
    params:
        arrhenius=campaign.settings.arrhenius.model_dump(),
        literature=composition("literature"),
        potential=composition("potential"),
        seed=campaign.settings.sweep.seed,
        code=code_of("fit_arrhenius"),
    script:
        "../scripts/fit_arrhenius.py"
