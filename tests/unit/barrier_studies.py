"""A study of the crystal whose barriers are known, in tenths of a second."""

from barrier_models import Washboard, crystal

from saltflow.studies.barriers.barrier_study import study_barriers

SETTINGS = {
    "mechanism": "vacancy", "r_max_A": 5.0, "edge_A": 8.0, "images": 5, "end_force_eV_A": 0.01, "band_force_eV_A": 0.01,
    "end_steps": 200, "band_steps": 300, "temperatures_K": [500.0], "carriers_per_cm3": 1e21, "jumps": 5_000, "seed": 1,
}  # fmt: skip


def study(folder, model=None, **changes):
    return study_barriers(crystal(), model or Washboard(), mobile="Li", settings=SETTINGS | changes, folder=folder)
