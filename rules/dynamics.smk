"""Molecular dynamics of every state point.

REQUIRED INPUTS: results/{composition}/replica{replica}/quenched.extxyz, results/potentials/{potential}/released.model
DEFINES: quenched, the replicas of a composition; md_record and md_trajectories of a state point.
"""

quenched = ask.of_replicas("results/{composition}/replica{replica}/quenched.extxyz")
md_record = "results/{composition}/md/{temperature}K/md.json"
md_trajectories = ask.of_replicas(
    "results/{composition}/md/{temperature}K/replica{replica}.h5md"
)


include: "md_together.smk" if campaign.settings.execution.temperatures_together else "md.smk"
