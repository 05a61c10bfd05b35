"""saltflow: from a table of solid electrolytes to conductivities with honest error bars.

snakemake -n                            what would run, and why each job would
snakemake --profile profiles/local      run it on this machine
snakemake --profile profiles/slurm      run it on a cluster
"""

from snakemake.utils import min_version

min_version("9.27")


configfile: f"{workflow.basedir}/config/expert.yaml"
configfile: f"{workflow.basedir}/config/config.yaml"


include: "rules/common.smk"
include: "rules/labels.smk"
include: "rules/sampling.smk"
include: "rules/learning.smk"
include: "rules/cells.smk"
include: "rules/dynamics.smk"
include: "rules/structure.smk"
include: "rules/transport.smk"
include: "rules/mechanism.smk"
include: "rules/coupling.smk"
include: "rules/validation.smk"
include: "rules/studies/barriers.smk"
include: "rules/studies/screening.smk"
include: "rules/studies/electrodes.smk"
include: "rules/summary.smk"


report: "rules/captions/workflow.rst"


rule all:
    """The conductivity table, the ranking, and every analysis that the sweep asks for."""
    default_target: True
    input:
        ask.all_products(rules),
