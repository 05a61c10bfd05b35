// Blocks: the pieces of the part of a composition or of a study, and the viewer of structures.
async function drawBlocks(into, blocks) {
  const later = [];
  for (const block of blocks) {
    const box = element("div", { class: "block" }, element("h3", {}, block.title));
    into.append(box);
    later.push(BLOCKS[block.kind](box, block));
    if (block.note) box.append(element("p", { class: "small quiet" }, block.note));
  }
  await Promise.all(later);
}
const BLOCKS = {
  text: (box, block) => { box.append(...block.paragraphs.map((each) => element("p", {}, each))); },
  listing: (box, block) => { box.append(element("pre", { tabindex: "0" }, block.content)); },
  links: (box, block) => { box.append(element("ul", { class: "files" }, ...block.links.map(([label, href]) => element("li", {}, element("a", { href }, label))))); },
  table: drawTable,
  plots: drawPanels,
  structure: drawStructure,
};

function drawTable(box, block) {
  if (!block.rows.length) return;
  const number = (cell) => typeof cell === "number" || (cell !== null && typeof cell === "object");
  const shown = (cell) => {
    if (cell === null) return "–";
    if (typeof cell !== "object") return typeof cell === "number" ? (Number.isInteger(cell) ? String(cell) : rounded(cell, 4)) : cell;
    return withError(cell.value, cell.error);
  };
  const make = (cell, index) => {
    const doubts = cell?.doubts ?? [];
    if (!index) return element("th", { scope: "row" }, shown(cell));
    return element("td", { class: [number(cell) ? "number" : "", doubts.length ? "doubtful" : ""].join(" ").trim() || null, title: doubts.join("; ") || null }, shown(cell));
  };
  const head = block.columns.some(Boolean) && element("thead", {}, element("tr", {}, ...block.columns.map((name, index) => element("th", { scope: "col", class: index && block.rows.some((row) => number(row[index])) ? "number" : null }, name))));
  const doubts = [...new Set(block.rows.flat().flatMap((cell) => cell?.doubts ?? []))];
  const table = element("table", {}, head || null, element("tbody", {}, ...block.rows.map((row) => element("tr", {}, ...row.map(make)))));
  box.append(element("div", { class: "wide", tabindex: "0", role: "region", "aria-label": block.title }, table));
  if (doubts.length) box.append(element("p", { class: "small quiet" }, `Grey, in brackets: ${doubts.join("; ")}.`));
}

async function drawPanels(box, block) {
  if (!block.panels.length) {
    box.append(element("div", { class: "plot empty" }, block.empty));
    return;
  }
  const grid = element("div", { class: block.panels.length === 1 ? "" : [2, 4].includes(block.panels.length) ? "panels two" : "panels" });
  box.append(grid);
  const targets = block.panels.map(() => element("div", { class: "plot" }));
  grid.append(...block.panels.map((panel, place) => element("div", {}, panel.title ? element("p", { class: "panel-title" }, panel.title) : null, targets[place])));
  for (const [place, panel] of block.panels.entries()) await drawPanel(targets[place], panel, block.title);
}
function drawPanel(target, panel, title) {
  const type = (name) => (panel.log.includes(name) ? "log" : panel.traces[0] && typeof panel.traces[0][name][0] === "string" ? "category" : "linear");
  const traces = () => panel.traces.map((each) => {
    const shade = each.doubtful ? css("--quiet") : colour(each.colour);
    const error = each.error && { type: "data", array: each.error.map((value) => value ?? 0), color: shade, thickness: 1, width: 2 };
    const common = { name: each.name, x: each.x, y: each.y, error_y: error ?? undefined, hovertemplate: `${each.name}: %{x:.4g}, %{y:.3g}<extra></extra>` };
    if (each.mode === "bars") return { ...common, type: "bar", marker: { color: shade }, hovertemplate: `${each.name}: %{y:.3g}<extra></extra>` };
    return { ...common, mode: each.mode, line: { color: shade, width: 1.8, dash: each.doubtful ? "dot" : each.dash }, marker: { color: shade, size: 8, symbol: SYMBOLS[each.colour % SYMBOLS.length] + (each.doubtful ? "-open" : "") } };
  });
  const layout = () => ({
    xaxis: axis(panel.x, type("x")), yaxis: axis(panel.y, type("y")), margin: { l: 56, r: 8, t: 8, b: 40 }, showlegend: true,
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", font: { size: 12 } },
    shapes: panel.band ? [{ type: "rect", yref: "paper", x0: panel.band[0], x1: panel.band[1], y0: 0, y1: 1, fillcolor: panel.band[2] === "window" ? "#009E73" : "#E69F00", opacity: 0.18, line: { width: 0 } }] : [],
  });
  return plot(target, `${title}: ${panel.title}`, traces, layout, panel.traces.length ? "" : "There is nothing to draw.");
}

