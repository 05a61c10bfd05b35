// Tables: a click on a heading sorts, a second one reverses; cells without a value stay last.
"use strict";
const sortKey = (row, column) => {
  const cell = row.cells[column];
  const value = cell.dataset.v ?? cell.textContent.trim();
  return value !== "" && !isNaN(value) ? Number(value) : value;
};
const compare = (a, b) => {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
  return a.localeCompare(b, "en", { numeric: true });
};
function sort(table, heading) {
  const descending = heading.getAttribute("aria-sort") === "ascending";
  table.querySelectorAll("[aria-sort]").forEach((each) => each.removeAttribute("aria-sort"));
  heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
  const body = table.tBodies[0];
  const rows = [...body.rows].filter((row) => !row.classList.contains("detail"));
  const column = Number(heading.dataset.column);
  const keyed = rows.map((row) => [sortKey(row, column), row]);
  keyed.sort(([a], [b]) => (a === "" || b === "" ? (a === "") - (b === "") : descending ? compare(b, a) : compare(a, b)));
  const moved = document.createDocumentFragment();
  for (const [, row] of keyed) {
    const detail = row.nextElementSibling;
    moved.append(row);
    if (detail?.classList.contains("detail")) moved.append(detail);
  }
  body.append(moved);
}
for (const table of document.querySelectorAll("table.sortable"))
  for (const heading of table.querySelectorAll("thead th[data-column]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => sort(table, heading));
  }
