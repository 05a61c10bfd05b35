"""saltflow: from a table of solid electrolytes to conductivities with honest error bars.

snakemake -n                            what would run, and why each job would
snakemake --profile profiles/local      run it on this machine
snakemake --profile profiles/slurm      run it on a cluster
"""

from snakemake.utils import min_version

min_version("9.27")


configfile: f"{workflow.basedir}/config/config.yaml"


include: "rules/common.smk"
include: "rules/structures.smk"
include: "rules/labels.smk"
include: "rules/learning.smk"
include: "rules/dynamics.smk"
include: "rules/domain.smk"
include: "rules/transport.smk"
include: "rules/mechanism.smk"
include: "rules/coupling.smk"
include: "rules/summary.smk"


report: "rules/captions/workflow.rst"


localrules:
    all,
    build_cell,
    collect_labels,
    release_potential,
    describe_dataset,
    fit_arrhenius,
    fit_residence,
    draw_pathways,
    tabulate_conductivity,
    tabulate_structure,
    rank_electrolytes,


rule all:
    """The conductivity table, the ranking and the mechanism of the whole sweep."""
    default_target: True
    input:
        rules.tabulate_conductivity.output,
        rules.tabulate_structure.output,
        rules.rank_electrolytes.output,
        rules.relate_order.output,
        expand(rules.fit_arrhenius.output, composition=campaign.swept),
        expand(rules.assess_domain.output, composition=campaign.swept),
        expand(rules.describe_dataset.output, potential=campaign.needed_potentials),
        expand(rules.assess_loco.output, potential=campaign.with_loco),
        expand(rules.fit_residence.output, composition=campaign.swept),
        expand(rules.draw_pathways.output, composition=campaign.swept),
        expand(
            [
                *rules.analyse_structure.output,
                *rules.analyse_motion.output,
                *rules.analyse_pathways.output,
                *rules.analyse_spectra.output,
            ],
            composition=campaign.swept,
            temperature=campaign.temperatures_K,
        ),
        expand(rules.relate_coupling.output, composition=campaign.coupled),
