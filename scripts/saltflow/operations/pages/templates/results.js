// The results page: data unpacked, filters, exports, and the plots of all compositions. blocks.js draws the parts.
document.documentElement.className = "script";

// ── what is packed into the page ──
const unpackBytes = (id) => unpacked(document.getElementById(id).textContent);
async function unpacked(text) {
  const packed = Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
  return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}
const unpackText = async (id) => new TextDecoder().decode(await unpackBytes(id));
const libraries = {};
function library(id) {
  libraries[id] ??= unpackText(id).then((source) => {
    const script = document.createElement("script");
    script.textContent = source;
    document.head.append(script);
  });
  return libraries[id];
}
const byId = (id) => document.getElementById(id);
const element = (name, attributes = {}, ...content) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "class") made.className = value;
    else if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value != null) made.setAttribute(key, value);
  }
  made.append(...content.filter((each) => each != null));
  return made;
};

// ── numbers as the table writes them ──
const SUPERSCRIPTS = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };
function rounded(value, digits = 3) {
  if (value == null) return "–";
  if (value === 0) return "0";
  const power = Math.floor(Math.log10(Math.abs(value)));
  if (power < -3 || power >= 9) return `${rounded(value / 10 ** power, digits)} × 10${[...String(power)].map((sign) => SUPERSCRIPTS[sign]).join("")}`;
  const decimals = Math.max(0, digits - 1 - power);
  const kept = Number(value.toPrecision(digits));
  const text = kept.toLocaleString("en", { minimumFractionDigits: Math.min(decimals, 20), maximumFractionDigits: Math.min(decimals, 20) });
  return text.includes(".") ? text.replace(/0+$/, "").replace(/\.$/, "") : text;
}
// A number with its error to two digits, and as many decimals as that.
function withError(value, error) {
  if (!error) return rounded(value);
  const power = Math.floor(Math.log10(Math.max(Math.abs(value), error)));
  if (power < -3 || power >= 9) return `(${withError(value / 10 ** power, error / 10 ** power)}) × 10${[...String(power)].map((sign) => SUPERSCRIPTS[sign]).join("")}`;
  const decimals = 1 - Math.floor(Math.log10(error));
  const shown = (each) => (Math.round(each * 10 ** decimals) / 10 ** decimals).toLocaleString("en", { minimumFractionDigits: Math.max(decimals, 0), maximumFractionDigits: Math.max(decimals, 0) });
  return `${shown(value)} ± ${shown(error)}`;
}

// ── plots ──
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const dark = () => matchMedia("(prefers-color-scheme: dark)").matches && !matchMedia("print").matches;
const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "triangle-down", "pentagon", "hexagon", "star-triangle-up"];
let palette = [];
const colour = (place) => (palette[place % palette.length] === "#000000" && dark() ? "#ffffff" : palette[place % palette.length]);
function axis(title, type, extra = {}) {
  return {
    title: { text: title, standoff: 8 }, type, gridcolor: css("--line"), linecolor: css("--quiet"), zeroline: false,
    showline: true, ticks: "outside", tickcolor: css("--quiet"), automargin: true, exponentformat: "power",
    ...(type === "log" && extra.range && extra.range[1] - extra.range[0] > 2 ? { dtick: 1 } : {}), ...extra,
  };
}
const drawn = new Map(); // element → what draws it again in other colours
async function plot(target, label, makeTraces, makeLayout, empty = "") {
  drawn.set(target, () => plot(target, label, makeTraces, makeLayout, empty));
  if (empty) {
    if (target.data) Plotly.purge(target);
    target.classList.add("empty");
    target.removeAttribute("role");
    target.removeAttribute("aria-label");
    target.textContent = empty;
    return;
  }
  await library("plotly");
  if (target.classList.contains("empty")) target.textContent = "";
  target.classList.remove("empty");
  target.setAttribute("role", "img");
  target.setAttribute("aria-label", label);
  const layout = {
    font: { family: "system-ui, 'Segoe UI', Roboto, Arial, sans-serif", size: 13, color: css("--ink") },
    paper_bgcolor: css("--paper"), plot_bgcolor: css("--paper"), margin: { l: 60, r: 16, t: 28, b: 48 },
    legend: { orientation: "h", y: 1.01, yanchor: "bottom", x: 0, font: { size: 12 } }, hovermode: "closest",
    hoverlabel: { font: { size: 13 } }, ...makeLayout(),
  };
  await Plotly.react(target, makeTraces(), layout, { responsive: true, displayModeBar: false });
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawn.forEach((draw) => draw()));
matchMedia("print").addEventListener("change", async () => {
  for (const [target, draw] of drawn) {
    if (!target.isConnected) continue;
    await draw();
    if (target.data) Plotly.Plots.resize(target); // paper has another width
  }
});

