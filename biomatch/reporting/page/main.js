// The page's state is which result is chosen and where its slider stands; everything else follows.
"use strict";

// Data of many results come compressed: see data_element in assembly.py.
async function readData(place) {
  if (place.type === "application/json") return JSON.parse(place.textContent);
  const bytes = Uint8Array.from(atob(place.textContent), (sign) => sign.charCodeAt(0));
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(plain).text());
}

const data = await readData(document.getElementById("data"));
const positions = data.results.map((result) => result.tuned);
let chosen = 0;

const byId = (id) => document.getElementById(id);
const MOVED = "resubstitution: picked on the grading world";

// The position whose values a table shows: not every table can stand at every threshold.
function standsAt(result, model, position) {
  if (!model.follows) return result.tuned;
  return model.linked.length ? model.linked[position] : position;
}

function where(result, model, position) {
  if (model.free) return "";
  const still = !model.follows && result.thresholds.length > 1 ? "; does not follow the slider" : "";
  if (!model.rated) return `At the tuned thresholds${still}`;
  const at = standsAt(result, model, position);
  const how = at === result.tuned ? "tuned" : MOVED;
  const near = model.follows && at !== position ? "; the nearest at which all stays were linked again" : "";
  return `T = ${result.shown[at]} (${how}), ${result.texts.gallery}${still}${near}`;
}

function modelOf(name) {
  if (name === "comparison") return data.comparison;
  return data.still[name] || data.results[chosen].tables[name];
}

// Breakdowns share one place: the picked one is shown, the others wait.
const PARTS = { "by-group": "Group", "by-mode": "Mode", "by-port": "Port" };
let part = "by-group";

function offerParts() {
  const { tables } = data.results[chosen];
  const names = Object.keys(PARTS).filter((name) => tables[name]);
  const place = byId("part");
  place.replaceChildren(...names.map((name) => {
    const option = element("option", "", `${PARTS[name]} (${tables[name].rows.length})`);
    option.value = name;
    return option;
  }));
  if (!names.includes(part)) part = names[0] || "by-group";
  place.value = part;
  place.disabled = names.length < 2;
  place.closest(".pick").hidden = !names.length;
}

// The lowest stop at which FPIR is at most a target: offered where the slider has one.
function offerTargets() {
  const result = data.results[chosen];
  const fpir = result.tables.rates.rows[1][1];
  const rates = result.thresholds.map((_, at) => cellAt(fpir, at)).map(([n, of]) => (of ? n / of : NaN));
  const place = byId("target");
  const options = [element("option", "", "choose")];
  options[0].value = "";
  let last = -1;
  for (const target of data.targets) {
    const at = rates.findIndex((rate) => rate <= target);
    if (at <= last) continue;
    const option = element("option", "", `${percent(target, 1)}: T = ${result.shown[at]}`);
    option.value = String(at);
    options.push(option);
    last = at;
  }
  place.replaceChildren(...options);
  place.disabled = options.length < 2;
}

function showTables(everything) {
  const result = data.results[chosen];
  for (const block of document.querySelectorAll("[data-table]")) {
    const name = block.dataset.table;
    const model = name === "comparison" ? data.comparison : result.tables[name];
    block.hidden = !model || (name in PARTS && name !== part);
    if (model && (everything || model.follows)) {
      renderTable(block.querySelector("table"), model, positions[chosen], where(result, model, positions[chosen]));
    }
  }
  for (const section of document.querySelectorAll("section[data-optional]")) {
    const empty = [...section.querySelectorAll("[data-table]")].every((block) => block.hidden);
    section.querySelector(".absent").hidden = !empty;
  }
  for (const place of document.querySelectorAll("details.fold")) {
    const blocks = [...place.querySelectorAll("[data-table]")];
    const figures = [...place.querySelectorAll("figure")];
    place.hidden = blocks.length + figures.length > 0 && [...blocks, ...figures].every((one) => one.hidden);
  }
  markScrolling();
}

function showReadout() {
  const result = data.results[chosen];
  const position = positions[chosen];
  const moved = position !== result.tuned;
  const rates = result.tables.rates.rows.map((row) => cellAt(row[1], position));
  byId("threshold").textContent = result.shown[position];
  for (const [id, rate] of [["fnir", rates[0]], ["fpir", rates[1]]]) {
    const [value, counts, interval] = ratioParts(rate);
    byId(id).replaceChildren(element("span", "v", value));
    if (counts) byId(id).append(" ", element("span", "n", counts), " ", element("span", "i", interval));
  }
  byId("label").textContent = moved ? MOVED : "tuned threshold";
  byId("label").className = moved ? "moved" : "";
  byId("reset").disabled = !moved;
  const slider = byId("slider");
  slider.max = result.thresholds.length - 1;
  slider.value = position;
  slider.disabled = result.thresholds.length === 1;
  const entry = byId("entry");
  entry.disabled = slider.disabled;
  entry.min = result.thresholds[0];
  entry.max = result.thresholds[result.thresholds.length - 1];
  if (document.activeElement !== entry) entry.value = result.shown[position];
  slider.setAttribute("aria-valuetext", `threshold ${result.shown[position]}, ${moved ? MOVED : "tuned"}`);
  return `Threshold ${result.shown[position]}, ${moved ? MOVED : "tuned"}. ` +
    `FNIR ${ratioParts(rates[0])[0]}, FPIR ${ratioParts(rates[1])[0]}.`;
}

