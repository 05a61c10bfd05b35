"""Cells: packed or crystalline, then quenched with the released potential.

REQUIRED INPUTS: a row of compositions.tsv; for a crystal its structure file; results/potentials/{potential}/released.model
OUTPUTS: results/{composition}/replica{replica}/cell.extxyz, quenched.extxyz, quench.json, quench.h5md
"""


rule build_cell:
    """Pack salt and host at random into a cell of the start density, polyanions whole.

    The seed depends on the replica alone, so replicas are independent. A crystal is read from its file instead.
    """
    input:
        structure=composition("structure_file"),
    output:
        cell="results/{composition}/replica{replica}/cell.extxyz",
    log:
        spec["build_cell"].log,
    benchmark:
        spec["build_cell"].benchmark
    localrule: spec["build_cell"].is_local
    conda:
        "../envs/dynamics.yaml"
    envmodules:
        *campaign.modules("dynamics"),
    threads: 1
    resources:
        **resources,
    params:
        composition=composition("identity"),
        cells=section("cells"),
        seed=campaign.settings.sweep.seed,
    script:
        "../scripts/build_cell.py"


include: "quench_together.smk" if campaign.settings.execution.quench_together else "quench.smk"