// ── state ──
let data;
let rows; // of the table, in the order of the ranking
const chosen = { composition: "" };
const tableRows = () => [...byId("compositions").tBodies[0].rows].filter((row) => !row.hidden);
const shownRows = () => tableRows().map((row) => rows.get(row.dataset.id));
const doubtsOf = (row) => row.numbers.sigma?.doubts ?? [];
const isBelieved = (row, key = "sigma") => row.numbers[key] && !row.numbers[key].doubts.length;
const groups = (key) => [...new Set([...rows.values()].map((row) => row[key]))].sort();

// Decades to show: those of the reliable numbers; where there are none, of all, but nothing absurd.
function decades(believed, others, ceiling) {
  const positive = (values) => values.filter((value) => value > 0 && value <= ceiling).map(Math.log10);
  let logs = positive(believed);
  if (!logs.length) logs = positive(others);
  if (!logs.length) return [-3, 1];
  const [low, high] = [Math.min(...logs), Math.max(...logs)];
  const margin = Math.max(0.06 * (high - low), (1 - (high - low)) / 2, 0.15); // a decade at least
  return [Math.max(low, high - 14) - margin, high + margin];
}
const outside = (values, range) => values.filter((value) => !(value > 0 && Math.log10(value) >= range[0] && Math.log10(value) <= range[1])).length;
const counted = (number, noun, nouns = `${noun}s`) => `${number.toLocaleString("en")} ${number === 1 ? noun : nouns}`;

