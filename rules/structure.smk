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
        trajectories=rules.run_md.output.trajectories,
        record=rules.run_md.output.record,
    output:
        structure=f"{POINT}/structure.json",
        figure=shown(f"{POINT}/structure.svg", "Structure", "g(r) and N(r)"),
        scattering=shown(
            f"{POINT}/scattering.svg", "Structure", "S(q) and its first sharp peak"
        ),
        polyhedra=shown(f"{POINT}/polyhedra.svg", "Structure", "polyhedra and anions"),
        network=shown(f"{POINT}/network.svg", "Structure", "sharing and fragments"),
        angles=shown(f"{POINT}/angles.svg", "Structure", "bond angles"),
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
