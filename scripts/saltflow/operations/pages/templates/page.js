// What a page adds beside tables.js where scripts run: filtering, the grid of compositions from the keyboard, the download.
document.documentElement.className = "script";
const data = JSON.parse(document.getElementById("data").textContent);

// ── filters: by name and by state ──
for (const form of document.querySelectorAll("form.controls")) {
  const rows = [...document.getElementById(form.dataset.table).tBodies[0].rows];
  const words = rows.map((row) => row.dataset.words.toLowerCase());
  const text = form.querySelector("input");
  const state = form.querySelector("select");
  const apply = () => {
    const wanted = text.value.toLowerCase().trim().split(/\s+/);
    let shown = 0;
    rows.forEach((row, place) => {
      const fits = wanted.every((word) => words[place].includes(word)) && (!state?.value || row.dataset.states.includes(state.value));
      row.hidden = !fits;
      if (row.nextElementSibling?.classList.contains("detail")) row.nextElementSibling.hidden = !fits;
      shown += fits;
    });
    form.querySelector("output").textContent = `${shown.toLocaleString("en")} of ${rows.length.toLocaleString("en")} shown`;
  };
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  apply();
}

// ── the grid of compositions: one stop of the tab key, arrows inside, Enter opens a row ──
const STATES = { n: "nothing to do", d: "done", u: "due", p: "partly done", f: "failed" };
const element = (name, className, text) => Object.assign(document.createElement(name), { className, textContent: text });
const stateOf = ({ due, done, failed }) => (failed ? "f" : due ? (done ? "p" : "u") : done ? "d" : "n");
function stateCell(tally) {
  const state = tally ? stateOf(tally) : "n";
  const cell = element("td", `state ${state}`, { n: "–", d: "" }[state] ?? (state === "f" ? tally.failed : tally.due));
  cell.setAttribute("aria-label", STATES[state]);
  return cell;
}
function detailOf(row) {
  const composition = data.compositions.find(({ id }) => id === row.dataset.id);
  const stages = data.stages.filter((stage) => composition.temperatures.some((each) => each.stages[stage]));
  const table = element("table", "map plain");
  const heading = table.createTHead().insertRow();
  heading.append(element("th", "", "temperature"), ...stages.map((stage) => element("th", "state", stage)));
  for (const each of heading.cells) each.scope = "col";
  const body = table.createTBody();
  for (const point of composition.temperatures) {
    const line = body.insertRow();
    const name = element("th", "number", `${point.K} K`);
    name.scope = "row";
    line.append(name, ...stages.map((stage) => stateCell(point.stages[stage])));
  }
  const detail = element("tr", "detail");
  const cell = detail.insertCell();
  cell.colSpan = row.cells.length;
  cell.append(composition.temperatures.length ? table : "No jobs at single temperatures.");
  return detail;
}
function toggle(row) {
  const open = row.nextElementSibling?.classList.contains("detail");
  if (open) row.nextElementSibling.remove();
  else row.after(detailOf(row));
  row.cells[0].setAttribute("aria-expanded", String(!open));
}
const grid = document.querySelector("table.map.keyboard");
if (grid) {
  grid.setAttribute("role", "grid");
  grid.parentElement.removeAttribute("tabindex");
  const rows = () => [...grid.tBodies[0].children].filter((row) => !row.hidden && !row.classList.contains("detail"));
  const focus = (cell) => {
    grid.querySelector("[tabindex='0']")?.setAttribute("tabindex", "-1");
    cell.tabIndex = 0;
    cell.focus();
    cell.scrollIntoView({ block: "nearest", inline: "nearest" });
  };
  for (const row of rows()) row.cells[0].setAttribute("aria-expanded", "false");
  rows()[0].cells[0].tabIndex = 0;
  grid.addEventListener("click", (event) => {
    const cell = event.target.closest("tbody > tr:not(.detail) > *");
    if (!cell || cell.closest("table") !== grid) return;
    focus(cell);
    toggle(cell.parentElement);
  });
  grid.addEventListener("keydown", (event) => {
    const cell = event.target.closest("tbody > tr > *");
    if (!cell || cell.closest("table") !== grid) return;
    const row = cell.parentElement;
    const shown = rows();
    const [across, down] = [cell.cellIndex, shown.indexOf(row)];
    const last = row.cells.length - 1;
    const target = {
      ArrowLeft: [across - 1, down], ArrowRight: [across + 1, down], ArrowUp: [across, down - 1], ArrowDown: [across, down + 1],
      PageUp: [across, down - 20], PageDown: [across, down + 20],
      Home: [0, event.ctrlKey ? 0 : down], End: [last, event.ctrlKey ? shown.length - 1 : down],
    }[event.key];
    const clamp = (value, most) => Math.max(0, Math.min(value, most));
    if (target) focus(shown[clamp(target[1], shown.length - 1)].cells[clamp(target[0], last)]);
    else if (event.key === "Enter" || event.key === " ") toggle(row);
    else return;
    event.preventDefault();
  });
  // A filter may hide the one cell that the tab key reaches.
  document.querySelector("form[data-table=compositions-map]").addEventListener("input", () => {
    const reached = grid.querySelector("[tabindex='0']");
    const first = rows()[0]?.cells[0];
    if (reached?.closest("tr").hidden && first) {
      reached.tabIndex = -1;
      first.tabIndex = 0;
    }
  });
}

// ── buttons ──
document.getElementById("download")?.addEventListener("click", (event) => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(data, null, 1)], { type: "application/json" }));
  link.download = event.currentTarget.dataset.name;
  link.click();
  URL.revokeObjectURL(link.href);
});
document.getElementById("print")?.addEventListener("click", () => window.print());