// ── Arrhenius of all compositions ──
const MOST_NAMED = 8; // compositions with a colour of their own; more are coloured by group
function drawArrhenius() {
  const target = byId("arrhenius-plot");
  const quantity = byId("arrhenius-quantity").value;
  const key = byId("colour-by").value;
  const isSigma = quantity.startsWith("sigma");
  const timesT = (value, T) => (value == null ? null : isSigma ? value * T : value);
  const found = shownRows().filter((row) => data.arrhenius[row.id]?.[quantity]?.T.length);
  const named = found.length <= MOST_NAMED;
  const kinds = groups(key);
  const place = (row) => (named ? found.indexOf(row) : kinds.indexOf(row[key]));
  const [believed, doubtful, literature] = [[], [], []];
  for (const row of found) {
    const each = data.arrhenius[row.id][quantity];
    each.T.forEach((T, index) => (each.used[index] ? believed : doubtful).push(timesT(each.value[index], T)));
    const target_K = data.target_temperature_K;
    if (each.line && isBelieved(row)) believed.push(timesT(each.line.value.at(-1), each.line.temperatures_K.at(-1)));
    const [sigma, at] = [row.numbers.measured_sigma?.value, row.measured_at_K ?? target_K];
    if (isSigma && sigma) literature.push([row, at, sigma]);
  }
  const ceiling = isSigma ? data.largest_sigma_mS_cm * 1e4 : 1;
  const range = decades([...believed, ...literature.map(([, T, sigma]) => sigma * T)], doubtful, ceiling);
  const traces = () => {
    const made = [];
    const series = new Map();
    for (const row of found) {
      const name = named ? row.id : row[key];
      if (!series.has(name)) series.set(name, { place: place(row), rows: [] });
      series.get(name).rows.push(row);
    }
    for (const [name, { place: at, rows: members }] of series) {
      const line = { x: [], y: [], text: [] };
      const used = { x: [], y: [], error: [], text: [] };
      const left = { x: [], y: [], text: [] };
      const Tg = { x: [], y: [], text: [] };
      for (const row of members) {
        const each = data.arrhenius[row.id][quantity];
        if (each.line) {
          each.line.temperatures_K.forEach((T, index) => { line.x.push(1000 / T); line.y.push(timesT(each.line.value[index], T)); line.text.push(row.id); });
          line.x.push(null); line.y.push(null); line.text.push("");
          if ((named || row.id === chosen.composition) && !doubtsOf(row).includes("interval beyond a decade")) made.push(band(each.line, timesT, colour(at), row.id));
          const Tg_K = data.arrhenius[row.id].Tg_K;
          if (Tg_K) { Tg.x.push(1000 / Tg_K); Tg.y.push(interpolated(each.line, Tg_K, timesT)); Tg.text.push(`${row.id}: Tg ${rounded(Tg_K)} K`); }
        }
        each.T.forEach((T, index) => {
          const into = each.used[index] ? used : left;
          into.x.push(1000 / T); into.y.push(timesT(each.value[index], T)); into.text.push(`${row.id}, ${T} K`);
          into.error?.push(timesT(each.error[index], T) ?? 0);
        });
      }
      const grey = members.every((row) => doubtsOf(row).length);
      const shade = named && grey ? css("--quiet") : colour(at);
      const common = { legendgroup: name, hovertemplate: "%{text}: %{y:.3g}<extra></extra>" };
      made.push({ ...common, name, x: line.x, y: line.y, text: line.text, mode: "lines", line: { color: colour(at), width: named ? 2 : 1, dash: grey ? "dot" : "solid" }, opacity: named ? 1 : 0.55, showlegend: false, meta: "line" });
      made.push({ ...common, name, x: used.x, y: used.y, text: used.text, mode: "markers", marker: { color: shade, symbol: SYMBOLS[at % SYMBOLS.length] + (grey ? "-open" : ""), size: named ? 9 : 6 }, error_y: { type: "data", array: used.error, color: shade, thickness: 1, width: 0, visible: named }, meta: "used" });
      if (left.x.length) made.push({ ...common, name: `${name}: not fitted`, x: left.x, y: left.y, text: left.text, mode: "markers", marker: { color: css("--quiet"), symbol: "x-thin-open", size: 7 }, showlegend: false, meta: "left" });
      if (Tg.x.length) made.push({ ...common, name: `${name}: Tg`, x: Tg.x, y: Tg.y, text: Tg.text, hovertemplate: "%{text}<extra></extra>", mode: "markers", marker: { color: colour(at), symbol: "line-ns-open", size: 16, line: { width: 2 } }, showlegend: false, meta: "Tg" });
    }
    if (literature.length) made.push({ name: "literature", x: literature.map(([, T]) => 1000 / T), y: literature.map(([, T, sigma]) => sigma * T), text: literature.map(([row]) => row.id), hovertemplate: "%{text}, literature: %{y:.3g}<extra></extra>", mode: "markers", marker: { color: named ? literature.map(([row]) => colour(place(row))) : css("--ink"), symbol: "star", size: 12, line: { color: css("--ink"), width: 1 } }, meta: "literature" });
    return made;
  };
  const unit = isSigma ? "σT (mS K/cm)" : "D (cm²/s)";
  const layout = () => ({ xaxis: axis("1000 K / T", "linear"), yaxis: axis(unit, "log", { range }), showlegend: true });
  const hidden = outside([...believed, ...doubtful], range);
  byId("arrhenius-note").textContent = [
    `${counted(found.length, "composition")} of those that the table shows.`,
    "Lines: weighted fits to the state points with a diffusive window (filled); open and dotted: unreliable; crosses take no part; stars: literature; vertical bars: glass transition.",
    named ? "Bands: 95 % intervals, none where they span more than a decade." : `Bands are drawn for up to ${MOST_NAMED} compositions, and for the one that is chosen below; filter the table to see them.`,
    hidden ? `${counted(hidden, "state point")} without a diffusive window ${hidden === 1 ? "lies" : "lie"} outside the axes.` : "",
  ].join(" ");
  return plot(target, `Arrhenius plot of ${counted(found.length, "composition")}`, traces, layout,
    found.length ? "" : "No composition of those that the table shows has a transport analysis at any temperature yet.");
}
function band(line, timesT, shade, id) {
  const x = line.temperatures_K.map((T) => 1000 / T);
  const ends = (name) => line[name].map((value, index) => timesT(value, line.temperatures_K[index]));
  return { name: `${id}: 95 %`, x: [...x, ...[...x].reverse()], y: [...ends("high"), ...ends("low").reverse()], mode: "lines", line: { width: 0 }, fill: "toself", fillcolor: `${shade}2e`, hoverinfo: "skip", showlegend: false, meta: "band" };
}
function interpolated(line, T, timesT) {
  const at = line.temperatures_K.findIndex((each, index) => index && (each - T) * (line.temperatures_K[index - 1] - T) <= 0);
  if (at < 1) return null;
  const [one, two] = [at - 1, at].map((index) => [1 / line.temperatures_K[index], Math.log(timesT(line.value[index], line.temperatures_K[index]))]);
  return Math.exp(one[1] + ((1 / T - one[0]) / (two[0] - one[0])) * (two[1] - one[1]));
}

