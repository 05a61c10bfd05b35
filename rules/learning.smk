"""Active learning without checkpoints: every generation stands in the plan from the start.

A generation whose predecessor has converged passes it through in seconds, without a GPU.

REQUIRED INPUTS: a row of the table of potentials and its member compositions.
OUTPUTS: results/potentials/{potential}/generation{generation}/frames.extxyz, …/committee/member{member}.model,
         …/assessment.json, …/diffusion.json where it is asked for; results/potentials/{potential}/released.model and released.json,
         dataset.json and .txt, learning.svg; where learning.loco_compositions asks, loco.tsv and .svg
"""

GENERATION = "results/potentials/{potential}/generation{generation}"
MODEL = f"{GENERATION}/committee/member{{member}}.model"
CHECK = f"{GENERATION}/committee/member{{member}}.train_check.json"
DIFFUSION = f"{GENERATION}/diffusion.json"
LOCO = f"{GENERATION}/loco/{{excluded}}"


rule propose_initial_frames:
    """The first frames to label: independent packed cells at several densities, some held out for ever.

    With a foundation the cells are relaxed and melted by it; crystals, and all cells without one, are displaced and
    strained. In further frames two neighbours are pushed together, for their repulsion. What the committee of a
    foundation knows already is not labelled again.
    """
    input:
        foundation=foundation_model,
        foundation_release=foundation_release,
        committee=for_prescreening(MODEL),
        committee_checks=for_prescreening(CHECK),
        foundation_assessment=for_prescreening(f"{GENERATION}/assessment.json"),
    output:
        frames="results/potentials/{potential}/generation0/frames.extxyz",
        explored="results/potentials/{potential}/generation0/explored.json",
    log:
        "logs/potentials/{potential}/generation0/propose_initial_frames.log",
    benchmark:
        "logs/potentials/{potential}/generation0/propose_initial_frames.benchmark.tsv"
    conda:
        "../envs/dynamics.yaml"
    envmodules:
        *campaign.modules("dynamics"),
    threads: 1
    resources:
        **on_site,
        mem_mb=memory,
        runtime=runtime,
        gpu=gpus,
    params:
        compositions=lambda wildcards: campaign.trained_on(wildcards.potential),
        foundation=lambda wildcards: campaign.foundation(wildcards.potential),
        protocol=lambda wildcards: campaign.learning(wildcards.potential)["protocol"],
        initial_structures=lambda wildcards: campaign.learning(wildcards.potential)["initial_structures"],
        prescreen=lambda wildcards: campaign.prescreen(wildcards.potential),
        cells=lambda wildcards: campaign.sampling_cells(wildcards.potential),
        dynamics=lambda wildcards: campaign.initial_dynamics(wildcards.potential),
        seed=campaign.settings.sweep.seed,
    script:
        "../scripts/propose_initial_frames.py"


rule explore:
    """Molecular dynamics with the committee on new small cells; its spread says where it does not know."""
    input:
        models=of_generation(MODEL, back=1),
        checks=of_generation(CHECK, back=1),
        previous_assessment=of_generation(f"{GENERATION}/assessment.json", back=1),
    output:
        frames="results/potentials/{potential}/generation{generation}/exploration.extxyz",
    log:
        "logs/potentials/{potential}/generation{generation}/explore.log",
    benchmark:
        "logs/potentials/{potential}/generation{generation}/explore.benchmark.tsv"
    group:
        shared("sampling_{potential}_{generation}", rulename="explore")
    conda:
        "../envs/dynamics.yaml"
    envmodules:
        *campaign.modules("dynamics"),
    threads: 1
    resources:
        **on_site,
        mem_mb=memory,
        runtime=runtime,
        gpu=gpus,
        serial_slot=1,
    params:
        compositions=lambda wildcards: campaign.trained_on(wildcards.potential),
        exploration=lambda wildcards: campaign.learning(wildcards.potential)[
            "exploration"
        ],
        density_scales=lambda wildcards: campaign.learning(wildcards.potential)[
            "initial_structures"
        ]["density_scales"],
        cells=lambda wildcards: campaign.sampling_cells(wildcards.potential),
        dynamics=lambda wildcards: campaign.sampling_dynamics(wildcards.potential),
        seed=campaign.settings.sweep.seed,
    script:
        "../scripts/explore.py"


