"""What a sweep would run, why, and what it would cost: from the graph of its jobs to plan.json.

`saltflow.operations.plan.document.make_plan` gives a JSON-able mapping. Hours are rounded to three digits.

saltflow: version. made: when, UTC. directory: of the sweep. command: that would run it. profile: or None.
settings_digest: of settings and compositions; settings: dotted key → value of all that is set, overrides included.
counts: {due, done, failed (of the due ones), submissions (a group is one)}.
rules: in the order of the flow: {rule, title, stage, where: local|cpu|gpu, due, done, failed, submissions (a group
    counts for the rule of its first job),
    cpu_hours, gpu_hours: {expected, upper}, memory_MB, runtime_min: of the largest due job or None, basis or None}.
reasons: {rule, kind: new|input changed|setting changed|protocol raised|code changed|incomplete|failed before|forced|
    upstream, detail: which setting: old → new, or which input, jobs, examples: at most three}. A job counts once.
loss: finished long jobs that are due again: {cpu_hours, gpu_hours, rules: [{rule, jobs, cpu_hours, gpu_hours}],
    because: what changed, jobs: names, sentence}.
stages: all of them, in order.
compositions: {id, potential, stages: {stage: {due, done, failed}}, temperatures: [{K, stages}], cpu_hours, gpu_hours
    (expected), storage_GB (at the end)}; potentials: {id, stages, cpu_hours, gpu_hours, storage_GB, last_generation:
    expected to converge, labels: {expected, upper}; None where it learns nothing}.
graph: {nodes: [{rule, stage, due, done, failed}], edges: [[from, to]]}, of rules.
totals: {cpu_hours, gpu_hours: {expected, upper}, labels: None where nothing learns or {expected, upper, basis: "N
    finished generations of this sweep"|"learning curves of small models"}, with those that are there, wall_hours:
    [{cpu_nodes, gpu_nodes, expected}], largest_job: None or {rule, subject, memory_MB, cpus, gpus, runtime_min},
    peak_queued, peak_submissions_per_minute, storage_GB: {end, peak, new: to be written from now on}, files}.
prices: {accuracies: [{D_relative_error, sigma_E_relative_error, known_share (of the state points), cpu_hours,
    gpu_hours, storage_GB, wall_hours (on a middling number of nodes), euro, kWh, kg_CO2 (None without
    execution.prices), by_published_rates: None or hours and GB, stages: {stage: hours and GB}, compositions: {id:
    {stage: hours and GB}}}], none where lengths are fixed; published: rows of the calibration; dominant: [{rule, unit,
    hours, share}]; savings: the three settings that would save most, [{setting, before, after, loss, cpu_hours,
    gpu_hours, storage_GB, cpu_share, gpu_share}]}. All of them are expected.
limits: that would be broken: {limit, allowed, requested, rule ('' for the whole sweep), sentence}.
unchecked: sentences about what may go wrong although no limit is known to be broken.
estimates: {rule, done_by: a device or the code of a reference, basis: "N finished jobs of this sweep"|"calibration of
    DATE on MACHINE"|"published"|"assumed", conditions: of the calibration, seconds_per_unit, unit}.
notes: sentences that a reader must know.
difference: None where no plan has been approved, or {approved_at, approved_by, sentences, changes: [{what, before,
    after}]}.

The graph of jobs itself (`saltflow.operations.plan.dag.Dag`) is filled by scripts/engine/dag.py, which asks Snakemake.
"""