// ── simulated against measured ──
function drawParity(key, title, symbol, unit, type) {
  const found = shownRows().filter((row) => row.numbers[key] && row.numbers[`measured_${key}`]);
  const [believed, doubtful] = [found.filter((row) => isBelieved(row, key)), found.filter((row) => !isBelieved(row, key))];
  const measured = found.map((row) => row.numbers[`measured_${key}`].value);
  const values = (members) => members.map((row) => row.numbers[key].value);
  const ceiling = key === "sigma" ? data.largest_sigma_mS_cm : Infinity;
  const ranged = [...measured, ...values(believed.length ? believed : doubtful)];
  const range = type === "log" ? decades(ranged, [], ceiling) : spread(ranged);
  const ends = type === "log" ? range.map((each) => 10 ** each) : range;
  const series = (members, name, grey) => ({
    name, x: members.map((row) => row.numbers[`measured_${key}`].value), y: values(members), text: members.map((row) => row.id), mode: "markers",
    hovertemplate: "%{text}<br>measured %{x:.3g}, simulated %{y:.3g}<extra></extra>",
    marker: { color: grey ? css("--quiet") : colour(0), symbol: grey ? "circle-open" : "circle", size: 9 },
    error_y: key === "sigma"
      ? { type: "data", symmetric: false, array: members.map((row) => row.numbers[key].high - row.numbers[key].value), arrayminus: members.map((row) => row.numbers[key].value - row.numbers[key].low), color: grey ? css("--line") : colour(0), thickness: 1, width: 0 }
      : { type: "data", array: members.map((row) => row.numbers[key].error ?? 0), color: grey ? css("--line") : colour(0), thickness: 1, width: 0 },
  });
  const traces = () => [
    { x: ends, y: ends, mode: "lines", line: { color: css("--quiet"), width: 1, dash: "dash" }, hoverinfo: "skip", name: "equal" },
    series(believed, "reliable", false), series(doubtful, "unreliable", true),
  ];
  const layout = () => ({ xaxis: axis(`measured ${symbol} (${unit})`, type, { range }), yaxis: axis(`simulated ${symbol} (${unit})`, type, { range }), showlegend: true });
  const beyond = values(doubtful).filter((value) => value < ends[0] || value > ends[1]).length;
  const { rho, low, high, electrolytes, needed } = data.agreement[key];
  byId(`parity-${key}-note`).textContent = [
    rho == null ? `Spearman's ρ needs ${needed} electrolytes with both values; ${electrolytes} ${electrolytes === 1 ? "has" : "have"}.` : `Spearman's ρ of all: ${rounded(rho, 2)} [${rounded(low, 2)}, ${rounded(high, 2)}], ${counted(electrolytes, "electrolyte")}.`,
    key === "sigma" ? `Simulated at ${data.target_temperature_K} K, measured at the temperature of the source.` : "",
    beyond ? `${counted(beyond, "unreliable value")} ${beyond === 1 ? "lies" : "lie"} outside the axes.` : "",
  ].join(" ");
  return plot(byId(`parity-${key}`), `${title}: simulated against measured, ${counted(found.length, "electrolyte")}`, traces, layout,
    found.length ? "" : `${title}: no composition that the table shows has both a simulated and a measured value.`);
}
function spread(values) {
  if (!values.length) return [0, 1];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const margin = Math.max(0.05, 0.1 * (high - low));
  return [Math.max(0, low - margin), high + margin];
}

