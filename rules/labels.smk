"""Reference data.

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
        spec["label_atom"].log,
    benchmark:
        spec["label_atom"].benchmark
    group:
        group("label_atom")
    conda:
        "../envs/reference.yaml"
    envmodules:
        *campaign.modules("reference"),
    threads: 1
    resources:
        **resources,
        serial_slot=1,
    params:
        reference=ask.reference,
        protocol=campaign.settings.labels.protocol,
    script:
        "../scripts/label_atom.py"


rule label_frames:
    """Energies, forces and stresses of one chunk of frames; a failed frame is data, with its reason.

    A chunk that was killed resumes with the next frame.
    """
    input:
        frames="results/potentials/{potential}/generation{generation}/frames.extxyz",
    output:
        frames="results/potentials/{potential}/generation{generation}/labels/chunk{chunk}.extxyz",
        ledger="results/potentials/{potential}/generation{generation}/labels/chunk{chunk}.ledger.tsv",
    log:
        spec["label_frames"].log,
    benchmark:
        spec["label_frames"].benchmark
    conda:
        "../envs/reference.yaml"
    envmodules:
        *campaign.modules("reference"),
    threads: ask.cores("label_frames")
    resources:
        **resources,
    params:
        reference=potential("reference_identity"),
        labels=potential("labelling"),
    script:
        "../scripts/label_frames.py"


rule collect_labels:
    """Join the labels of a generation with those before: training, validation and held-out frames, and the ledger.

    Whole lineages go to one set, so that nothing leaks. Labelled sets from elsewhere join the first generation, and
    labels of two methods are refused. Too many failed labels stop the run with a table.
    """
    input:
        frames=generation("labels"),
        ledgers=generation("ledgers"),
        imported=ask.imported_files,
        previous_train=generation("train", back=1),
        previous_valid=generation("valid", back=1),
        previous_test=generation("test", back=1),
    output:
        train=f"{DATASET}/train.extxyz",
        valid=f"{DATASET}/valid.extxyz",
        test=f"{DATASET}/test.extxyz",
        ledger=f"{DATASET}/ledger.tsv",
    log:
        spec["collect_labels"].log,
    benchmark:
        spec["collect_labels"].benchmark
    localrule: spec["collect_labels"].is_local
    conda:
        "../envs/reference.yaml"
    envmodules:
        *campaign.modules("reference"),
    threads: 1
    resources:
        **resources,
    params:
        reference=potential("reference_identity"),
        imported=ask.imported,
        elements=potential("elements"),
        max_force_eV_A=potential("labelling.max_force_eV_A"),
        max_failed_fraction=potential("sections.labels.max_failed_fraction"),
        valid_fraction=potential("learning.training.valid_fraction"),
    script:
        "../scripts/collect_labels.py"
