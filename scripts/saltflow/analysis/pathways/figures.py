"""Figures of the pathways: density of the ions, and its percolation over free energy."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm

from saltflow.analysis.pathways.volumes import DensityVolume
from saltflow.base.plotting import COLOURS, figure_of, legend, say

DARKEST_TO_PALEST = 300.0


def plot_pathways(result: Mapping, volume: DensityVolume | None, path: str | Path, *, title: str) -> None:
    """The density projected along the third cell vector, with its bottlenecks; percolating fractions over free energy.

    Args:
        result: of `analyse_pathways`.
        volume: the density that came with it.
        path: SVG to write.
        title: composition and temperature.
    """
    with figure_of(path, columns=3, title=f"{title} — {result['status']}", size=(12, 3.6)) as axes:
        if volume is None:
            say(axes, f"No trajectory to analyse ({result['reason']}).")
            return
        projection, parts, ions = axes
        _draw_projection(projection, volume, result["per_replica"][0]["bottlenecks"])
        _draw_curves(parts, result, "percolating_volume_fraction", "fraction of the volume")
        volumes = np.array(result["curves"]["volume_fraction"])
        parts.plot(result["curves"]["free_energy_eV"], volumes, color="0.6", ls=":", label="all voxels", zorder=0)
        _draw_curves(ions, result, "percolating_ion_fraction", f"fraction of the {result['mobile_ion']} ions")
        legend(parts, place="right upper")


def _draw_projection(axis: Axes, volume: DensityVolume, bottlenecks: Mapping[str, Mapping]) -> None:
    first_A, second_A = _plane(volume.framework.cell.array)
    shape = volume.density.shape
    corners = np.stack(np.meshgrid(*(np.arange(edge + 1) / edge for edge in shape[:2]), indexing="ij"), axis=-1)
    places_A = corners @ np.stack([first_A, second_A])
    projected = volume.density.mean(axis=2)
    norm = LogNorm(max(projected.max() / DARKEST_TO_PALEST, 1e-6), projected.max())
    image = axis.pcolormesh(
        places_A[..., 0], places_A[..., 1], np.maximum(projected, norm.vmin), norm=norm, cmap="Greys", rasterized=True
    )
    axis.figure.colorbar(image, ax=axis, label="density / mean, replica 1")
    for colour, (name, each) in zip(COLOURS, bottlenecks.items(), strict=False):
        x, y = np.array(each["fractional"][:2]) @ np.stack([first_A, second_A])
        axis.plot(x, y, "o", color=colour, fillstyle="none", markersize=9 - int(name[0]))
        axis.annotate(name, (x, y), xytext=(4, 4), textcoords="offset points", color=colour, fontsize=7)
    axis.set(xlabel="along a (Å)", ylabel="across a (Å)", aspect="equal", title="circles: bottlenecks")


def _plane(cell_A: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first two cell vectors in their own plane, the first along x."""
    first, second = cell_A[:2]
    length = np.linalg.norm(first)
    along = second @ first / length
    return np.array([length, 0.0]), np.array([along, np.sqrt(max(second @ second - along**2, 0.0))])


def _draw_curves(axis: Axes, result: Mapping, name: str, label: str) -> None:
    curves = result["curves"]
    energies_eV = np.array(curves["free_energy_eV"])
    values, errors = np.array(curves[name]), curves[f"{name}_error"]
    for index, dimensions in enumerate(curves["dimensions"]):
        axis.plot(energies_eV, values[:, index], color=COLOURS[index], label=f"percolates in {dimensions}")
        if errors is not None:
            band = np.array(errors)[:, index]
            low, high = values[:, index] - band, values[:, index] + band
            axis.fill_between(energies_eV, low, high, alpha=0.2, lw=0, color=COLOURS[index])
        threshold = result["quantities"][f"threshold_{dimensions}_eV"]["value"]
        if threshold is not None:
            axis.axvline(threshold, color=COLOURS[index], lw=0.8, ls="--")
    axis.set(xlabel="free energy −kT ln(ρ/mean) (eV)", ylabel=label, ylim=(-0.02, 1.02))
