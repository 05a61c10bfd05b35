"""How the ions move.

REQUIRED INPUTS: results/{composition}/md/{temperature}K/replica{replica}.h5md, md.json and structure.json,
                 results/{composition}/arrhenius.json
OUTPUTS: results/{composition}/md/{temperature}K/residence.json and .svg, motion.json, van_hove.svg, hops.svg,
         residence_map.svg, pathways.json, .svg and .cube, spectra.json, vibrations.svg, dynamic_structure.svg,
         orientation.svg; results/{composition}/residence.json and .svg, pathways.html
"""


rule analyse_residence:
    """Residence of the mobile ion beside the other ions, around metals by class of their environment: continuous with
    allowed absences and intermittent, residence times with errors over blocks and replicas.
    """
    input:
        trajectories=md_trajectories,
        record=md_record,
        structure=rules.analyse_structure.output.structure,
    output:
        residence=f"{POINT}/residence.json",
        figure=f"{POINT}/residence.svg",
    log:
        spec["analyse_residence"].log,
    benchmark:
        spec["analyse_residence"].benchmark
    group:
        group("analyse_residence")
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
        residence=section("residence"),
        code=code_of("analyse_residence"),
    script:
        "../scripts/analyse_residence.py"


rule fit_residence:
    """Activation energy of residence per environment, from ln(1/τ) over 1/T, beside that of diffusion."""
    input:
        residence=ask.of_temperatures(f"{POINT}/residence.json"),
        arrhenius=rules.fit_arrhenius.output.arrhenius,
    output:
        residence="results/{composition}/residence.json",
        figure=shown(
            "results/{composition}/residence.svg",
            "composition",
            "activation energy of residence",
            caption="residence_activation",
            temperature="all",
        ),
    log:
        spec["fit_residence"].log,
    benchmark:
        spec["fit_residence"].benchmark
    localrule: spec["fit_residence"].is_local
    conda:
        "../envs/analysis.yaml"
    envmodules:
        *campaign.modules("analysis"),
    threads: 1
    resources:
        **resources,
    params:
        arrhenius=campaign.settings.arrhenius.model_dump(),
        potential=composition("potential"),
        seed=campaign.settings.sweep.seed,
        code=code_of("fit_residence"),
    script:
        "../scripts/fit_residence.py"


rule analyse_motion:
    """van Hove functions and the non-Gaussian parameter, and hops between cages found without sites; where asked for,
    strings of hops beside a control shuffled in time, and the time that each ion spends at each site.
    """
    input:
        trajectories=md_trajectories,
        record=md_record,
    output:
        **ask.only_with(
            "residence_maps",
            residence_map=f"{POINT}/residence_map.svg",
        ),
        motion=f"{POINT}/motion.json",
        van_hove=f"{POINT}/van_hove.svg",
        hops=f"{POINT}/hops.svg",
    log:
        spec["analyse_motion"].log,
    benchmark:
        spec["analyse_motion"].benchmark
    group:
        group("analyse_motion")
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
        motion=section("motion"),
        strings="strings" in campaign.analyses,
        code=code_of("analyse_motion"),
    script:
        "../scripts/analyse_motion.py"


rule analyse_pathways:
    """Density of the mobile ion in the framework's frame, and the free energies at which it percolates through the
    periodic cell in one, two and three dimensions, with the bottlenecks.
    """
    input:
        trajectories=md_trajectories,
        record=md_record,
    output:
        pathways=f"{POINT}/pathways.json",
        volume=f"{POINT}/pathways.cube",
        figure=f"{POINT}/pathways.svg",
    log:
        spec["analyse_pathways"].log,
    benchmark:
        spec["analyse_pathways"].benchmark
    group:
        group("analyse_pathways")
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
        pathways=section("pathways"),
        code=code_of("analyse_pathways"),
    script:
        "../scripts/analyse_pathways.py"


rule draw_pathways:
    """The density at the percolation threshold as a surface to turn, at the hottest temperature: the best sampled."""
    input:
        pathways=ask.at_hottest(rules.analyse_pathways.output.pathways),
        volume=ask.at_hottest(rules.analyse_pathways.output.volume),
    output:
        picture=shown(
            "results/{composition}/pathways.html",
            "composition",
            "pathways to turn",
            caption="pathways_picture",
            temperature="hottest",
        ),
    log:
        spec["draw_pathways"].log,
    benchmark:
        spec["draw_pathways"].benchmark
    localrule: spec["draw_pathways"].is_local
    conda:
        "../envs/analysis.yaml"
    envmodules:
        *campaign.modules("analysis"),
    threads: 1
    resources:
        **resources,
    params:
        code=code_of("draw_pathways"),
    script:
        "../scripts/draw_pathways.py"


rule analyse_spectra:
    """Vibrational density of states by species and by motion of the polyanions, S(q, ω) and F_s(q, t), and how long
    polyanions remember their orientation.
    """
    input:
        trajectories=md_trajectories,
        record=md_record,
    output:
        spectra=f"{POINT}/spectra.json",
        vibrations=f"{POINT}/vibrations.svg",
        dynamic_structure=f"{POINT}/dynamic_structure.svg",
        orientation=f"{POINT}/orientation.svg",
    log:
        spec["analyse_spectra"].log,
    benchmark:
        spec["analyse_spectra"].benchmark
    group:
        group("analyse_spectra")
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
        spectra=section("spectra"),
        code=code_of("analyse_spectra"),
    script:
        "../scripts/analyse_spectra.py"
