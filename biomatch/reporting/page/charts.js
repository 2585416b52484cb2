// Charts: drawn once, then their named data sets are exchanged when the slider or the result moves.
"use strict";

const views = {};

function inflate(columns) {
  const names = Object.keys(columns);
  const size = names.length ? columns[names[0]].length : 0;
  return Array.from({ length: size }, (_, at) =>
    Object.fromEntries(names.map((name) => [name, columns[name][at]])));
}

function ratioRows(model, column, position) {
  return model.rows
    .map((row) => [row[0], cellAt(row[column], position)])
    .filter(([, cell]) => Array.isArray(cell) && cell[1])
    .map(([label, [errors, trials, low, high]]) =>
      ({ label, value: errors / trials, low, high, errors, trials }));
}

// A binding says where a data set comes from: see BINDINGS in assembly.py.
function rowsFor(binding, results, chosen, position, part) {
  const [kind, name, column] = binding.split(":");
  const result = results[chosen];
  if (kind === "rows") return inflate(result.rows[name] || {});
  if (kind === "now") return inflate(result.now).slice(position, position + 1);
  if (kind === "threshold") return [{ threshold: result.thresholds[position] }];
  if (kind === "part") {
    return result.tables[part] ? ratioRows(result.tables[part], Number(name), position) : [];
  }
  if (kind === "table") {
    return result.tables[name] ? ratioRows(result.tables[name], Number(column), position) : [];
  }
  return results.flatMap((other, at) => (at === chosen ? [] : inflate(other.rows.drawn || {}).map((row) =>
    ({ label: other.label, fpir: row.fpir, fnir: row.fnir, threshold: row.threshold }))));
}

const MARKS = new Set(["now", "threshold"]);

// Height of a chart with a row for each label (and a line for each of what it says of a label).
function heightOf(step, sets) {
  const rows = Object.values(sets).flat();
  const lines = (name) => Math.max(1, new Set(rows.map((row) => row[name])).size);
  return step * lines("label") * lines("what");
}

function setsOf(chart, results, chosen, position, part) {
  return Object.fromEntries(Object.entries(chart.bind).map(([set, binding]) =>
    [set, rowsFor(binding, results, chosen, position, part)]));
}

function hideEmptyFigures(charts, results, chosen, position, part) {
  for (const [name, chart] of Object.entries(charts)) {
    const place = document.getElementById(`chart-${name}`);
    if (!place) continue;
    const sets = setsOf(chart, results, chosen, position, part);
    place.closest("figure").hidden = !Object.entries(chart.bind).some(([set, binding]) =>
      !MARKS.has(binding) && binding !== "others" && sets[set].length);
  }
}

async function drawChart(name, chart, sets) {
  const place = document.getElementById(`chart-${name}`);
  if (!place || place.closest("[hidden], details:not([open])")) return;
  if (views[name]) {
    for (const [set, rows] of Object.entries(sets)) views[name].data(set, rows);
    if (chart.step) views[name].height(heightOf(chart.step, sets));
    await views[name].resize().runAsync();
    return;
  }
  const spec = { ...structuredClone(chart.spec), datasets: sets };
  if (chart.step) spec.height = heightOf(chart.step, sets);
  const made = await vegaEmbed(place, spec, { actions: false, renderer: "svg", logLevel: 1 });
  views[name] = made.view;
}

// One after another, and never two drawings of one chart at once.
let drawing = Promise.resolve();

function drawCharts(charts, results, chosen, position, part) {
  drawing = drawing.then(async () => {
    for (const [name, chart] of Object.entries(charts)) {
      await drawChart(name, chart, setsOf(chart, results, chosen, position, part));
    }
  });
  return drawing;
}
