"""Quantum-mechanical labels.

REQUIRED INPUTS: results/potentials/{potential}/generation{generation}/frames.extxyz
OUTPUTS: …/labels/chunk{chunk}.extxyz and .ledger.tsv per chunk, …/dataset/{train,valid,test}.extxyz,
         …/dataset/ledger.tsv; results/references/{reference}/{element}.json
"""

DATASET = "results/potentials/{potential}/generation{generation}/dataset"


rule label_atom:
    """Energy of an isolated atom by the settings of the reference: the zero of the potentials' energies."""
    output:
        energy="results/references/{reference}/{element}.json",
    log:
        "logs/references/{reference}/{element}.log",
    benchmark:
        "logs/references/{reference}/{element}.benchmark.tsv"
    group:
        shared("atoms_{reference}", rulename="label_atom")
    conda:
        "../envs/reference.yaml"
    envmodules:
        *campaign.modules("reference"),
    threads: 1
    resources:
        **on_site,
        mem_mb=memory,
        runtime=runtime,
        serial_slot=1,
    params:
        reference=lambda wildcards: campaign.reference_identity(wildcards.reference),
        protocol=campaign.settings.labels.protocol,
    script:
        "../scripts/label_atom.py"


rule label_frames:
    """Energies, forces and stresses of one chunk of frames; a failed frame is data, with its reason.

    A chunk that was killed goes on with the next frame.
    """
    input:
        frames="results/potentials/{potential}/generation{generation}/frames.extxyz",
    output:
        frames="results/potentials/{potential}/generation{generation}/labels/chunk{chunk}.extxyz",
        ledger="results/potentials/{potential}/generation{generation}/labels/chunk{chunk}.ledger.tsv",
    log:
        "logs/potentials/{potential}/generation{generation}/label_frames{chunk}.log",
    benchmark:
        "logs/potentials/{potential}/generation{generation}/label_frames{chunk}.benchmark.tsv"
    conda:
        "../envs/reference.yaml"
    envmodules:
        *campaign.modules("reference"),
    threads: cores
    resources:
        **on_site,
        mem_mb=memory,
        runtime=runtime,
    params:
        reference=lambda wildcards: campaign.reference_identity(
            campaign.potentials[wildcards.potential].reference
        ),
        labels=lambda wildcards: campaign.labelling(wildcards.potential),
    script:
        "../scripts/label_frames.py"


rule collect_labels:
    """Put the labels of a generation with those before: training, validation and held-out frames, and the ledger.

    Whole lineages go to one set, so that nothing leaks. Labelled sets from elsewhere join the first generation, and
    labels of two methods are refused. Too many failed labels stop the run with a table.
    """
    input:
        frames=in_chunks(rules.label_frames.output.frames),
        ledgers=in_chunks(rules.label_frames.output.ledger),
        imported=lambda wildcards: [
            ancient(each["path"])
            for each in campaign.imported(
                wildcards.potential, int(wildcards.generation)
            )
        ],
        previous_train=of_generation(f"{DATASET}/train.extxyz", back=1),
        previous_valid=of_generation(f"{DATASET}/valid.extxyz", back=1),
        previous_test=of_generation(f"{DATASET}/test.extxyz", back=1),
    output:
        train=f"{DATASET}/train.extxyz",
        valid=f"{DATASET}/valid.extxyz",
        test=f"{DATASET}/test.extxyz",
        ledger=f"{DATASET}/ledger.tsv",
    log:
        "logs/potentials/{potential}/generation{generation}/collect_labels.log",
    benchmark:
        "logs/potentials/{potential}/generation{generation}/collect_labels.benchmark.tsv"
    conda:
        "../envs/reference.yaml"
    envmodules:
        *campaign.modules("reference"),
    threads: 1
    resources:
        mem_mb=memory,
        runtime=runtime,
    params:
        reference=lambda wildcards: campaign.reference_identity(
            campaign.potentials[wildcards.potential].reference
        ),
        imported=lambda wildcards: campaign.imported(
            wildcards.potential, int(wildcards.generation)
        ),
        elements=lambda wildcards: campaign.elements(wildcards.potential),
        max_force_eV_A=lambda wildcards: campaign.labelling(wildcards.potential)[
            "max_force_eV_A"
        ],
        max_failed_fraction=lambda wildcards: campaign.potential_section(
            "labels", potential=wildcards.potential
        )["max_failed_fraction"],
        valid_fraction=lambda wildcards: campaign.learning(wildcards.potential)[
            "training"
        ]["valid_fraction"],
    script:
        "../scripts/collect_labels.py"
