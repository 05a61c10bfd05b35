"""Pack, or read, the starting cell of one glass."""

from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import derive_seed
from saltflow.labels.frames import write_frames
from saltflow.materials.cells import build_cell, check_gates, packing_units
from saltflow.materials.compositions import Composition
from saltflow.operations.job_log import start_job

job = snakemake  # noqa: F821
start_job(job, subject=job.wildcards.composition)

composition = Composition.from_identity(job.params.composition)
structures = job.params.structures
cell = build_cell(
    composition,
    atoms=structures["atoms"],
    density_scale=structures["density_scale"],
    seed=derive_seed(job.params.seed, composition.id, "glass", job.wildcards.glass),
    min_separation_factor=structures["min_separation_factor"],
    min_separations_A=structures["min_separations_A"],
)
problems = check_gates(
    cell,
    start_density_g_cm3=cell.info["start_density_g_cm3"],
    units=packing_units(composition, cell.info["formula_units"]),
    **structures["gates"],
)
if problems:
    raise SaltflowError(
        f"{composition.id}: the starting cell fails: {' '.join(problems)} Lower structures.density_scale."
    )
write_frames(job.output.cell, [cell])
