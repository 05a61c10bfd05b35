"""Do the labels, of cells that a reference can afford, cover what is simulated?

REQUIRED INPUTS: the sets of labels, the committee and the assessment of a potential's last generation;
                 results/{composition}/replica{replica}/quenched.extxyz, results/{composition}/md/{temperature}K/replica{replica}.h5md
                 and md.json of the coolest and the hottest temperature
OUTPUTS: results/potentials/{potential}/training_environments.npz; results/{composition}/domain.json and .svg
"""


rule gather_environments:
    """The environments that training training_environments a potential, as its released model sees them, element by element; and how
    far held-out ones are from them: the threshold of a replica.

    Frames of the potentials that it started from count, where their labels are of the same reference. Once per
    potential, because all its compositions are compared with the same environments.
    """
    input:
        train=lambda wildcards: [
            rules.collect_labels.output.train.format(
                potential=name, generation=campaign.generations(name)[-1]
            )
            for name in campaign.learned_from(wildcards.potential)
        ],
        test=of_last_generation(rules.collect_labels.output.test),
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
        environments="results/potentials/{potential}/training_environments.npz",
    log:
        "logs/potentials/{potential}/gather_environments.log",
    benchmark:
        "logs/potentials/{potential}/gather_environments.benchmark.tsv"
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
        learned_from=lambda wildcards: campaign.learned_from(wildcards.potential),
        environments_per_element=lambda wildcards: campaign.potential_section(
            "domain", potential=wildcards.potential
        )["environments_per_element"],
        seed=campaign.settings.sweep.seed,
        code=code_of("gather_environments"),
    script:
        "../scripts/gather_environments.py"


rule assess_domain:
    """Which environments of the replicas, and of their dynamics at the coolest and the hottest temperature, no label
    covers: the share of atoms that are farther from every training environment of their element than held-out atoms
    are, with its error over replicas and held-out cells; and the force error that the committee expects there.
    """
    input:
        environments=lambda wildcards: rules.gather_environments.output.environments.format(
            potential=campaign.row(wildcards.composition).potential
        ),
        models=of_released(MODEL),
        checks=of_released(CHECK),
        assessment=of_released(f"{GENERATION}/assessment.json"),
        replicas=expand(
            "results/{{composition}}/replica{replica}/quenched.extxyz", replica=campaign.replicas
        ),
        coolest=f"results/{{composition}}/md/{campaign.temperatures_K[0]}K/md.json",
        coolest_trajectories=expand(
            "results/{{composition}}/md/{temperature}K/replica{replica}.h5md",
            temperature=campaign.temperatures_K[:1],
            replica=campaign.replicas,
        ),
        hottest=f"results/{{composition}}/md/{campaign.temperatures_K[-1]}K/md.json",
        hottest_trajectories=expand(
            "results/{{composition}}/md/{temperature}K/replica{replica}.h5md",
            temperature=campaign.temperatures_K[-1:],
            replica=campaign.replicas,
        ),
    output:
        domain="results/{composition}/domain.json",
        figure=report(
            "results/{composition}/domain.svg",
            category="Structure",
            labels={
                "composition": "{composition}",
                "temperature": "replica, coolest, hottest",
                "figure": "domain by labels",
            },
            caption="captions/domain.rst",
        ),
    log:
        "logs/{composition}/assess_domain.log",
    benchmark:
        "logs/{composition}/assess_domain.benchmark.tsv"
    group:
        shared("analysis_{composition}", rulename="assess_domain")
    conda:
        "../envs/learning.yaml"
    envmodules:
        *campaign.modules("learning"),
    threads: 1
    resources:
        **on_site,
        mem_mb=memory,
        runtime=runtime,
        serial_slot=1,
    params:
        domain=lambda wildcards: campaign.domain(wildcards.composition),
        code=code_of("assess_domain"),
    script:
        "../scripts/assess_domain.py"
