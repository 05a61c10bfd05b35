"""Training, assessment and release of potentials; every generation is in the plan from the start.

REQUIRED INPUTS: results/potentials/{potential}/generation{generation}/dataset/{train,valid,test}.extxyz
OUTPUTS: results/potentials/{potential}/generation{generation}/committee/member{member}.model and .train_check.json,
         assessment.json and .svg; results/potentials/{potential}/released.model and .json
"""


def previous_member(kind):
    """The model (or its check) of the same member in the generation before."""
    return lambda wildcards: getattr(
        campaign.potential(wildcards.potential).generation(
            int(wildcards.generation) - 1
        ),
        kind,
    )(wildcards.member)


def unless_loco(files):
    """Files that a training reads unless it leaves a composition out; then it passes nothing on."""
    return lambda wildcards: [] if hasattr(wildcards, "excluded") else files(wildcards)


def zero_shot(question):
    """Files of the parent's committee, where it is judged on compositions that it never saw."""
    return lambda wildcards: answer(
        campaign.potential(wildcards.potential).zero_shot_committee(
            int(wildcards.generation)
        ),
        question,
    )


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
        isolated_atoms=potential("isolated_atoms"),
        foundation=pinned(potential("foundation_model")),
        foundation_release=potential("foundation_record"),
        replayed=pinned(potential("replayed_frames")),
        forgetting=potential("foundation_heldout"),
        previous_assessment=unless_loco(generation("assessment", back=1)),
        previous_model=unless_loco(previous_member("model")),
        previous_check=unless_loco(previous_member("check")),
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
        training=potential("training"),
        model=potential("learning.model"),
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
        models=generation("models"),
        checks=generation("checks"),
        previous_models=generation("models", back=1),
        previous_checks=generation("checks", back=1),
        previous_assessment=generation("assessment", back=1),
        explored=generation("explored"),
        diffusion=where("compares_diffusion", generation("after_exploration.diffusion")),
        previous_diffusion=where(
            "compares_diffusion", generation("after_exploration.diffusion", back=1)
        ),
        labels=generation("after_exploration.labels"),
        foundation_committee=zero_shot("models"),
        foundation_checks=zero_shot("checks"),
        foundation_assessment=zero_shot("assessment"),
        foundation=pinned(potential("forgetting_model")),
        foundation_release=potential("forgetting_record"),
        exploration=where(
            "has_reference_md", generation("after_exploration.exploration")
        ),
        reference_md_train=where(
            "has_reference_md", generation("after_exploration.train")
        ),
        reference_md_valid=where(
            "has_reference_md", generation("after_exploration.valid")
        ),
    output:
        assessment=f"{GENERATION}/assessment.json",
        figure=shown(f"{GENERATION}/assessment.svg", "Potentials", "held-out errors"),
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
        convergence=potential("convergence"),
        packed=potential("packed_compositions"),
        foundation=potential("foundation"),
        forgetting=potential("forgetting_check"),
        zero_shot=potential("zero_shot_compositions"),
    script:
        "../scripts/assess_potential.py"


rule release_potential:
    """The model that drives the dynamics, from the first generation that converged, else the last, said so.

    Later generations passed the converged one on, so the last one holds it. Its hash is pinned here.
    """
    input:
        assessments=potential("assessments"),
        model=potential("last_generation.first_model"),
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
        reference=potential("released_reference"),
        protocol=potential("learning.protocol"),
    script:
        "../scripts/release_potential.py"
