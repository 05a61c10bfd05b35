"""An interactive isosurface of a density, as one HTML file.

Plotly's library and the mesh are embedded, compressed from 5 to 1.5 MB; the browser unpacks them.
"""

import base64
import gzip
from collections.abc import Mapping
from pathlib import Path
from string import Template

import numpy as np

from saltflow.analysis.pathways.volumes import DensityVolume
from saltflow.base.plotting import COLOURS
from saltflow.base.provenance import atomic_write

MOST_TRIANGLES = 60_000
DIMENSIONS = ("1D", "2D", "3D")
PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>$title</title>
<style>
body { font: 14px/1.4 system-ui, sans-serif; margin: 1rem; color: #222; }
h1 { font-size: 1.1rem; margin: 0; }
p { margin: .3rem 0; max-width: 60rem; }
#picture { height: 75vh; min-height: 24rem; }
</style>
</head>
<body>
<h1>$title</h1>
<p>$sentence</p>
<div id="picture"></div>
<script type="application/gzip" id="library">$library</script>
<script type="application/gzip" id="figure">$figure</script>
<script>
async function unpack(id) {
  const bytes = Uint8Array.from(atob(document.getElementById(id).textContent), (c) => c.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
}
(async () => {
  const library = document.createElement("script");
  library.textContent = await unpack("library");
  document.head.append(library);
  const figure = JSON.parse(await unpack("figure"));
  await Plotly.newPlot("picture", figure.data, figure.layout, {responsive: true, displaylogo: false});
})().catch((error) => {
  document.getElementById("picture").textContent =
    "The picture needs a browser of 2023 or later with WebGL (" + error + ").";
});
</script>
</body>
</html>
""")


def write_picture(result: Mapping, volume: DensityVolume | None, path: str | Path, *, title: str) -> None:
    """Write the isosurface at the percolation threshold, with the framework's atoms and the bottlenecks.

    Args:
        result: of `analyse_pathways`.
        volume: the density that came with it.
        path: HTML to write.
        title: composition and temperature.
    """
    if volume is None:
        page = f"<!doctype html><title>{title}</title><p>{title}: no trajectory to analyse ({result['reason']}).</p>\n"
    else:
        level, sentence = _level(result, volume)
        page = PAGE.substitute(
            title=title, sentence=sentence, library=_packed(_library()), figure=_packed(_figure(result, volume, level))
        )
    with atomic_write(path) as temporary:
        temporary.write_text(page)


def _packed(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def _library() -> str:
    from plotly.offline import get_plotlyjs

    return get_plotlyjs()


def _level(result: Mapping, volume: DensityVolume) -> tuple[float, str]:
    """The density of the surface, and a sentence on it."""
    warning = f" Status: {result['status']}." if result["status"] != "ok" else ""
    for dimensions, level in reversed(list(zip(DIMENSIONS, volume.thresholds, strict=True))):
        if level is not None:
            energy_eV = -volume.kT_eV * np.log(level)
            what = f"the density of {result['mobile_ion']} at which it first percolates in {dimensions}"
            return (
                level,
                f"Surface: {what} (free energy {energy_eV:.3f} eV from a uniform density). Replica 1.{warning}",
            )
    descending = np.sort(volume.density.ravel())[::-1]
    half = int(np.searchsorted(np.cumsum(descending), descending.sum() / 2))
    sentence = (
        f"The density of {result['mobile_ion']} does not percolate; the surface holds half of the ions. Replica 1."
    )
    return float(descending[half]), sentence + warning


def _figure(result: Mapping, volume: DensityVolume, level: float) -> str:
    """The plot as JSON of Plotly."""
    from plotly import graph_objects

    cell_A = volume.framework.cell.array
    vertices_A, faces = isosurface(volume, level)
    x, y, z = vertices_A.astype(np.float32).T
    i, j, k = faces.astype(np.int32).T
    surface = graph_objects.Mesh3d(
        x=x, y=y, z=z, i=i, j=j, k=k, color=COLOURS[0], opacity=0.6, name=result["mobile_ion"], showlegend=True,
        hoverinfo="skip", lighting={"ambient": 0.6},
    )  # fmt: skip
    layout = graph_objects.Layout(
        scene={"aspectmode": "data", **{f"{axis}axis": {"title": f"{axis} (Å)"} for axis in "xyz"}},
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        legend={"itemsizing": "constant"},
    )
    traces = [surface, _box(graph_objects, cell_A), *_atoms(graph_objects, volume)]
    traces += _bottlenecks(graph_objects, result["per_replica"][0]["bottlenecks"])
    return graph_objects.Figure(traces, layout).to_json()


def isosurface(volume: DensityVolume, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Triangles of an isosurface, continuous across the borders of the cell.

    Args:
        volume: the density.
        level: of the surface.

    Returns:
        vertices in Å, (vertices, 3), and their numbers, (triangles, 3); both empty where there is no surface.
    """
    from skimage.measure import marching_cubes

    positive = volume.density[volume.density > 0].min()
    energies = -np.log(np.maximum(volume.density, positive / 10))
    wanted = -np.log(level)
    if not energies.min() < wanted < energies.max():
        return np.empty((0, 3)), np.empty((0, 3), dtype=int)
    closed = np.pad(energies, (0, 1), mode="wrap")
    for step in range(1, max(2, min(energies.shape) // 2)):
        vertices, faces, _, _ = marching_cubes(closed, wanted, step_size=step)
        if len(faces) <= MOST_TRIANGLES:
            break
    return (vertices + 0.5) / energies.shape @ volume.framework.cell.array, faces


def _box(graph_objects, cell_A: np.ndarray):
    corners = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
    paths = [np.vstack([corners + [0, 0, height], [[0, 0, height]]]) for height in (0, 1)]
    paths += [np.array([corner, corner + [0, 0, 1]]) for corner in corners]
    gap = np.full((1, 3), np.nan)
    x, y, z = np.vstack([part for path in paths for part in (path @ cell_A, gap)]).T
    return graph_objects.Scatter3d(
        x=x, y=y, z=z, mode="lines", line={"color": "#888", "width": 2}, hoverinfo="skip", showlegend=False
    )


def _atoms(graph_objects, volume: DensityVolume) -> list:
    symbols, traces = np.array(volume.framework.get_chemical_symbols()), []
    for number, symbol in enumerate(sorted(set(symbols))):
        x, y, z = volume.framework.positions[symbols == symbol].T
        marker = {"size": 3, "color": COLOURS[(number + 1) % len(COLOURS)]}
        traces.append(graph_objects.Scatter3d(x=x, y=y, z=z, mode="markers", name=f"{symbol} (mean)", marker=marker))
    return traces


def _bottlenecks(graph_objects, bottlenecks: Mapping[str, Mapping]) -> list:
    return [
        graph_objects.Scatter3d(
            x=[each["position_A"][0]], y=[each["position_A"][1]], z=[each["position_A"][2]], mode="markers",
            name=f"bottleneck {name}", marker={"size": 7, "color": "black", "symbol": symbol},
        )
        for symbol, (name, each) in zip(("cross", "x", "diamond"), bottlenecks.items(), strict=False)
    ]  # fmt: skip
