"""Starting cells.

REQUIRED INPUTS: a row of the table of compositions; for a crystal its structure file.
OUTPUTS: results/{composition}/replica{replica}/cell.extxyz
"""


rule build_cell:
    """Pack salt and host at random into a cell of the start density, polyanions whole.

    The seed depends on the replica alone, so replicas are independent. A crystal is read from its file instead.
    """
    input:
        structure=lambda wildcards: campaign.structure_file(wildcards.composition),
    output:
        cell="results/{composition}/replica{replica}/cell.extxyz",
    log:
        "logs/{composition}/replica{replica}/build_cell.log",
    benchmark:
        "logs/{composition}/replica{replica}/build_cell.benchmark.tsv"
    conda:
        "../envs/dynamics.yaml"
    envmodules:
        *campaign.modules("dynamics"),
    threads: 1
    resources:
        mem_mb=memory,
        runtime=runtime,
    params:
        composition=identity,
        cells=section("cells"),
        seed=campaign.settings.sweep.seed,
    script:
        "../scripts/build_cell.py"
