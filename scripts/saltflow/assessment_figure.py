"""The figure of an assessment: predicted forces over the reference's, and errors over the committee's spread."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from saltflow.plotting import figure_of, legend


def plot_assessment(predictions: Sequence[Mapping], assessment: Mapping, path: str | Path) -> None:
    """Predicted over reference force components on held-out frames, and error over committee spread.

    Args:
        predictions: of `assessment.predict`.
        assessment: of `assessment.assess`.
        path: SVG to write.
    """
    heldout = assessment["heldout"]
    title = f"generation {assessment['generation']}: held-out force RMSE {heldout['force_rmse_meV_A']:.0f} meV/Å"
    if before := assessment["previous_generation_on_same_frames"]:
        title += f" (generation before: {before['force_rmse_meV_A']:.0f})"
    with figure_of(path, columns=2, title=title, size=(9, 3.6)) as (parity, spread):
        for name in sorted({prediction["composition"] for prediction in predictions}):
            ours = [prediction for prediction in predictions if prediction["composition"] == name]
            reference = np.concatenate([each["reference_forces_eV_A"].ravel() for each in ours])
            predicted = np.concatenate([each["forces_eV_A"].ravel() for each in ours])
            parity.plot(reference, predicted, ".", markersize=2, label=name, rasterized=True)
            deviation = np.concatenate(
                [np.linalg.norm(each["forces_eV_A"] - each["reference_forces_eV_A"], axis=1) for each in ours]
            )
            known = np.concatenate([each["force_spread_eV_A"] for each in ours])
            if known.any():
                spread.loglog(known, deviation, ".", markersize=2, rasterized=True)
        parity.axline((0, 0), slope=1, color="0.6", lw=0.8, zorder=0)
        parity.set(xlabel="reference force component (eV/Å)", ylabel="predicted (eV/Å)")
        parity.set_aspect("equal", adjustable="datalim")
        legend(parity, place="right upper", markerscale=5)
        if not spread.has_data():
            spread.set_axis_off()
            spread.text(0.5, 0.5, "One model alone has no spread.", transform=spread.transAxes, ha="center")
            return
        spread.axline((0.1, 0.1), (1, 1), color="0.6", lw=0.8, zorder=0)
        spread.set(xlabel="committee spread of an atom's force (eV/Å)", ylabel="its error (eV/Å)")
