"""Training, assessment and release of potentials; every generation is in the plan from the start.

REQUIRED INPUTS: results/potentials/{potential}/generation{generation}/dataset/{train,valid,test}.extxyz
OUTPUTS: results/potentials/{potential}/generation{generation}/committee/member{member}.model and .train_check.json,
         assessment.json and .svg; results/potentials/{potential}/released.model and .json
"""


rule fine_tune:
    """Train one MACE model of the committee, always from the original foundation, and check what came out.

    The first member sees every training frame and later drives the dynamics; the others see resamples, so that
    their disagreement measures how well the labels determine the model. Training goes on from the last epoch.
    Errors on a foundation's held-out frames, before and after, measure catastrophic forgetting. With the recipe replay its
    frames are learned again; a foundation from a file, or one of another reference, labels structures for it.
    """
    input:
        train=f"{GENERATION}/dataset/train.extxyz",
        valid=f"{GENERATION}/dataset/valid.extxyz",
        isolated_atoms=potential("fine_tuning.isolated_atoms"),
        foundation=ask.pinned(potential("foundation_model")),
        foundation_release=potential("foundation_record"),
        replayed=ask.pinned(potential("fine_tuning.replayed_frames")),
        foundation_heldout=potential("fine_tuning.foundation_heldout"),
        previous_assessment=ask.unless_loco(generation("assessment", back=1)),
        previous_model=ask.unless_loco(ask.previous_member("model")),
        previous_check=ask.unless_loco(ask.previous_member("check")),
    output:
        model=f"{GENERATION}/committee/member{{member}}.model",
        check=f"{GENERATION}/committee/member{{member}}.train_check.json",
    log:
        spec["fine_tune"].log,
    benchmark:
        spec["fine_tune"].benchmark
    conda:
        "../envs/learning.yaml"
    envmodules:
        *campaign.modules("learning"),
    threads: 1
    resources:
        **resources,
    params:
        foundation=potential("foundation"),
        protocol=potential("learning.protocol"),
        training=potential("fine_tuning.settings"),
        model=potential("learning.model"),
        seed=campaign.settings.sweep.seed,
    script:
        "../scripts/fine_tune.py"


rule assess_potential:
    """Errors on held-out frames, beside those of the generation before on the same frames; decides convergence.

    Energies, forces and stresses, by composition, element and temperature; stability of the cells of the
    exploration. The committee disagreement is calibrated here. Errors of the committee that selected the new frames are
    given on them, selected ones and the random baseline apart. Volume and bulk modulus of crystals, by the foundation
    and by the committee, measure catastrophic forgetting. Where the labels hold MD of the reference, its pair
    distribution functions stand beside those of the exploration.
    """
    input:
        test=f"{GENERATION}/dataset/test.extxyz",
        models=generation("models"),
        checks=generation("checks"),
        previous_models=generation("models", back=1),
        previous_checks=generation("checks", back=1),
        previous_assessment=generation("assessment", back=1),
        explored=generation("explored"),
        diffusion=ask.where(
            "assessment.compares_diffusion", generation("after_exploration.diffusion")
        ),
        previous_diffusion=ask.where(
            "assessment.compares_diffusion",
            generation("after_exploration.diffusion", back=1),
        ),
        labels=generation("after_exploration.labels"),
        foundation_committee=ask.zero_shot("models"),
        foundation_checks=ask.zero_shot("checks"),
        foundation_assessment=ask.zero_shot("assessment"),
        foundation=ask.pinned(potential("assessment.forgetting_model")),
        foundation_release=potential("assessment.forgetting_record"),
        exploration=ask.where(
            "has_reference_md", generation("after_exploration.exploration")
        ),
        reference_md_train=ask.where(
            "has_reference_md", generation("after_exploration.train")
        ),
        reference_md_valid=ask.where(
            "has_reference_md", generation("after_exploration.valid")
        ),
    output:
        assessment=f"{GENERATION}/assessment.json",
        figure=shown(f"{GENERATION}/assessment.svg", "potential", "held-out errors"),
    log:
        spec["assess_potential"].log,
    benchmark:
        spec["assess_potential"].benchmark
    conda:
        "../envs/learning.yaml"
    envmodules:
        *campaign.modules("learning"),
    threads: 1
    resources:
        **resources,
    params:
        convergence=potential("assessment.convergence"),
        packed=potential("assessment.packed_compositions"),
        foundation=potential("foundation"),
        forgetting=potential("assessment.forgetting_check"),
        zero_shot=potential("assessment.zero_shot_compositions"),
    script:
        "../scripts/assess_potential.py"


rule release_potential:
    """The model that drives the dynamics, from the first generation that converged, else the last, said so; without a
    reference the foundation as it is, zero-shot.

    Later generations passed the converged one on, so the last one holds it. Its hash is pinned here.
    """
    input:
        assessments=potential("assessments"),
        model=ask.pinned(potential("released_from")),
        check=potential("last_generation.first_check"),
    output:
        model="results/potentials/{potential}/released.model",
        release="results/potentials/{potential}/released.json",
    log:
        spec["release_potential"].log,
    benchmark:
        spec["release_potential"].benchmark
    localrule: spec["release_potential"].is_local
    conda:
        "../envs/workflow.yaml"
    envmodules:
        *campaign.modules("workflow"),
    threads: 1
    resources:
        **resources,
    params:
        reference=potential("sampling.released_reference"),
        protocol=potential("learning.protocol"),
    script:
        "../scripts/release_potential.py"