// ── structures ──
const MOBILE_COLOUR = "#D55E00"; // of the mobile ion, as of no other element
const OTHER_COLOURS = ["#56B4E9", "#0072B2", "#009E73", "#CC79A7", "#8C564B", "#999999"];
const viewers = new Map(); // composition → viewer, frame shown and positions, for tests and for other scripts
function drawStructure(box, block) {
  const viewer = element("div", { class: "viewer", hidden: true, tabindex: "0", role: "application", "aria-label": `${block.title}: arrow keys turn it, plus and minus zoom` });
  const button = element("button", { type: "button", class: "plain" }, block.trails ? "Show the paths" : block.times_ps.length > 1 ? "Show the structure and play its motion" : block.surface ? "Show the pathways" : "Show the structure");
  button.addEventListener("click", async () => {
    button.remove();
    viewer.hidden = false;
    try {
      await openStructure(box, viewer, block);
    } catch (error) {
      viewer.replaceWith(element("div", { class: "plot empty" }, `The structure needs a browser with WebGL (${error.message}).`));
    }
  });
  box.append(element("p", {}, button), viewer);
}
async function openStructure(box, target, block) {
  await library("viewer");
  const module = window["3Dmol"] ?? window.$3Dmol;
  const buffer = await (block.packed ? unpacked(block.packed) : unpackBytes(data.frame_ids[block.key]));
  const frames = decodedFrames(buffer, block);
  const symbols = block.symbols.flatMap(([symbol, count]) => Array(count).fill(symbol));
  const others = [...new Set(symbols)].filter((symbol) => symbol !== block.mobile_ion).sort();
  const shade = Object.fromEntries(others.map((symbol, place) => [symbol, OTHER_COLOURS[place % OTHER_COLOURS.length]]));
  shade[block.mobile_ion] = MOBILE_COLOUR;
  const metals = new Set(Object.keys(block.bonds_A).map((pair) => pair.split("-")[0]));
  const radius = (symbol) => (symbol === block.mobile_ion ? 0.75 : metals.has(symbol) ? 0.5 : 0.38);
  const viewer = module.createViewer(target, { backgroundColor: css("--paper"), antialias: true });
  if (!viewer) throw new Error("no WebGL context");
  drawCell(viewer, block.cell_A);
  if (block.surface) viewer.addIsosurface(new module.VolumeData(cubeOf(buffer, block), "cube"), { isoval: block.surface.level, color: MOBILE_COLOUR, opacity: 0.8, smoothness: 2 });
  for (const trail of block.trails ?? []) drawTrail(viewer, trail);
  const state = { viewer, frame: 0, symbols, frames };
  viewers.set(block.key, state);
  const show = (number) => {
    state.frame = number;
    const atoms = atomsOf(frames[number], symbols, block.bonds_A).slice(0, block.atoms_shown?.[number]); // ions that have left come last, without bonds
    viewer.removeAllModels();
    const model = viewer.addModel();
    model.addAtoms(atoms);
    for (const symbol of Object.keys(shade)) model.setStyle({ elem: symbol }, { sphere: { radius: radius(symbol), color: shade[symbol] }, ...(symbol === block.mobile_ion ? {} : { stick: { radius: 0.12, color: shade[symbol] } }) });
    viewer.render();
    time.textContent = `${rounded(block.times_ps[number], 4)} ${block.unit ?? "ps"}`;
    slider.value = String(number);
    slider.setAttribute("aria-valuetext", time.textContent);
  };
  const time = element("output", {});
  const slider = element("input", { type: "range", min: "0", max: String(frames.length - 1), value: "0", "aria-label": "Time" });
  const play = element("button", { type: "button", class: "plain", "aria-pressed": "false" }, "Play");
  let timer = 0;
  const stop = () => { clearInterval(timer); timer = 0; play.textContent = "Play"; play.setAttribute("aria-pressed", "false"); };
  play.addEventListener("click", () => {
    if (timer) { stop(); return; }
    play.textContent = "Pause";
    play.setAttribute("aria-pressed", "true");
    timer = setInterval(() => (target.isConnected ? show((state.frame + 1) % frames.length) : stop()), 80);
  });
  slider.addEventListener("input", () => { stop(); show(Number(slider.value)); });
  const turns = { ArrowLeft: [-15, "y"], ArrowRight: [15, "y"], ArrowUp: [-15, "x"], ArrowDown: [15, "x"] };
  target.addEventListener("keydown", (event) => {
    if (turns[event.key]) viewer.rotate(...turns[event.key]);
    else if (event.key === "+" || event.key === "-") viewer.zoom(event.key === "+" ? 1.2 : 1 / 1.2);
    else return;
    event.preventDefault();
  });
  const legend = element("p", { class: "small" }, ...[block.mobile_ion, ...others].filter((symbol) => block.surface || symbols.includes(symbol)).flatMap((symbol) => [element("span", { class: "swatch", style: `background:${shade[symbol]}` }), `${symbol}${symbol === block.mobile_ion ? " (mobile)" : ""}  `]), ...(block.trails ?? []).flatMap((trail) => [element("span", { class: "swatch", style: `background:${colour(trail.colour)}` }), `${trail.name}  `]));
  target.after(...(frames.length > 1 ? [element("div", { class: "player" }, play, slider, time)] : []), legend);
  show(0);
  if (block.trails) viewer.rotate(25, "y"); // along an axis, paths lie behind each other
  if (block.trails) viewer.rotate(15, "x");
  viewer.zoomTo();
  viewer.render();
}
// Differences on a grid of fractional coordinates, all low bytes and then all high bytes → positions in Å, per frame.
function decodedFrames(buffer, { grid, cell_A, atoms, times_ps }) {
  const bytes = new Uint8Array(buffer);
  const half = 3 * atoms * times_ps.length; // what lies behind is a density
  const at = new Int32Array(3 * atoms);
  return times_ps.map((_, frame) => {
    const positions = new Float32Array(3 * atoms);
    for (let index = 0; index < 3 * atoms; index++) {
      const place = frame * 3 * atoms + index;
      const difference = ((bytes[place] | (bytes[half + place] << 8)) << 16) >> 16;
      at[index] = (((at[index] + difference) % grid) + grid) % grid;
    }
    for (let atom = 0; atom < atoms; atom++)
      for (let axis = 0; axis < 3; axis++)
        for (let vector = 0; vector < 3; vector++) positions[3 * atom + axis] += (at[3 * atom + vector] / grid) * cell_A[vector][axis];
    return positions;
  });
}
// The density behind the coordinates as a Gaussian cube file, the one form in which the viewer takes a grid.
const BOHR_A = 0.529177;
function cubeOf(buffer, { surface, cell_A, atoms }) {
  const along = (vector, part) => cell_A[vector].map((value) => (value * part) / BOHR_A);
  const origin = [0, 1, 2].map((axis) => [0, 1, 2].reduce((sum, vector) => sum + along(vector, 0.5 / surface.shape[vector])[axis], 0));
  const steps = surface.shape.map((count, vector) => `${count} ${along(vector, 1 / count).join(" ")}`);
  return ["density", "free energy", `1 ${origin.join(" ")}`, ...steps, "1 0 0 0 0", new Uint8Array(buffer, 6 * atoms).join(" ")].join("\n");
}
// Bonds of metals with anions, as long as the first minimum of g(r) allows; none across the border of the cell.
function atomsOf(positions, symbols, bonds_A) {
  const atoms = symbols.map((elem, index) => ({ elem, index, serial: index, x: positions[3 * index], y: positions[3 * index + 1], z: positions[3 * index + 2], bonds: [], bondOrder: [] }));
  for (const [pair, longest] of Object.entries(bonds_A)) {
    const [metal, anion] = pair.split("-");
    const anions = atoms.filter(({ elem }) => elem === anion);
    for (const one of atoms.filter(({ elem }) => elem === metal))
      for (const other of anions) {
        const [x, y, z] = [one.x - other.x, one.y - other.y, one.z - other.z];
        if (x * x + y * y + z * z < longest * longest) {
          one.bonds.push(other.index); one.bondOrder.push(1);
          other.bonds.push(one.index); other.bondOrder.push(1);
        }
      }
  }
  return atoms;
}
// The way of an ion, from image to image.
function drawTrail(viewer, { points_A, colour: place }) {
  const points = points_A.map(([x, y, z]) => ({ x, y, z }));
  for (const [index, end] of points.entries()) {
    viewer.addSphere({ center: end, radius: 0.22, color: colour(place) });
    if (index) viewer.addCylinder({ start: points[index - 1], end, radius: 0.1, fromCap: 1, toCap: 1, color: colour(place) });
  }
}
function drawCell(viewer, cell_A) {
  const corner = (i, j, k) => ({ x: i * cell_A[0][0] + j * cell_A[1][0] + k * cell_A[2][0], y: i * cell_A[0][1] + j * cell_A[1][1] + k * cell_A[2][1], z: i * cell_A[0][2] + j * cell_A[1][2] + k * cell_A[2][2] });
  for (const one of [0, 1])
    for (const two of [0, 1])
      for (const [start, end] of [[corner(0, one, two), corner(1, one, two)], [corner(one, 0, two), corner(one, 1, two)], [corner(one, two, 0), corner(one, two, 1)]])
        viewer.addLine({ start, end, color: css("--quiet") });
}

start().catch((error) => {
  document.documentElement.dataset.ready = "failed";
  console.error(error);
});
