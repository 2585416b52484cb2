// Beside the text the contents always stand open; above it they would push the card off the screen.
"use strict";

const beside = window.matchMedia("(min-width: 72rem)");
const contents = document.getElementById("contents");
const fitContents = () => { contents.open = beside.matches; };
beside.addEventListener("change", fitContents);
fitContents();
