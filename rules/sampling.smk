"""Frames to label: initial structures, then what the committee explores and selects.

A generation whose predecessor has converged passes it on in seconds, without a GPU.

REQUIRED INPUTS: a row of potentials.tsv and the compositions that train it; the committee of the generation before
OUTPUTS: results/potentials/{potential}/generation{generation}/frames.extxyz, explored.json, exploration.extxyz;
         diffusion.json where learning.convergence.diffusion asks
"""

GENERATION = "results/potentials/{potential}/generation{generation}"


rule propose_initial_frames:
    """The first frames to label: independent packed cells at several densities, some held out for ever.

    With a foundation the cells are relaxed and melted by it; crystals, and all cells without one, are displaced and
    strained. In further frames two neighbours are pushed together, for their repulsion. What the committee of a
    foundation knows already is not labelled again.
    """
    input:
        foundation=ask.pinned(potential("foundation_model")),
        foundation_release=potential("foundation_record"),
        committee=potential("sampling.prescreening_committee.models"),
        committee_checks=potential("sampling.prescreening_committee.checks"),
        foundation_assessment=potential("sampling.prescreening_committee.assessment"),
    output:
        frames="results/potentials/{potential}/generation0/frames.extxyz",
        explored="results/potentials/{potential}/generation0/explored.json",
    log:
        spec["propose_initial_frames"].log,
    benchmark:
        spec["propose_initial_frames"].benchmark
    conda:
        "../envs/dynamics.yaml"
    envmodules:
        *campaign.modules("dynamics"),
    threads: 1
    resources:
        **resources,
    params:
        compositions=potential("training_compositions"),
        foundation=potential("foundation"),
        protocol=potential("learning.protocol"),
        initial_structures=potential("learning.initial_structures"),
        prescreen=potential("sampling.prescreening"),
        cells=potential("sampling.cells"),
        dynamics=potential("sampling.initial_dynamics"),
        seed=campaign.settings.sweep.seed,
    script:
        "../scripts/propose_initial_frames.py"


rule explore:
    """Molecular dynamics with the committee on new small cells; its disagreement marks the frames to learn from."""
    input:
        models=generation("models", back=1),
        checks=generation("checks", back=1),
        previous_assessment=generation("assessment", back=1),
    output:
        frames="results/potentials/{potential}/generation{generation}/exploration.extxyz",
    log:
        spec["explore"].log,
    benchmark:
        spec["explore"].benchmark
    group:
        group("explore")
    conda:
        "../envs/dynamics.yaml"
    envmodules:
        *campaign.modules("dynamics"),
    threads: 1
    resources:
        **resources,
        serial_slot=1,
    params:
        compositions=potential("training_compositions"),
        exploration=potential("learning.exploration"),
        density_scales=potential("learning.initial_structures.density_scales"),
        cells=potential("sampling.cells"),
        dynamics=potential("sampling.dynamics"),
        seed=campaign.settings.sweep.seed,
    script:
        "../scripts/explore.py"


rule select_frames:
    """The explored frames to label: uncertain but not unphysical, different from each other, and a random baseline.

    The uncertainty is the committee disagreement, calibrated on held-out labels of the generation before. All explored
    frames are counted by class, and the cells that met a stop criterion by when they did.
    """
    input:
        frames=rules.explore.output.frames,
        models=generation("models", back=1),
        checks=generation("checks", back=1),
        previous_assessment=generation("assessment", back=1),
    output:
        frames="results/potentials/{potential}/generation{generation}/frames.extxyz",
        explored="results/potentials/{potential}/generation{generation}/explored.json",
    log:
        spec["select_frames"].log,
    benchmark:
        spec["select_frames"].benchmark
    wildcard_constraints:
        generation=r"[1-9]\d*",
    group:
        group("select_frames")
    conda:
        "../envs/learning.yaml"
    envmodules:
        *campaign.modules("learning"),
    threads: 1
    resources:
        **resources,
        serial_slot=1,
    params:
        selection=potential("learning.selection"),
        seed=campaign.settings.sweep.seed,
    script:
        "../scripts/select_frames.py"


rule measure_diffusion:
    """Diffusion coefficients in the exploration; compared between generations, they show whether D has converged.

    By the estimator of the sweep, with an error that holds how packings differ. Runs only where
    learning.convergence.diffusion asks.
    """
    input:
        frames=rules.explore.output.frames,
    output:
        diffusion=f"{GENERATION}/diffusion.json",
    log:
        spec["measure_diffusion"].log,
    benchmark:
        spec["measure_diffusion"].benchmark
    wildcard_constraints:
        generation=r"[1-9]\d*",
    conda:
        "../envs/analysis.yaml"
    envmodules:
        *campaign.modules("analysis"),
    threads: 1
    resources:
        **resources,
    params:
        compositions=potential("training_compositions"),
        transport=potential("sampling.windows"),
        duration_ps=potential("learning.exploration.duration_ps"),
        code=code_of("measure_diffusion"),
    script:
        "../scripts/measure_diffusion.py"
