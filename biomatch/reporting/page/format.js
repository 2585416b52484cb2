// How figures are written: the twin of biomatch/reporting/figures.py.
"use strict";

const NO_TRIALS = "no trials";
const NOTHING = "–";

function significant(value, digits) {
  if (value === 0) return "0";
  const exponent = Number(value.toExponential(digits - 1).split("e")[1]);
  return value.toFixed(Math.max(0, digits - 1 - exponent));
}

function percent(share, digits = 3) {
  let shown = significant(share * 100, digits);
  // What is less than all is never written as all.
  if (share < 1 && Number(shown) >= 100) {
    const decimals = (significant(100 - share * 100, digits).split(".")[1] || "").length;
    shown = (share * 100).toFixed(decimals);
  }
  return shown + "%";
}

function count(number) {
  return number.toLocaleString("en-US", { maximumFractionDigits: 0 });
}

function measured(value) {
  return Math.abs(value) >= 1000 ? count(Number(value.toFixed(0))) : significant(value, 3);
}

// A rate is [numerator, denominator, low, high].
function ratioParts([numerator, denominator, low, high]) {
  if (!denominator) return [NO_TRIALS, "", ""];
  return [
    percent(numerator / denominator),
    `${count(numerator)} of ${count(denominator)}`,
    `${percent(low, 2)} to ${percent(high, 2)}`,
  ];
}
