// What a test asks of an open page. Each function gives a list of what it found, in words or numbers.

/** Size and contrast of every text that shows, against the first opaque background behind it. */
function measureText() {
  const parts = (colour) => colour.match(/[\d.]+/g).map(Number);
  const linear = (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  const luminance = (colour) => {
    const [red, green, blue] = parts(colour).map((part) => linear(part / 255));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const box = each.matches("svg a") && each.querySelector(".box");
      const colour = box ? getComputedStyle(box).fill : getComputedStyle(each).backgroundColor;
      if ((parts(colour)[3] ?? 1) === 1) return colour;
    }
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = new Map();
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.data.trim();
    if (!text || element.closest("script, .visually-hidden, option") || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const colour = element.closest("svg") ? style.fill : style.color;
    const [dark, bright] = [luminance(colour), luminance(behind(element))].sort((a, b) => a - b);
    const contrast = (bright + 0.05) / (dark + 0.05);
    found.set(`${style.fontSize} ${contrast}`, { size: parseFloat(style.fontSize), contrast, text: text.slice(0, 40) });
  }
  return [...found.values()];
}

/** What is wider than the room it has, and texts that leave their box in a drawing. */
function overflowing() {
  const rooms = [document.documentElement, ...document.querySelectorAll(".wide, .window, dl, section, td, th")];
  const wide = rooms.filter((each) => each.clientWidth > 0 && each.scrollWidth > each.clientWidth + 1);
  const right = (each) => each.getBoundingClientRect().right;
  const boxes = [...document.querySelectorAll("svg a")];
  const spilt = boxes.filter((each) => [...each.querySelectorAll("text")].some((text) => right(text) > right(each.querySelector(".box"))));
  return [...wide, ...spilt].map((each) => each.id || each.textContent.slice(0, 40));
}

/** What a screen reader could not announce: cells without scope, controls without a name, links without an end. */
function unnamed() {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const levels = all("h1, h2, h3").map((each) => Number(each.tagName[1]));
  const ids = all("[id]").map((each) => each.id);
  const found = [
    ["no scope", all("th:not([scope])")],
    ["no name", all("svg:not([aria-label], [aria-hidden=true])")],
    ["no label", all("input, select").filter((each) => !each.labels.length)],
    ["no heading", all("section").filter((each) => !document.getElementById(each.getAttribute("aria-labelledby")))],
    ["leads nowhere", all("a[href^='#']").filter((each) => !document.getElementById(each.getAttribute("href").slice(1)))],
  ].flatMap(([problem, elements]) => elements.map((each) => `${problem}: ${each.textContent.slice(0, 40)}`));
  const skipped = levels.filter((level, place) => level > (levels[place - 1] ?? 0) + 1).map((level) => `h${level} skips a level`);
  return [...found, ...skipped, ...ids.filter((id, place) => ids.indexOf(id) !== place).map((id) => `twice: ${id}`)];
}

/** Where the focus is: the part of the page, the kind of element, and whether one sees it. */
function focused() {
  const at = document.activeElement;
  const part = at.closest("section")?.id ?? at.closest("nav, a.skip")?.className ?? at.tagName;
  const box = at.matches("svg a") ? at.querySelector(".box") : null;
  const seen = box ? Number.parseFloat(getComputedStyle(box).strokeWidth) >= 2 : getComputedStyle(at).outlineStyle !== "none";
  return [part, at.tagName, seen];
}
