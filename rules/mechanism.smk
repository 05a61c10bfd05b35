"""Local structure behind the conductivity.

REQUIRED INPUTS: results/{composition}/md/{temperature}K/glass{glass}.h5md and md.json
OUTPUTS: results/{composition}/md/{temperature}K/structure.json and .svg
"""


rule analyse_structure:
    """Radial distribution functions g(r), running coordination numbers N(r) and first shells of every pair."""
    input:
        trajectories=rules.run_md.output.trajectories,
        record=rules.run_md.output.record,
    output:
        structure="results/{composition}/md/{temperature}K/structure.json",
        figure=report(
            "results/{composition}/md/{temperature}K/structure.svg",
            category="Structure",
            labels={
                "composition": "{composition}",
                "temperature": "{temperature} K",
                "figure": "g(r) and N(r)",
            },
            caption="captions/structure.rst",
        ),
    log:
        "logs/{composition}/md/{temperature}K/analyse_structure.log",
    benchmark:
        "logs/{composition}/md/{temperature}K/analyse_structure.benchmark.tsv"
    group:
        shared("analysis_{composition}", rulename="analyse_structure")
    conda:
        "../envs/analysis.yaml"
    envmodules:
        *campaign.modules("analysis"),
    threads: 1
    resources:
        **on_site,
        mem_mb=memory,
        runtime=runtime,
        in_turn=1,
    params:
        composition=identity,
        structure_analysis=section("structure_analysis"),
        code=code_of("analyse_structure"),
    script:
        "../scripts/analyse_structure.py"