rule select_frames:
    """The explored frames worth a label: uncertain but not unphysical, different from each other, and a random arm.

    Uncertainty is the committee's spread times the factor that held-out labels of the generation before gave it. What
    became of all explored frames, and when the dynamics of a cell met a guard, is counted.
    """
    input:
        frames=rules.explore.output.frames,
        models=of_generation(MODEL, back=1),
        checks=of_generation(CHECK, back=1),
        previous_assessment=of_generation(f"{GENERATION}/assessment.json", back=1),
    output:
        frames="results/potentials/{potential}/generation{generation}/frames.extxyz",
        explored="results/potentials/{potential}/generation{generation}/explored.json",
    log:
        "logs/potentials/{potential}/generation{generation}/select_frames.log",
    benchmark:
        "logs/potentials/{potential}/generation{generation}/select_frames.benchmark.tsv"
    wildcard_constraints:
        generation=r"[1-9]\d*",
    group:
        shared("sampling_{potential}_{generation}", rulename="select_frames")
    conda:
        "../envs/learning.yaml"
    envmodules:
        *campaign.modules("learning"),
    threads: 1
    resources:
        **on_site,
        mem_mb=memory,
        runtime=runtime,
        gpu=gpus,
        serial_slot=1,
    params:
        selection=lambda wildcards: campaign.learning(wildcards.potential)["selection"],
        seed=campaign.settings.sweep.seed,
    script:
        "../scripts/select_frames.py"


rule measure_diffusion:
    """Diffusion coefficients in the exploration: of one generation beside those of the next, they say whether D settled.

    By the estimator of the sweep, with an error that holds how packings differ. Runs only where
    learning.convergence.diffusion asks.
    """
    input:
        frames=rules.explore.output.frames,
    output:
        diffusion=DIFFUSION,
    log:
        "logs/potentials/{potential}/generation{generation}/measure_diffusion.log",
    benchmark:
        "logs/potentials/{potential}/generation{generation}/measure_diffusion.benchmark.tsv"
    wildcard_constraints:
        generation=r"[1-9]\d*",
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
        compositions=lambda wildcards: campaign.trained_on(wildcards.potential),
        transport=lambda wildcards: campaign.explored_transport(wildcards.potential),
        duration_ps=lambda wildcards: campaign.learning(wildcards.potential)[
            "exploration"
        ]["duration_ps"],
        code=code_of("measure_diffusion"),
    script:
        "../scripts/measure_diffusion.py"


rule fine_tune:
    """Train one MACE model of the committee, always from the original foundation, and check what came out.

    The first member sees every training frame and later drives the dynamics; the others see resamples, so that
    their spread measures how well the labels determine the model. Training goes on from the last epoch.
    A foundation's held-out frames, predicted before and after, say what was forgotten. With the recipe replay its
    frames are learned again; a foundation from a file labels structures for it.
    """
    input:
        train=f"{GENERATION}/dataset/train.extxyz",
        valid=f"{GENERATION}/dataset/valid.extxyz",
        isolated_atoms=lambda wildcards: expand(
            rules.label_atom.output.energy,
            reference=campaign.potentials[wildcards.potential].reference,
            element=campaign.learned_elements(wildcards.potential),
        ),
        foundation=foundation_model,
        foundation_release=foundation_release,
        replayed=replayed_frames,
        forgetting=of_foundation("test"),
        previous_assessment=unless_loco(
            of_generation(f"{GENERATION}/assessment.json", back=1)
        ),
        previous_model=unless_loco(of_generation(MODEL, back=1)),
        previous_check=unless_loco(of_generation(CHECK, back=1)),
    output:
        model=MODEL,
        check=CHECK,
    log:
        "logs/potentials/{potential}/generation{generation}/fine_tune{member}.log",
    benchmark:
        "logs/potentials/{potential}/generation{generation}/fine_tune{member}.benchmark.tsv"
    conda:
        "../envs/learning.yaml"
    envmodules:
        *campaign.modules("learning"),
    threads: 1
    resources:
        **on_site,
        mem_mb=memory,
        runtime=runtime,
        gpu=gpus,
    params:
        foundation=lambda wildcards: campaign.foundation(wildcards.potential),
        protocol=lambda wildcards: campaign.learning(wildcards.potential)["protocol"],
        training=lambda wildcards: campaign.training(wildcards.potential),
        model=lambda wildcards: campaign.learning(wildcards.potential)["model"],
        seed=campaign.settings.sweep.seed,
    script:
        "../scripts/fine_tune.py"


