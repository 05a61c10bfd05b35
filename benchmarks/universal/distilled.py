"""How far the shipped distilled model serves other families of its elements: its errors against its teacher.

Small cells of each composition are melted by the model; the teacher labels frames of the melts. A cell whose melt ends
early is counted. Force errors by element (MAE, RMSE in meV/Å, slope of predicted over the teacher's forces).

usage: python benchmarks/universal/distilled.py [--compositions LiCl-AlCl3 …] [--teacher diep-r2scan]
"""

import argparse
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from ase import Atoms  # noqa: E402
from force_errors import errors_by_element  # noqa: E402

from saltflow.campaign.config_files import read_configuration  # noqa: E402
from saltflow.campaign.loading import load_campaign  # noqa: E402
from saltflow.campaign.potentials_table import read_potentials  # noqa: E402
from saltflow.campaign.settings.references import read_reference  # noqa: E402
from saltflow.learning.sampling.driving import drive_cells  # noqa: E402
from saltflow.learning.sampling.sampled_cells import pack_cells  # noqa: E402
from saltflow.materials.compositions import Composition  # noqa: E402
from saltflow.materials.frame_info import FrameInfo  # noqa: E402
from saltflow.potentials.mace import Committee, load_committee  # noqa: E402
from saltflow.potentials.universal.driver import UniversalDriver  # noqa: E402

DEMO = ROOT / "config/presets/demo/potentials.tsv"
FAMILIES = ("LiCl-AlCl3", "LiCl-AlOCl", "0.8Li2O-ZrCl4", "0.5Li2O+0.75LiCl-ZrCl4")
SIZE = {"cells": 3, "heldout_cells": 1, "atoms": 42}
MELT_K, MELT_PS, STRIDE_FS = (700, 1000, 1300), 3.0, 600.0


def melt_frames(composition: Composition, model: Committee, dynamics: dict, packing: dict) -> list[Atoms]:
    """Frames of melts by the model at each temperature, those of the relaxation left out."""
    cells = pack_cells(
        [composition], size=SIZE, density_scales=(0.8, 0.95, 1.1), packing=packing, seed=7, lineage="distilled"
    )
    with tempfile.TemporaryDirectory() as folder:
        frames = drive_cells(
            cells,
            model,
            temperatures_K=MELT_K,
            duration_ps=MELT_PS,
            stride_fs=STRIDE_FS,
            dynamics=dynamics,
            checkpoint_ps=10.0,
            seed=7,
            workdir=Path(folder),
            origin="melt",
        )
    ended = [FrameInfo.partial(frame).run_status for frame in frames]
    print(f"{composition.id}: melts {', '.join(status for status in ended if status)}")
    return [frame for frame in frames if (FrameInfo.partial(frame).time_ps or -1) > 0]


def main() -> None:
    """Melt, label and compare one composition after another."""
    configuration = read_configuration([])
    campaign = load_campaign(configuration)
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--compositions", nargs="*", choices=list(campaign.compositions), default=FAMILIES)
    parser.add_argument("--teacher", default="diep-r2scan")
    arguments = parser.parse_args()
    (row,) = read_potentials(DEMO, references=[]).values()
    model = load_committee([row.foundation], sha256=[row.foundation_sha256], device="cpu", dtype="float32")
    teacher = UniversalDriver(read_reference(configuration["references"], arguments.teacher))
    dynamics = dict(configuration["dynamics"])
    dynamics["timestep_fs"] = dynamics["timestep_fs"] | {"with_O_or_F": 2.0}
    for name in arguments.compositions:
        frames = melt_frames(campaign.compositions[name], model, dynamics, configuration["cells"])
        pairs = []
        for frame in frames:
            bound, *where = model.on_frame(frame)
            pairs.append((frame.symbols, bound.evaluate(*where).forces.numpy(), teacher.evaluate_cell(frame)[1]))
        print(f"{name}: {len(frames)} frames")
        for symbol, errors in errors_by_element(pairs).items():
            print(f"  {symbol:3} MAE {errors['MAE']:.0f}, RMSE {errors['RMSE']:.0f}, slope {errors['slope']:.2f}")
    teacher.close()


if __name__ == "__main__":
    main()
