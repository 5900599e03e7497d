"use strict";
// Sorting, filtering, lines switched on and off, and the numbers under the pointer. Without it everything is still there.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, place) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => sort(table, heads, place));
  });
}

function sort(table, heads, place) {
  const numeric = heads[place].classList.contains("number");
  const now = heads[place].getAttribute("aria-sort");
  const down = now ? now === "ascending" : numeric;  // numbers: the greatest first
  heads.forEach((head) => head.removeAttribute("aria-sort"));
  heads[place].setAttribute("aria-sort", down ? "descending" : "ascending");
  const body = table.tBodies[0];
  const keyed = [...body.rows].map((row) => [row, key(row.cells[place])]);
  keyed.sort((one, other) => compare(one[1], other[1], down));
  body.append(...keyed.map((pair) => pair[0]));
}

function key(cell) {
  if (cell.dataset.v !== undefined) {
    const value = cell.dataset.v === "inf" ? Infinity : cell.dataset.v === "-inf" ? -Infinity : Number(cell.dataset.v);
    return Number.isNaN(value) ? null : value;
  }
  const text = cell.textContent.trim();
  return text === "–" ? null : text;
}

function compare(one, other, down) {
  if (one === null || other === null) return (one === null) - (other === null);  // nothing stands last
  const order = typeof one === "number" && typeof other === "number"
    ? (one < other ? -1 : one > other ? 1 : 0) : String(one).localeCompare(String(other), "en", { numeric: true });
  return down ? -order : order;
}

for (const input of document.querySelectorAll(".filter input")) {
  const rows = input.closest(".table").querySelector("tbody").rows;
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) row.hidden = !words.every((word) => row.textContent.toLowerCase().includes(word));
  });
}

for (const box of document.querySelectorAll(".legend input")) {
  box.addEventListener("change", () => {
    for (const id of [box.dataset.line, box.dataset.band]) {
      const part = document.getElementById(id);
      if (part) part.style.display = box.checked ? "" : "none";
    }
  });
}

for (const svg of document.querySelectorAll("svg[data-points]")) hover(svg, JSON.parse(svg.dataset.points));

function hover(svg, points) {
  const told = svg.parentElement.querySelector(".told");
  const line = svg.appendChild(document.createElementNS("http://www.w3.org/2000/svg", "line"));
  line.setAttribute("style", "stroke: var(--muted); stroke-width: 0.7; display: none");
  line.setAttribute("y1", points.box[1]);
  line.setAttribute("y2", points.box[3]);
  const leave = () => { told.hidden = true; line.style.display = "none"; };
  svg.addEventListener("pointerleave", leave);
  svg.addEventListener("pointermove", (event) => {
    const place = svg.getBoundingClientRect();
    const scale = svg.viewBox.baseVal.width / place.width;
    const x = (event.clientX - place.left) * scale, y = (event.clientY - place.top) * scale;
    if (x < points.box[0] - 6 || x > points.box[2] + 6 || y < points.box[1] || y > points.box[3]) return leave();
    const nearest = points.at.reduce((best, at, here) => Math.abs(at - x) < Math.abs(points.at[best] - x) ? here : best, 0);
    line.setAttribute("x1", points.at[nearest]);
    line.setAttribute("x2", points.at[nearest]);
    line.style.display = "";
    write(told, points, nearest, svg);
    const left = points.at[nearest] / scale;
    const beside = left > place.width / 2 ? left - told.offsetWidth - 8 : left + 8;
    told.style.transform = `translate(${Math.max(0, Math.min(beside, place.width - told.offsetWidth))}px, 4px)`;
  });
}

function write(told, points, nearest, svg) {
  told.replaceChildren();
  told.hidden = false;
  const head = told.appendChild(document.createElement("div"));
  head.textContent = `${points.word} ${points.names[nearest] ?? points.x[nearest]}`;
  for (const [name, values, place] of points.lines) {
    const part = document.getElementById(`${svg.parentElement.parentElement.id.slice(7)}-line-${place}`);
    if (values[nearest] === null || values[nearest] === undefined || (part && part.style.display === "none")) continue;
    const row = told.appendChild(document.createElement("div"));
    row.appendChild(document.createElement("i")).style.background = `var(--line-${place % 7})`;
    row.append(`${name}: ${values[nearest]}`);
  }
}

let opened = [];
window.addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details.listing:not([open]), details.meanings:not([open])")];
  opened.forEach((part) => { part.open = true; });
});
window.addEventListener("afterprint", () => opened.forEach((part) => { part.open = false; }));