rule assess_potential:
    """Errors on held-out frames, beside those of the generation before on the same frames; has it converged?

    Energies, forces and stresses, by composition, element and temperature; and whether the cells of the exploration
    stayed sound. The committee's spread is calibrated here, and the new labels are judged by the committee that asked for them,
    those that it selected apart from those that chance did. Crystals that the foundation knew are compressed and
    stretched by both: their volume and bulk modulus say what was forgotten. Where the reference's own dynamics is
    among the labels, its pair distribution functions stand beside those of the exploration.
    """
    input:
        test=f"{GENERATION}/dataset/test.extxyz",
        models=of_generation(MODEL),
        checks=of_generation(CHECK),
        previous_models=of_generation(MODEL, back=1),
        previous_checks=of_generation(CHECK, back=1),
        previous_assessment=of_generation(f"{GENERATION}/assessment.json", back=1),
        explored=of_generation(f"{GENERATION}/explored.json"),
        diffusion=where_compared(of_generation(DIFFUSION, first=1)),
        previous_diffusion=where_compared(of_generation(DIFFUSION, back=1, first=1)),
        labels=in_chunks(rules.label_frames.output.frames, first=1),
        foundation_committee=for_zero_shot(MODEL),
        foundation_checks=for_zero_shot(CHECK),
        foundation_assessment=for_zero_shot(f"{GENERATION}/assessment.json"),
        foundation=for_forgetting_check(foundation_model),
        foundation_release=for_forgetting_check(foundation_release),
        exploration=where_reference_md(
            of_generation(rules.explore.output.frames, first=1)
        ),
        reference_md_train=where_reference_md(
            of_generation(f"{GENERATION}/dataset/train.extxyz", first=1)
        ),
        reference_md_valid=where_reference_md(
            of_generation(f"{GENERATION}/dataset/valid.extxyz", first=1)
        ),
    output:
        assessment=f"{GENERATION}/assessment.json",
        figure=report(
            f"{GENERATION}/assessment.svg",
            category="Potentials",
            labels={
                "potential": "{potential}",
                "generation": "{generation}",
                "figure": "held-out errors",
            },
            caption="captions/assessment.rst",
        ),
    log:
        "logs/potentials/{potential}/generation{generation}/assess_potential.log",
    benchmark:
        "logs/potentials/{potential}/generation{generation}/assess_potential.benchmark.tsv"
    conda:
        "../envs/learning.yaml"
    envmodules:
        *campaign.modules("learning"),
    threads: 1
    resources:
        **on_site,
        mem_mb=memory,
        runtime=runtime,
    params:
        convergence=lambda wildcards: campaign.convergence(wildcards.potential),
        packed=lambda wildcards: campaign.packed_members(wildcards.potential),
        foundation=lambda wildcards: campaign.foundation(wildcards.potential),
        forgetting=lambda wildcards: campaign.forgetting_check(wildcards.potential),
        zero_shot=lambda wildcards: campaign.zero_shot_compositions(wildcards.potential),
    script:
        "../scripts/assess_potential.py"


rule release_potential:
    """The model that drives the dynamics, from the first generation that converged, else the last, said so.

    Later generations passed the converged one on, so the last one holds it. Its hash is pinned here.
    """
    input:
        assessments=lambda wildcards: expand(
            rules.assess_potential.output.assessment,
            potential=wildcards.potential,
            generation=campaign.generations(wildcards.potential),
        ),
        model=lambda wildcards: MODEL.format(
            potential=wildcards.potential,
            generation=campaign.generations(wildcards.potential)[-1],
            member=1,
        ),
        check=lambda wildcards: CHECK.format(
            potential=wildcards.potential,
            generation=campaign.generations(wildcards.potential)[-1],
            member=1,
        ),
    output:
        model="results/potentials/{potential}/released.model",
        release="results/potentials/{potential}/released.json",
    log:
        "logs/potentials/{potential}/release_potential.log",
    benchmark:
        "logs/potentials/{potential}/release_potential.benchmark.tsv"
    conda:
        "../envs/workflow.yaml"
    envmodules:
        *campaign.modules("workflow"),
    threads: 1
    resources:
        mem_mb=memory,
        runtime=runtime,
    params:
        reference=lambda wildcards: campaign.released_reference(wildcards.potential),
        protocol=lambda wildcards: campaign.learning(wildcards.potential)["protocol"],
    script:
        "../scripts/release_potential.py"