// ── conductivity against structure ──
function drawOrder() {
  const [name, target, key] = [byId("descriptor").value, byId("target").value, byId("colour-by").value];
  const found = shownRows().filter((row) => row.numbers[target] && data.descriptors[row.id]?.[name] != null);
  const y = (members) => members.map((row) => row.numbers[target].value);
  const believed = found.filter((row) => isBelieved(row, target));
  const range = decades(y(believed), y(found), target === "sigma" ? data.largest_sigma_mS_cm : 1);
  const traces = () => groups(key).flatMap((kind, place) => [true, false].map((trusted) => {
    const members = found.filter((row) => row[key] === kind && isBelieved(row, target) === trusted);
    return members.length && {
      name: trusted ? kind : `${kind}, unreliable`, x: members.map((row) => data.descriptors[row.id][name]), y: y(members), text: members.map((row) => row.id), mode: "markers",
      hovertemplate: "%{text}<br>%{x:.3g}, %{y:.3g}<extra></extra>",
      marker: { color: trusted ? colour(place) : css("--quiet"), symbol: SYMBOLS[place % SYMBOLS.length] + (trusted ? "" : "-open"), size: 9 },
    };
  })).filter(Boolean);
  const layout = () => ({ xaxis: axis(`${words(name)}${unitOf(name)}`, "linear"), yaxis: axis(data.targets[target], "log", { range }), showlegend: true });
  const row = data.associations[target].find((each) => each.descriptor === name);
  const beyond = outside(y(found), range);
  byId("order-note").textContent = [
    row ? `Spearman's ρ of all: ${rounded(row.rho, 2)} [${rounded(row.low, 2)}, ${rounded(row.high, 2)}], q = ${rounded(row.q, 2)} (${row.significant ? "significant" : "not significant"} after correction for all descriptors), ${counted(row.electrolytes, "electrolyte")}.` : "Too few electrolytes, or too few different values, for a rank correlation.",
    `Descriptors at ${data.order_temperature_K} K. A correlation is no cause.`,
    beyond ? `${counted(beyond, "unreliable value")} ${beyond === 1 ? "lies" : "lie"} outside the axes.` : "",
  ].join(" ");
  return plot(byId("order-plot"), `${data.targets[target]} against ${words(name)}, ${counted(found.length, "electrolyte")}`, traces, layout,
    found.length ? "" : `No composition that the table shows has both ${words(name)} at ${data.order_temperature_K} K and a value of ${data.targets[target]}.`);
}
const words = (name) => name.replace(/_(per_A|eV|g_cm3|deg2|k)$/, "").replaceAll("_", " ");
const unitOf = (name) => ({ per_A: " (1/Å)", eV: " (eV)", g_cm3: " (g/cm³)", deg2: " (deg²)", k: " (k per atom)" })[name.match(/_(per_A|eV|g_cm3|deg2|k)$/)?.[1]] ?? "";

