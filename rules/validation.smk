"""What a potential has learned, where it holds, and what its labels are.

REQUIRED INPUTS: the datasets, the committee and the assessments of a potential;
                 results/{composition}/replica{replica}/quenched.extxyz, results/{composition}/md/{temperature}K/ of the
                 coolest and the hottest temperature
OUTPUTS: results/potentials/{potential}/dataset.json and .txt, learning.svg, training_environments.npz; loco.tsv and .svg
         where learning.loco_compositions asks; results/{composition}/domain.json and .svg
"""

LOCO = "results/potentials/{potential}/generation{generation}/loco/{excluded}"


rule describe_dataset:
    """The card of a potential's labels: counts by composition, generation and origin, method, failures, licence.

    And how it learned from them: errors over generations, and what became of the frames that each explored.
    """
    input:
        train=potential("last_generation.train"),
        valid=potential("last_generation.valid"),
        test=potential("last_generation.test"),
        ledgers=potential("ledgers"),
        assessments=potential("assessments"),
    output:
        figure=shown(
            "results/potentials/{potential}/learning.svg",
            "potential",
            "learning curve and what was explored",
            caption="learning",
        ),
        card="results/potentials/{potential}/dataset.json",
        text=shown(
            "results/potentials/{potential}/dataset.txt",
            "potential",
            "labels",
            caption="dataset",
        ),
    log:
        spec["describe_dataset"].log,
    benchmark:
        spec["describe_dataset"].benchmark
    localrule: spec["describe_dataset"].is_local
    conda:
        "../envs/reference.yaml"
    envmodules:
        *campaign.modules("reference"),
    threads: 1
    resources:
        **resources,
    params:
        facts=potential("dataset_facts"),
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
        spec["fine_tune_loco"].log,
    benchmark:
        spec["fine_tune_loco"].benchmark


rule assess_loco:
    """What the labels of a composition are worth: committees that learned without them, on its held-out frames.

    Errors of energies, forces and stresses stand beside those of the released committee on the same frames. The
    uncertainty of a committee is calibrated on held-out frames of the compositions that it knows, and its z-scores on
    the other one test whether the uncertainty holds for an unknown composition. Runs only where learning.loco_compositions asks.
    """
    input:
        test=potential("last_generation.test"),
        models=potential("last_generation.models"),
        checks=potential("last_generation.checks"),
        models_without=potential("loco.models"),
        checks_without=potential("loco.checks"),
    output:
        table=shown(
            "results/potentials/{potential}/loco.tsv",
            "potential",
            "compositions left out, table",
            caption="loco",
        ),
        figure=shown(
            "results/potentials/{potential}/loco.svg",
            "potential",
            "compositions left out",
            caption="loco",
        ),
    log:
        spec["assess_loco"].log,
    benchmark:
        spec["assess_loco"].benchmark
    conda:
        "../envs/learning.yaml"
    envmodules:
        *campaign.modules("learning"),
    threads: 1
    resources:
        **resources,
    params:
        seen_by_ancestors=potential("loco.seen_by_ancestors"),
        code=code_of("assess_loco"),
    script:
        "../scripts/assess_loco.py"


rule gather_environments:
    """The training environments of a potential, as its released model sees them, element by element; and how far
    held-out ones are from them: the in-domain threshold.

    Frames of the potentials that it started from count, where their labels are of the same reference. Once per
    potential, because all its compositions are compared with the same environments.
    """
    input:
        train=potential("lineage_train"),
        test=potential("last_generation.test"),
        model=potential("last_generation.first_model"),
        check=potential("last_generation.first_check"),
    output:
        environments="results/potentials/{potential}/training_environments.npz",
    log:
        spec["gather_environments"].log,
    benchmark:
        spec["gather_environments"].benchmark
    conda:
        "../envs/learning.yaml"
    envmodules:
        *campaign.modules("learning"),
    threads: 1
    resources:
        **resources,
    params:
        training_potentials=potential("training_potentials"),
        environments_per_element=potential("sections.domain.environments_per_element"),
        seed=campaign.settings.sweep.seed,
        code=code_of("gather_environments"),
    script:
        "../scripts/gather_environments.py"


rule assess_domain:
    """The out-of-domain fraction of a composition: atoms of its replicas, and of their MD at the coolest and the hottest
    temperature, that are farther from every training environment of their element than held-out atoms are; with its
    error over replicas and held-out cells, and the force error that the committee expects there.
    """
    input:
        environments=its_potential("training_environments"),
        models=its_potential("last_generation.models"),
        checks=its_potential("last_generation.checks"),
        assessment=its_potential("last_generation.assessment"),
        replicas=quenched,
        coolest=ask.at_coolest(md_record),
        coolest_trajectories=ask.at_coolest(md_trajectories),
        hottest=ask.at_hottest(md_record),
        hottest_trajectories=ask.at_hottest(md_trajectories),
    output:
        domain="results/{composition}/domain.json",
        figure=shown(
            "results/{composition}/domain.svg",
            "composition",
            "domain by labels",
            caption="domain",
            temperature="coolest and hottest",
        ),
    log:
        spec["assess_domain"].log,
    benchmark:
        spec["assess_domain"].benchmark
    group:
        group("assess_domain")
    conda:
        "../envs/learning.yaml"
    envmodules:
        *campaign.modules("learning"),
    threads: 1
    resources:
        **resources,
        serial_slot=1,
    params:
        domain=composition("domain"),
        code=code_of("assess_domain"),
    script:
        "../scripts/assess_domain.py"
