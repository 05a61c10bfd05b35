"""Insertion electrodes of the hosts that `electrodes.structures_path` names; none without it.

REQUIRED INPUTS: the structure files, results/potentials/{potential}/released.model where the table names one
OUTPUTS: results/studies/electrodes/{electrode}/electrode.json, with structures, trajectories and figures beside it;
         results/studies/electrodes/voltages.tsv and .svg, page.json for the results page
"""


rule compute_electrode:
    """Voltage, stable phases and volume of a host over its ions; where the options ask for it, filling at voltages,
    diffusion, and cycles of charge and discharge as dynamics.

    A host that cannot be studied has a record that says why. A job that was killed goes on where it was.
    """
    input:
        structure=ask.electrode("structure_file"),
        model=ask.pinned(ask.electrode("model")),
        release=ask.pinned(ask.electrode("release_record")),
    output:
        record="results/studies/electrodes/{electrode}/electrode.json",
    log:
        spec["compute_electrode"].log,
    benchmark:
        spec["compute_electrode"].benchmark
    group:
        group("compute_electrode")
    conda:
        "../../envs/dynamics.yaml"
    envmodules:
        *campaign.modules("dynamics"),
    threads: 1
    resources:
        **resources,
        serial_slot=1,
    params:
        electrode=ask.electrode("identity"),
        options=ask.electrode("options"),
        potential=ask.electrode("driver"),
        protocol=campaign.settings.electrodes.protocol,
    script:
        "../../scripts/compute_electrode.py"


rule tabulate_electrodes:
    """Every host with its status, its voltages and what its cycles leave, in the order of the table."""
    input:
        records=ask.of_electrodes(rules.compute_electrode.output.record),
    output:
        table=shown(
            "results/studies/electrodes/voltages.tsv",
            "summary",
            "electrodes",
            caption="electrodes",
        ),
        figure=shown(
            "results/studies/electrodes/voltages.svg",
            "summary",
            "electrodes, drawn",
            caption="electrodes",
        ),
        page="results/studies/electrodes/page.json",
    log:
        spec["tabulate_electrodes"].log,
    benchmark:
        spec["tabulate_electrodes"].benchmark
    localrule: spec["tabulate_electrodes"].is_local
    conda:
        "../../envs/dynamics.yaml"
    envmodules:
        *campaign.modules("dynamics"),
    threads: 1
    resources:
        **resources,
    params:
        electrodes=campaign.electrode_facts,
        hosts_shown=campaign.settings.electrodes.shown,
        code=code_of("tabulate_electrodes"),
    script:
        "../../scripts/tabulate_electrodes.py"