// ── the table: filters and exports ──
function applyFilters() {
  const form = byId("filters");
  const wanted = form.querySelector("input").value.toLowerCase().trim().split(/\s+/);
  const choices = [...form.querySelectorAll("select")].filter((each) => each.value);
  let shown = 0;
  for (const line of byId("compositions").tBodies[0].rows) {
    const row = rows.get(line.dataset.id);
    const fits = wanted.every((word) => line.dataset.words.toLowerCase().includes(word)) && choices.every((each) => row[each.dataset.key] === each.value);
    line.hidden = !fits;
    shown += fits;
  }
  form.querySelector("output").textContent = `${shown.toLocaleString("en")} of ${rows.size.toLocaleString("en")} shown`;
}
const EXPORTED = [
  ["sigma", ["value", "low", "high"]], ["measured_sigma", ["value"]], ["Ea", ["value", "error"]], ["measured_Ea", ["value"]], ["D", ["value", "low", "high"]],
  ["haven", ["value", "error"]], ["t", ["value", "error"]], ["density", ["value"]], ["force", ["value"]],
];
function asCsv() {
  const quoted = (value) => (/[",\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
  const names = ["composition", "status", "reason", "unreliable_because", "family", "mobile_ion", "host", "potential", "potential_status", "method"];
  const units = { sigma: "_mS_cm", measured_sigma: "_mS_cm", Ea: "_eV", measured_Ea: "_eV", D: "_cm2_s", haven: "_ratio", t: "_E", density: "_g_cm3", force: "_rmse_meV_A" };
  const columns = EXPORTED.flatMap(([key, parts]) => parts.map((part) => key + (part === "value" ? "" : `_${part}`) + units[key]));
  const lines = shownRows().map((row) => [
    row.id, row.status, row.reason, doubtsOf(row).join("; "), row.family, row.mobile_ion, row.host, row.potential, row.potential_status ?? "", row.method ?? "",
    ...EXPORTED.flatMap(([key, parts]) => parts.map((part) => row.numbers[key]?.[part] ?? "")),
  ].map((value) => quoted(String(value))).join(","));
  return [[...names, ...columns].join(","), ...lines, ""].join("\n");
}
const PUBLISHED = ["sigma", "measured_sigma", "Ea", "measured_Ea", "D", "haven", "t", "density"];
function published(row, key) {
  const number = row.numbers[key];
  if (!number) return "–";
  const text = "low" in number ? `${rounded(number.value)} [${rounded(number.low, 2)}, ${rounded(number.high, 2)}]` : withError(number.value, number.error);
  return number.doubts.length ? `(${text})` : text;
}
const TEX = { "&": "\\&", "%": "\\%", "_": "\\_", "#": "\\#", "$": "\\$", "{": "\\{", "}": "\\}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "\\": "\\textbackslash{}", "–": "--" };
const tex = (text) => [...text].map((sign) => TEX[sign] ?? sign).join("");
const texNumbers = (text) => text.replace(/ × 10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)/g, (_, power) => ` \\times 10^{${[...power].map((sign) => Object.keys(SUPERSCRIPTS).find((each) => SUPERSCRIPTS[each] === sign)).join("")}}`).replaceAll("±", "\\pm").replaceAll(",", "{,}").replaceAll("{,} ", ", ");
const headings = () => PUBLISHED.map((key) => data.columns.find((column) => column.key === key));
const FOOTNOTE = "In brackets: unreliable, for the reason in the last column.";
const TEX_HEADINGS = { "σ": "$\\sigma$", "σ lit.": "$\\sigma_\\mathrm{lit}$", Ea: "$E_a$", "Ea lit.": "$E_{a,\\mathrm{lit}}$", D: "$D$", "Haven ratio": "$H_R$", t: "$t$", "ρ": "$\\rho$" };
function asTex() {
  const head = ["Composition", ...headings().map(({ heading, unit }) => TEX_HEADINGS[heading] + (unit ? ` (${unit.replace("²", "$^2$").replace("³", "$^3$")})` : "")), "Status"];
  const cells = (row) => [tex(row.id), ...PUBLISHED.map((key) => { const text = published(row, key); return text === "–" ? "--" : `$${texNumbers(text)}$`; }), tex([row.status, ...doubtsOf(row)].join("; "))];
  return [`% ${FOOTNOTE} Needs booktabs.`, `\\begin{tabular}{l${"c".repeat(PUBLISHED.length)}l}`, "\\toprule", `${head.join(" & ")} \\\\`, "\\midrule", ...shownRows().map((row) => `${cells(row).join(" & ")} \\\\`), "\\bottomrule", "\\end{tabular}", ""].join("\n");
}
function asHtml() {
  const line = (tag, cells) => element("tr", {}, ...cells.map((cell) => element(tag, {}, cell)));
  const table = element("table", { border: "1" }, element("thead", {}, line("th", ["Composition", ...headings().map(({ heading, unit }) => heading + (unit ? ` (${unit})` : "")), "Status"])),
    element("tbody", {}, ...shownRows().map((row) => line("td", [row.id, ...PUBLISHED.map((key) => published(row, key)), [row.status, ...doubtsOf(row)].join("; ")]))));
  return `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Results</title></head><body>${table.outerHTML}<p>${FOOTNOTE}</p></body></html>\n`;
}
const EXPORTS = { csv: [asCsv, "results.csv", "text/csv"], tex: [asTex, "results.tex", "text/x-tex"], html: [asHtml, "results.html", "text/html"] };
function save(content, name, type) {
  const link = element("a", { href: URL.createObjectURL(new Blob([content], { type })), download: name });
  link.click();
  URL.revokeObjectURL(link.href);
}
const drawOverview = () => Promise.all([
  drawArrhenius(), drawParity("sigma", "Conductivity", "σ", "mS/cm", "log"), drawParity("Ea", "Activation energy", "Ea", "eV", "linear"), drawOrder(),
]);

// ── one composition ──
async function choose(id, { scroll = true } = {}) {
  chosen.composition = id;
  byId("composition-choice").value = id;
  const part = byId("part");
  part.replaceChildren();
  if (!id) return;
  const row = rows.get(id);
  const status = [row.status + (row.reason ? `: ${row.reason}` : ""), ...doubtsOf(row)].join("; ");
  part.append(element("h3", {}, id), element("p", {}, `${row.formula}, ${row.family}. Status: ${status}.`));
  if (!(id in data.part_ids)) {
    part.append(element("p", { class: "quiet" }, "It is not part of this sweep, so there is nothing else to show."));
    return;
  }
  await drawBlocks(part, JSON.parse(await unpackText(data.part_ids[id])));
  if (scroll) byId("composition").scrollIntoView();
  await drawArrhenius();
}

async function start() {
  data = JSON.parse(await unpackText("data"));
  palette = data.palette;
  rows = new Map(data.rows.map((row) => [row.id, row]));
  for (const line of byId("compositions").tBodies[0].rows) {
    const name = line.cells[0];
    name.replaceChildren(element("button", { type: "button", class: "name", onclick: () => choose(line.dataset.id) }, name.textContent));
  }
  const known = new Set(Object.values(data.descriptors).flatMap(Object.keys));
  const strength = (name) => Math.abs(data.associations.sigma.find((each) => each.descriptor === name)?.rho ?? 0);
  const descriptors = [...known].sort((a, b) => strength(b) - strength(a) || a.localeCompare(b));
  byId("descriptor").append(...descriptors.map((name) => element("option", { value: name }, words(name))));
  byId("composition-choice").append(element("option", { value: "" }, "choose"), ...[...rows.keys()].map((id) => element("option", { value: id }, id)));
  let waiting;
  byId("filters").addEventListener("input", () => {
    applyFilters();
    clearTimeout(waiting);
    waiting = setTimeout(drawOverview, 150);
  });
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  for (const id of ["arrhenius-quantity", "colour-by"]) byId(id).addEventListener("change", drawOverview);
  for (const id of ["descriptor", "target"]) byId(id).addEventListener("change", drawOrder);
  byId("composition-choice").addEventListener("change", (event) => choose(event.target.value, { scroll: false }));
  for (const button of document.querySelectorAll("[data-export]")) {
    const [make, name, type] = EXPORTS[button.dataset.export];
    button.addEventListener("click", () => save(make(), name, type));
  }
  for (const study of document.querySelectorAll("[data-study]")) {
    study.addEventListener("toggle", async () => {
      const into = study.querySelector("div");
      if (study.open && !into.childElementCount) await drawBlocks(into, JSON.parse(await unpackText(`study-${study.dataset.study}`)));
    });
  }
  applyFilters();
  await drawOverview();
  document.documentElement.dataset.ready = "yes";
}
