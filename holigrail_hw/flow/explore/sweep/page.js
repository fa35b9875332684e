"use strict";
// Sorting and filtering first, which need no document; then what draws.

// Numbers before texts before nothing; numbers by size, texts with their numbers by size, too.
function compare(a, b) {
  const rank = (v) => (v === null || v === undefined ? 2 : typeof v === "number" ? 0 : 1);
  if (rank(a) !== rank(b)) return rank(a) - rank(b);
  if (rank(a) === 0) return a - b;
  return rank(a) === 2 ? 0 : String(a).localeCompare(String(b), "en", { numeric: true });
}

// Points in the order of a column; those without a value stay last either way.
function sorted(points, column, down) {
  const filled = points.filter((p) => p.cells[column] !== null && p.cells[column] !== undefined);
  const empty = points.filter((p) => !filled.includes(p));
  filled.sort((p, q) => compare(p.cells[column], q.cells[column]) * (down ? -1 : 1));
  return filled.concat(empty);
}

// Whether a cell passes a filter: nothing, a comparison, or a text to be found.
function passes(cell, filter) {
  const text = filter.trim();
  if (text === "") return true;
  const found = /^(<=|>=|!=|<|>|=)\s*(.+)$/.exec(text);
  if (!found) return cell !== null && String(cell).toLowerCase().includes(text.toLowerCase());
  if (cell === null) return false;
  const number = Number(found[2]);
  const other = typeof cell === "number" && !Number.isNaN(number) ? number : found[2];
  const order = compare(typeof other === "number" ? cell : String(cell), other);
  return {
    "<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0,
    "=": order === 0, "!=": order !== 0,
  }[found[1]];
}

// The points to be shown: filters by column, the front alone, those that are possible.
function chosen(points, filters, onlyFront, withFaulty) {
  return points.filter((p) =>
    (p.front || !onlyFront) && (p.error === null || withFaulty) &&
    filters.every((filter, column) => passes(p.cells[column], filter)));
}

// Round numbers for an axis from low to high, about five of them.
function ticks(low, high) {
  const span = high - low || Math.abs(high) || 1;
  const power = 10 ** Math.floor(Math.log10(span / 5));
  const step = [1, 2, 5, 10].map((n) => n * power).find((s) => span / s <= 6);
  const found = [];
  for (let n = Math.ceil(low / step); n * step <= high + step * 1e-9; n++) {
    found.push(Number((n * step).toPrecision(12)));
  }
  return found;
}

if (typeof document !== "undefined") draw();

