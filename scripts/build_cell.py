"""Pack, or read, the starting cell of one replica."""

from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import derive_seed, identity, title
from saltflow.labels.frames import write_frames
from saltflow.materials.cells import build_cell, check_acceptance, packing_units
from saltflow.materials.compositions import Composition
from saltflow.materials.frame_info import FrameInfo
from saltflow.operations.job_log import start_job

job = snakemake  # noqa: F821
start_job(job, subject=title(identity(job.wildcards)))

composition = Composition.from_identity(job.params.composition)
cells = job.params.cells
cell = build_cell(
    composition,
    atoms=cells["atoms"],
    density_scale=cells["density_scale"],
    seed=derive_seed(job.params.seed, composition.id, "replica", job.wildcards.replica),
    min_separation_factor=cells["min_separation_factor"],
    min_separations_A=cells["min_separations_A"],
)
problems = check_acceptance(
    cell,
    start_density_g_cm3=FrameInfo.of(cell).start_density_g_cm3,
    units=packing_units(composition, FrameInfo.of(cell).formula_units),
    **cells["acceptance"],
)
if problems:
    raise SaltflowError(f"{composition.id}: the starting cell fails: {' '.join(problems)} Lower cells.density_scale.")
write_frames(job.output.cell, [cell])
