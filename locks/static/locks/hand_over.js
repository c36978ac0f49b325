/* The hand-over sheet works as plain HTML; printing alone takes a script. */
"use strict";

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}