function draw() {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const state = { column: -1, down: false, filters: data.columns.map(() => ""), rows: 200 };
  const marks = new Map();
  const number = (v) => (typeof v !== "number" ? v : Number.isInteger(v) ? v : Number(v.toPrecision(5)));

  const drawn = data.columns
    .map((column, index) => ({ ...column, index }))
    .filter((c) => c.figure && data.points.some((p) => typeof p.cells[c.index] === "number"));
  const wanted = data.objectives.map((o) => o.figure);
  [["x", 0], ["y", 1]].forEach(([id, place]) => {
    drawn.forEach((c) => byId(id).append(new Option(c.title, c.index)));
    const first = drawn.find((c) => c.name === wanted[place]) || drawn[place] || drawn[0];
    if (first) byId(id).value = first.index;
  });

  function hover(point, event) {
    marks.forEach((pair) => pair.forEach((one) => one.classList.remove("hovered")));
    const tip = byId("tip");
    tip.style.display = point ? "block" : "none";
    if (!point) return;
    (marks.get(point) || []).forEach((one) => one.classList.add("hovered"));
    const lines = data.columns.map((c, i) => [c.title, point.cells[i]]);
    tip.textContent = lines.filter(([, v]) => v !== null).map(([t, v]) => `${t}: ${number(v)}`)
      .concat(point.error ? [point.error] : []).join("\n");
    tip.style.left = `${event.pageX + 14}px`;
    tip.style.top = `${event.pageY + 14}px`;
  }

  function mark(point, element) {
    marks.set(point, (marks.get(point) || []).concat(element));
    element.addEventListener("mousemove", (event) => hover(point, event));
    element.addEventListener("mouseleave", () => hover(null));
  }

  function svg(name, attributes, text) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
    if (text !== undefined) made.textContent = text;
    byId("plot").append(made);
    return made;
  }

  function plot(points) {
    byId("plot").replaceChildren();
    const [x, y] = ["x", "y"].map((id) => Number(byId(id).value));
    const both = points.filter((p) => typeof p.cells[x] === "number" && typeof p.cells[y] === "number");
    if (!both.length) return;
    const axis = (column, from, to) => {
      let low = Infinity, high = -Infinity;
      both.forEach((p) => { low = Math.min(low, p.cells[column]); high = Math.max(high, p.cells[column]); });
      const room = (high - low || Math.abs(high) || 1) * 0.05;
      low -= room; high += room;
      return { low, high, at: (v) => from + (to - from) * (v - low) / (high - low) };
    };
    const across = axis(x, 70, 740), up = axis(y, 370, 15);
    ticks(across.low, across.high).forEach((v) => {
      svg("line", { x1: across.at(v), x2: across.at(v), y1: 15, y2: 370, stroke: "#eee" });
      svg("text", { x: across.at(v), y: 386, "text-anchor": "middle" }, v);
    });
    ticks(up.low, up.high).forEach((v) => {
      svg("line", { x1: 70, x2: 740, y1: up.at(v), y2: up.at(v), stroke: "#eee" });
      svg("text", { x: 64, y: up.at(v) + 4, "text-anchor": "end" }, v);
    });
    svg("text", { x: 405, y: 408, "text-anchor": "middle" }, data.columns[x].title);
    svg("text", { x: -190, y: 14, "text-anchor": "middle", transform: "rotate(-90)" }, data.columns[y].title);
    both.filter((p) => !p.front).concat(both.filter((p) => p.front)).forEach((p) => {
      const kind = p.front ? "front" : "beaten";
      mark(p, svg("circle", { cx: across.at(p.cells[x]), cy: up.at(p.cells[y]), r: p.front ? 5 : 4, class: kind }));
    });
  }

  function rows(points) {
    byId("rows").replaceChildren();
    points.slice(0, state.rows).forEach((p) => {
      const row = document.createElement("tr");
      row.className = p.front ? "front" : "beaten";
      p.cells.concat([p.error ? p.error.split("\n")[0] : ""]).forEach((cell) => {
        const made = document.createElement("td");
        if (typeof cell === "number") made.className = "n";
        made.textContent = cell === null ? "-" : number(cell);
        row.append(made);
      });
      mark(p, row);
      byId("rows").append(row);
    });
    byId("more").style.display = points.length > state.rows ? "" : "none";
  }

  function show() {
    marks.clear();
    let points = chosen(data.points, state.filters, byId("best").checked, byId("faulty").checked);
    if (state.column >= 0) points = sorted(points, state.column, state.down);
    byId("shown").textContent = `${points.length} shown`;
    plot(points);
    rows(points);
  }

  const titles = document.createElement("tr"), fields = document.createElement("tr");
  data.columns.forEach((column, index) => {
    const title = document.createElement("th"), field = document.createElement("th");
    title.textContent = column.title;
    title.addEventListener("click", () => {
      state.down = state.column === index && !state.down;
      state.column = index;
      show();
    });
    const input = document.createElement("input");
    input.setAttribute("aria-label", `filter of ${column.title}`);
    input.addEventListener("input", () => { state.filters[index] = input.value; show(); });
    field.append(input);
    titles.append(title);
    fields.append(field);
  });
  byId("head").append(titles, fields);
  ["x", "y", "best", "faulty"].forEach((id) => byId(id).addEventListener("change", show));
  byId("more").addEventListener("click", () => { state.rows *= 4; show(); });
  show();
}
