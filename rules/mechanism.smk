"""Local structure behind the conductivity.

REQUIRED INPUTS: results/{composition}/md/{temperature}K/replica{replica}.h5md and md.json
OUTPUTS: results/{composition}/md/{temperature}K/structure.json and .svg, scattering.svg, polyhedra.svg, network.svg,
         angles.svg, residence.json and .svg, motion.json, van_hove.svg, hops.svg, residence_map.svg, pathways.json,
         .svg and .cube, spectra.json, vibrations.svg, dynamic_structure.svg, orientation.svg;
         results/{composition}/residence.json and .svg, pathways.html
"""


rule analyse_structure:
    """Pair distribution functions and coordination numbers, structure factors with their first sharp peak, metal
    polyhedra and how they share anions, fragments, bond angles, integrity of polyanions, bond-orientational order,
    separated salt, crystals and gas; measures of order for the relation with conductivity. Each with its error over
    blocks of time and replicas.
    """
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
        scattering=report(
            "results/{composition}/md/{temperature}K/scattering.svg",
            category="Structure",
            labels={
                "composition": "{composition}",
                "temperature": "{temperature} K",
                "figure": "S(q) and its first sharp peak",
            },
            caption="captions/scattering.rst",
        ),
        polyhedra=report(
            "results/{composition}/md/{temperature}K/polyhedra.svg",
            category="Structure",
            labels={
                "composition": "{composition}",
                "temperature": "{temperature} K",
                "figure": "polyhedra and anions",
            },
            caption="captions/polyhedra.rst",
        ),
        network=report(
            "results/{composition}/md/{temperature}K/network.svg",
            category="Structure",
            labels={
                "composition": "{composition}",
                "temperature": "{temperature} K",
                "figure": "sharing and fragments",
            },
            caption="captions/network.rst",
        ),
        angles=report(
            "results/{composition}/md/{temperature}K/angles.svg",
            category="Structure",
            labels={
                "composition": "{composition}",
                "temperature": "{temperature} K",
                "figure": "bond angles",
            },
            caption="captions/angles.rst",
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
        serial_slot=1,
    params:
        composition=identity,
        structure=section("structure"),
        code=code_of("analyse_structure"),
    script:
        "../scripts/analyse_structure.py"


rule analyse_residence:
    """Residence of the mobile ion beside the other ions, around metals by class of their environment: continuous with
    allowed absences and intermittent, residence times with errors over blocks and replicas.
    """
    input:
        trajectories=rules.run_md.output.trajectories,
        record=rules.run_md.output.record,
    output:
        residence="results/{composition}/md/{temperature}K/residence.json",
        figure=report(
            "results/{composition}/md/{temperature}K/residence.svg",
            category="Mechanism",
            labels={
                "composition": "{composition}",
                "temperature": "{temperature} K",
                "figure": "residence per environment",
            },
            caption="captions/residence.rst",
        ),
    log:
        "logs/{composition}/md/{temperature}K/analyse_residence.log",
    benchmark:
        "logs/{composition}/md/{temperature}K/analyse_residence.benchmark.tsv"
    group:
        shared("analysis_{composition}", rulename="analyse_residence")
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
        residence=section("residence"),
        code=code_of("analyse_residence"),
    script:
        "../scripts/analyse_residence.py"


rule analyse_motion:
    """van Hove functions and the non-Gaussian parameter, hops between cages found without sites, strings of hops beside a
    control shuffled in time, and the time that each ion spends at each site.
    """
    input:
        trajectories=rules.run_md.output.trajectories,
        record=rules.run_md.output.record,
    output:
        motion="results/{composition}/md/{temperature}K/motion.json",
        van_hove=report(
            "results/{composition}/md/{temperature}K/van_hove.svg",
            category="Mechanism",
            labels={
                "composition": "{composition}",
                "temperature": "{temperature} K",
                "figure": "van Hove functions",
            },
            caption="captions/van_hove.rst",
        ),
        hops=report(
            "results/{composition}/md/{temperature}K/hops.svg",
            category="Mechanism",
            labels={
                "composition": "{composition}",
                "temperature": "{temperature} K",
                "figure": "hops and strings",
            },
            caption="captions/hops.rst",
        ),
        residence_map=report(
            "results/{composition}/md/{temperature}K/residence_map.svg",
            category="Mechanism",
            labels={
                "composition": "{composition}",
                "temperature": "{temperature} K",
                "figure": "where ions stay",
            },
            caption="captions/residence_map.rst",
        ),
    log:
        "logs/{composition}/md/{temperature}K/analyse_motion.log",
    benchmark:
        "logs/{composition}/md/{temperature}K/analyse_motion.benchmark.tsv"
    group:
        shared("analysis_{composition}", rulename="analyse_motion")
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
        motion=section("motion"),
        code=code_of("analyse_motion"),
    script:
        "../scripts/analyse_motion.py"


rule fit_residence:
    """Activation energy of residence per environment, from ln(1/τ) over 1/T, beside that of diffusion."""
    input:
        residence=expand(
            "results/{{composition}}/md/{temperature}K/residence.json",
            temperature=campaign.temperatures_K,
        ),
        arrhenius=rules.fit_arrhenius.output.arrhenius,
    output:
        residence="results/{composition}/residence.json",
        figure=report(
            "results/{composition}/residence.svg",
            category="Mechanism",
            labels={
                "composition": "{composition}",
                "temperature": "all",
                "figure": "activation energy of residence",
            },
            caption="captions/residence_activation.rst",
        ),
    log:
        "logs/{composition}/fit_residence.log",
    benchmark:
        "logs/{composition}/fit_residence.benchmark.tsv"
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
        seed=campaign.settings.sweep.seed,
        code=code_of("fit_residence"),
    script:
        "../scripts/fit_residence.py"


rule analyse_pathways:
    """Density of the mobile ion in the framework's frame, and the free energies at which it percolates through the
    periodic cell in one, two and three dimensions, with the bottlenecks.
    """
    input:
        trajectories=rules.run_md.output.trajectories,
        record=rules.run_md.output.record,
    output:
        pathways="results/{composition}/md/{temperature}K/pathways.json",
        volume="results/{composition}/md/{temperature}K/pathways.cube",
        figure=report(
            "results/{composition}/md/{temperature}K/pathways.svg",
            category="Mechanism",
            labels={
                "composition": "{composition}",
                "temperature": "{temperature} K",
                "figure": "pathways of the mobile ion",
            },
            caption="captions/pathways.rst",
        ),
    log:
        "logs/{composition}/md/{temperature}K/analyse_pathways.log",
    benchmark:
        "logs/{composition}/md/{temperature}K/analyse_pathways.benchmark.tsv"
    group:
        shared("analysis_{composition}", rulename="analyse_pathways")
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
        pathways=section("pathways"),
        code=code_of("analyse_pathways"),
    script:
        "../scripts/analyse_pathways.py"


rule draw_pathways:
    """The density at the percolation threshold as a surface to turn, at the hottest temperature: the best sampled."""
    input:
        pathways=f"results/{{composition}}/md/{max(campaign.temperatures_K)}K/pathways.json",
        volume=f"results/{{composition}}/md/{max(campaign.temperatures_K)}K/pathways.cube",
    output:
        picture=report(
            "results/{composition}/pathways.html",
            category="Mechanism",
            labels={
                "composition": "{composition}",
                "temperature": f"{max(campaign.temperatures_K)} K",
                "figure": "pathways to turn",
            },
            caption="captions/pathways_picture.rst",
        ),
    log:
        "logs/{composition}/draw_pathways.log",
    benchmark:
        "logs/{composition}/draw_pathways.benchmark.tsv"
    conda:
        "../envs/analysis.yaml"
    envmodules:
        *campaign.modules("analysis"),
    threads: 1
    resources:
        mem_mb=memory,
        runtime=runtime,
    params:
        code=code_of("draw_pathways"),
    script:
        "../scripts/draw_pathways.py"


rule analyse_spectra:
    """Vibrational density of states by species and by motion of the polyanions, S(q, ω) and F_s(q, t), and how long
    polyanions remember their orientation.
    """
    input:
        trajectories=rules.run_md.output.trajectories,
        record=rules.run_md.output.record,
    output:
        spectra="results/{composition}/md/{temperature}K/spectra.json",
        vibrations=report(
            "results/{composition}/md/{temperature}K/vibrations.svg",
            category="Mechanism",
            labels={
                "composition": "{composition}",
                "temperature": "{temperature} K",
                "figure": "vibrational density of states",
            },
            caption="captions/vibrations.rst",
        ),
        dynamic_structure=report(
            "results/{composition}/md/{temperature}K/dynamic_structure.svg",
            category="Mechanism",
            labels={
                "composition": "{composition}",
                "temperature": "{temperature} K",
                "figure": "dynamic structure factor",
            },
            caption="captions/dynamic_structure.rst",
        ),
        orientation=report(
            "results/{composition}/md/{temperature}K/orientation.svg",
            category="Mechanism",
            labels={
                "composition": "{composition}",
                "temperature": "{temperature} K",
                "figure": "orientation of polyanions",
            },
            caption="captions/orientation.rst",
        ),
    log:
        "logs/{composition}/md/{temperature}K/analyse_spectra.log",
    benchmark:
        "logs/{composition}/md/{temperature}K/analyse_spectra.benchmark.tsv"
    group:
        shared("analysis_{composition}", rulename="analyse_spectra")
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
        spectra=section("spectra"),
        code=code_of("analyse_spectra"),
    script:
        "../scripts/analyse_spectra.py"
