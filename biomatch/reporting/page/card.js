// The reader's own gallery on the decision card: the twin of Grown.at in decision/card.py.
"use strict";

function grownTo(bound, growth) {
  return bound >= 1 ? 1 : -Math.expm1(Math.max(1, growth) * Math.log1p(-Math.min(bound, 1 - 1e-15)));
}

for (const field of document.querySelectorAll("input[data-bound]")) {
  const answer = document.querySelector(`output[for="${field.id}"]`);
  field.addEventListener("input", () => {
    const size = field.valueAsNumber;
    answer.textContent = size >= 1
      ? percent(grownTo(Number(field.dataset.bound), size / Number(field.dataset.tested)))
      : "a size of 1 or more is needed";
  });
}
