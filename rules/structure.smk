"""Structure of every state point.

REQUIRED INPUTS: results/{composition}/md/{temperature}K/replica{replica}.h5md and md.json
OUTPUTS: results/{composition}/md/{temperature}K/structure.json and .svg, scattering.svg, polyhedra.svg, network.svg,
         angles.svg
"""

POINT = "results/{composition}/md/{temperature}K"


rule analyse_structure:
    """Pair distribution functions and coordination numbers, structure factors with their first sharp peak, metal
    polyhedra and how they share anions, fragments, bond angles, integrity of polyanions, bond-orientational order,
    separated salt, crystals and gas; structural descriptors. Each with its error over blocks of time and replicas.

    Its g(r) is the only one of a state point: transport and residence take the ends of shells from it.
    """
    input:
        trajectories=md_trajectories,
        record=md_record,
    output:
        structure=f"{POINT}/structure.json",
        figure=f"{POINT}/structure.svg",
        scattering=f"{POINT}/scattering.svg",
        polyhedra=f"{POINT}/polyhedra.svg",
        network=f"{POINT}/network.svg",
        angles=f"{POINT}/angles.svg",
    log:
        spec["analyse_structure"].log,
    benchmark:
        spec["analyse_structure"].benchmark
    group:
        group("analyse_structure")
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
        structure=section("structure"),
        code=code_of("analyse_structure"),
    script:
        "../scripts/analyse_structure.py"
