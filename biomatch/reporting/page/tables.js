// Tables at a position of the slider: the twin of biomatch/reporting/tables.py. Text only ever becomes
// text nodes, so no name can become markup.
"use strict";

function cellAt(cell, position) {
  if (cell === null || typeof cell !== "object" || Array.isArray(cell)) return cell;
  if ("a" in cell) return cell.a[position];
  if ("n" in cell) {
    const denominator = Array.isArray(cell.d) ? cell.d[position] : cell.d;
    return [cell.n[position], denominator, cell.lo[position], cell.hi[position]];
  }
  return cell;
}

function textOf(cell) {
  if (cell === null) return NOTHING;
  if (cell === true || cell === false) return cell ? "yes" : "no";
  if (typeof cell === "number") return count(cell);
  if (typeof cell === "string") return cell;
  return measured(cell.f);
}

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function fillCell(place, cell) {
  if (Array.isArray(cell)) {
    const [value, counts, interval] = ratioParts(cell);
    if (!counts) place.append(element("span", "none", value));
    else {
      const detail = element("span", "d");
      detail.append(element("span", "n", counts), " ", element("span", "i", interval));
      place.append(element("span", "v", value), " ", detail);
    }
  } else if (typeof cell === "string") place.append(element("bdi", "", cell));
  else place.append(textOf(cell));
}

function isFigures(rows, at) {
  const cells = rows.map((row) => row[at]).filter((cell) => cell !== null);
  return at > 0 && !(cells.length && cells.every((cell) => typeof cell === "string"));
}

// Two rates fit beside each other; more of them, or many columns, stand on top of their counts.
function isStacked(rows, columns) {
  const rated = columns.filter((_, at) => rows.some((row) => Array.isArray(row[at])));
  return rated.length > 2 || columns.length > 4;
}

// How each table is ordered, by its name: a column, and 1 for ascending or -1; absent: as it was made.
const orders = {};

// What a cell is ordered by: its rate, its number, its text; nothing (null) stands last either way.
function keyOf(cell) {
  if (Array.isArray(cell)) return cell[1] ? cell[0] / cell[1] : null;
  if (cell !== null && typeof cell === "object") return cell.f;
  return typeof cell === "boolean" ? Number(cell) : cell;
}

function compareKeys(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), "en", { numeric: true });
}

function inOrder(rows, order) {
  if (!order) return rows;
  const [column, way] = order;
  const keys = new Map(rows.map((row) => [row, keyOf(row[column])]));
  return rows.toSorted((a, b) => {
    const [one, other] = [keys.get(a), keys.get(b)];
    if (one === null || other === null) return (one === null) - (other === null);
    return way * compareKeys(one, other);
  });
}

// A head that orders its table: a button, so that keyboards and screen readers reach it.
function fillHead(place, name, order, at) {
  const way = order && order[0] === at ? order[1] : 0;
  place.setAttribute("aria-sort", ["descending", "none", "ascending"][way + 1]);
  const button = place.appendChild(element("button", "sort", name));
  button.type = "button";
}

function renderTable(place, model, position, where) {
  const order = orders[place.closest("[data-table]").dataset.table];
  const rows = inOrder(model.rows.map((row) => row.map((cell) => cellAt(cell, position))), order);
  const caption = element("caption", "", model.caption);
  if (model.note) caption.append(" ", element("span", "note", model.note));
  if (where) caption.append(" ", element("span", "at", where));
  const head = element("thead");
  const heads = head.appendChild(element("tr"));
  model.columns.forEach((name, at) => {
    const cell = heads.appendChild(element("th", isFigures(rows, at) ? "num" : ""));
    cell.scope = "col";
    if (rows.length > 1) fillHead(cell, name, order, at);
    else cell.textContent = name;
  });
  const body = element("tbody");
  for (const row of rows) {
    const line = body.appendChild(element("tr"));
    row.forEach((value, at) => {
      const cell = line.appendChild(element(at ? "td" : "th", isFigures(rows, at) ? "num" : ""));
      if (at) fillCell(cell, value);
      else {
        cell.scope = "row";
        fillCell(cell.appendChild(element("bdi")), value);
      }
    });
  }
  place.className = isStacked(rows, model.columns) ? "stacked" : "";
  place.replaceChildren(caption, head, body);
}

// RFC 4180; a rate takes five columns; text that a spreadsheet would run gets an apostrophe.
function toCsv(model, position) {
  const rows = model.rows.map((row) => row.map((cell) => cellAt(cell, position)));
  const rated = model.columns.map((_, at) => rows.some((row) => Array.isArray(row[at])));
  const parts = ["", " numerator", " denominator", " low", " high"];
  const head = model.columns.flatMap((name, at) => (rated[at] ? parts.map((part) => name + part) : [name]));
  const quote = (text) => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const fields = (cell, wide) => {
    if (Array.isArray(cell)) {
      const [numerator, denominator, low, high] = cell;
      return [denominator ? numerator / denominator : "", numerator, denominator, low, high].map(String);
    }
    let text = "";
    if (typeof cell === "string") text = /^[=+\-@\t]/.test(cell) ? `'${cell}` : cell;
    else if (cell !== null) text = typeof cell === "object" ? String(cell.f) : String(cell);
    return wide ? [text, "", "", "", ""] : [text];
  };
  const lines = rows.map((row) => row.flatMap((cell, at) => fields(cell, rated[at])));
  return [head, ...lines].map((line) => line.map(quote).join(",") + "\n").join("");
}
