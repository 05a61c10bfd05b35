"""Starting cells.

REQUIRED INPUTS: a row of the table of compositions; for a crystal its structure file.
OUTPUTS: results/{composition}/glass{glass}/packed.extxyz
"""


rule build_glass:
    """Pack salt and host at random into a cell of the start density, polyanions whole.

    The seed depends on the glass alone, so glasses are independent. A crystal is read from its file instead.
    """
    input:
        structure=lambda wildcards: campaign.structure_file(wildcards.composition),
    output:
        cell="results/{composition}/glass{glass}/packed.extxyz",
    log:
        "logs/{composition}/glass{glass}/build_glass.log",
    benchmark:
        "logs/{composition}/glass{glass}/build_glass.benchmark.tsv"
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
        structures=section("structures"),
        seed=campaign.settings.sweep.seed,
    script:
        "../scripts/build_glass.py"