function show(everything) {
  const said = showReadout();
  hideEmptyFigures(data.charts, data.results, chosen, positions[chosen], part);
  showTables(everything);
  const drawn = drawCharts(data.charts, data.results, chosen, positions[chosen], part);
  return { said, drawn };
}

// The stop that is nearest to a number; of two, the lower one.
function nearestStop(value) {
  const { thresholds } = data.results[chosen];
  return thresholds.reduce((best, one, at) =>
    (Math.abs(one - value) < Math.abs(thresholds[best] - value) ? at : best), 0);
}

function move(position, announce) {
  positions[chosen] = position;
  const { said } = show(false);
  if (announce) byId("live").textContent = said;
}

function choose(at) {
  chosen = at;
  const { texts } = data.results[chosen];
  for (const place of document.querySelectorAll("[data-text]")) {
    place.textContent = texts[place.dataset.text];
    place.hidden = !texts[place.dataset.text];
  }
  for (const card of document.querySelectorAll("[data-card]")) card.hidden = Number(card.dataset.card) !== at;
  offerParts();
  offerTargets();
  byId("live").textContent = show(true).said;
}

function download(name) {
  const model = modelOf(name);
  const text = toCsv(model, positions[chosen]);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
  const result = data.results[chosen];
  link.download = model.follows
    ? `${name}-at-${result.shown[standsAt(result, model, positions[chosen])]}.csv` : `${name}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// Ascending, descending, as it was made.
function orderBy(head) {
  const block = head.closest("[data-table]");
  const name = block.dataset.table;
  const column = head.parentElement.cellIndex;
  const [before, way] = orders[name] || [column, 0];
  if (before === column && way === -1) delete orders[name];
  else orders[name] = [column, before === column && way === 1 ? -1 : 1];
  const model = modelOf(name);
  const position = positions[chosen];
  renderTable(block.querySelector("table"), model, position, where(data.results[chosen], model, position));
  block.querySelectorAll("thead th")[column].firstElementChild.focus();
  const said = { 1: "ascending", "-1": "descending" }[(orders[name] || [])[1]] || "in its first order";
  byId("live").textContent = `${model.caption}: ${model.columns[column]}, ${said}.`;
}

// A table that is wider than its place must be reachable by keyboard; one that is not, no stop on the way.
function markScrolling() {
  for (const place of document.querySelectorAll(".scroll")) {
    const table = place.firstElementChild;
    if (place.scrollWidth > place.clientWidth + 1) {
      place.tabIndex = 0;
      place.setAttribute("role", "region");
      place.setAttribute("aria-label", table.caption ? table.caption.firstChild.textContent : "table");
    } else {
      for (const name of ["tabindex", "role", "aria-label"]) place.removeAttribute(name);
    }
  }
}

byId("slider").addEventListener("input", (event) => move(Number(event.target.value), false));
byId("slider").addEventListener("change", (event) => move(Number(event.target.value), true));
byId("entry").addEventListener("change", (event) => {
  const value = event.target.valueAsNumber;
  if (Number.isFinite(value)) move(nearestStop(value), true);
  event.target.value = data.results[chosen].shown[positions[chosen]];
});
// Paper has no slider: what is printed stands at the tuned threshold, and the screen keeps its place.
let before = null;
window.addEventListener("beforeprint", () => {
  before = positions[chosen];
  move(data.results[chosen].tuned, false);
});
window.addEventListener("afterprint", () => {
  if (before !== null) move(before, false);
  before = null;
});
byId("reset").addEventListener("click", () => {
  move(data.results[chosen].tuned, true);
  byId("slider").focus();
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-csv]");
  if (button) download(button.dataset.csv);
  const head = event.target.closest(".sort");
  if (head) orderBy(head);
});
if (byId("result")) byId("result").addEventListener("change", (event) => choose(Number(event.target.value)));
window.addEventListener("resize", markScrolling);
byId("target").addEventListener("change", (event) => {
  if (event.target.value !== "") move(Number(event.target.value), true);
  event.target.value = "";
});
byId("part").addEventListener("change", (event) => {
  part = event.target.value;
  show(false);
});

// Charts in a closed fold have no width: they are drawn when it opens.
document.addEventListener("toggle", (event) => {
  if (event.target.matches("details.fold[open]")) show(false);
}, true);
byId("unfold").addEventListener("click", () => {
  const folds = [...document.querySelectorAll("details.fold")];
  const open = byId("unfold").getAttribute("aria-pressed") !== "true";
  for (const one of folds) one.open = open;
  byId("unfold").setAttribute("aria-pressed", String(open));
  byId("unfold").textContent = open ? "Close all folds" : "Open all folds";
});
offerParts();
offerTargets();

document.documentElement.classList.add("scripted");
show(true).drawn.then(() => { document.documentElement.dataset.ready = "yes"; });