rule describe_dataset:
    """The card of a potential's labels: counts by composition, generation and origin, method, failures, licence.

    And how it learned from them: errors over generations, and what became of the frames that each explored.
    """
    input:
        train=of_last_generation(rules.collect_labels.output.train),
        valid=of_last_generation(rules.collect_labels.output.valid),
        test=of_last_generation(rules.collect_labels.output.test),
        ledgers=lambda wildcards: expand(
            rules.collect_labels.output.ledger,
            potential=wildcards.potential,
            generation=campaign.generations(wildcards.potential),
        ),
        assessments=lambda wildcards: expand(
            rules.assess_potential.output.assessment,
            potential=wildcards.potential,
            generation=campaign.generations(wildcards.potential),
        ),
    output:
        figure=report(
            "results/potentials/{potential}/learning.svg",
            category="Potentials",
            labels={
                "potential": "{potential}",
                "generation": "all",
                "figure": "learning curve and what was explored",
            },
            caption="captions/learning.rst",
        ),
        card="results/potentials/{potential}/dataset.json",
        text=report(
            "results/potentials/{potential}/dataset.txt",
            category="Potentials",
            labels={
                "potential": "{potential}",
                "generation": "all",
                "figure": "labels",
            },
            caption="captions/dataset.rst",
        ),
    log:
        "logs/potentials/{potential}/describe_dataset.log",
    benchmark:
        "logs/potentials/{potential}/describe_dataset.benchmark.tsv"
    conda:
        "../envs/reference.yaml"
    envmodules:
        *campaign.modules("reference"),
    threads: 1
    resources:
        mem_mb=memory,
        runtime=runtime,
    params:
        facts=lambda wildcards: campaign.facts_of_labels(wildcards.potential),
        code=code_of("describe_dataset"),
    script:
        "../scripts/describe_dataset.py"


# The same training once more, on the labels of all compositions but one. After convergence no label joins: those of the
# last generation are what the released committee has learned from, whichever generation that was.
use rule fine_tune as fine_tune_loco with:
    output:
        model=f"{LOCO}/member{{member}}.model",
        check=f"{LOCO}/member{{member}}.train_check.json",
    log:
        "logs/potentials/{potential}/generation{generation}/loco/{excluded}/fine_tune_loco{member}.log",
    benchmark:
        "logs/potentials/{potential}/generation{generation}/loco/{excluded}/fine_tune_loco{member}.benchmark.tsv"


rule assess_loco:
    """What the labels of a composition are worth: committees that learned without them, on its held-out frames.

    Errors of energies, forces and stresses stand beside those of the released committee on the same frames. The
    uncertainty of a committee is calibrated on held-out frames of the compositions that it knows, and its z-scores on
    the other one say whether it knows what it does not know. Runs only where learning.loco_compositions asks.
    """
    input:
        test=of_last_generation(rules.collect_labels.output.test),
        models=of_last_committee(MODEL),
        checks=of_last_committee(CHECK),
        models_without=of_last_committee(rules.fine_tune_loco.output.model),
        checks_without=of_last_committee(rules.fine_tune_loco.output.check),
    output:
        table=report(
            "results/potentials/{potential}/loco.tsv",
            category="Potentials",
            labels={
                "potential": "{potential}",
                "generation": "last",
                "figure": "compositions left out, table",
            },
            caption="captions/loco.rst",
        ),
        figure=report(
            "results/potentials/{potential}/loco.svg",
            category="Potentials",
            labels={
                "potential": "{potential}",
                "generation": "last",
                "figure": "compositions left out",
            },
            caption="captions/loco.rst",
        ),
    log:
        "logs/potentials/{potential}/assess_loco.log",
    benchmark:
        "logs/potentials/{potential}/assess_loco.benchmark.tsv"
    conda:
        "../envs/learning.yaml"
    envmodules:
        *campaign.modules("learning"),
    threads: 1
    resources:
        **on_site,
        mem_mb=memory,
        runtime=runtime,
    params:
        seen_by_ancestors=lambda wildcards: campaign.seen_by_ancestors(wildcards.potential),
        code=code_of("assess_loco"),
    script:
        "../scripts/assess_loco.py"
