/* Light, dark, or as the system has it: what was chosen in this browser, on the account's page or in the
   records. Django's admin keeps its choice in the same place. Not deferred: a page must not flash. */
"use strict";

(() => {
  const MEDIA = { light: "not all", dark: "screen", auto: "screen and (prefers-color-scheme: dark)" };

  function chosen() {
    try {
      const theme = localStorage.getItem("theme");
      return theme in MEDIA ? theme : "auto";
    } catch {
      return "auto"; // a browser that keeps nothing
    }
  }

  function show() {
    document.documentElement.dataset.theme = chosen();
    document.getElementById("dark").media = MEDIA[chosen()];
    const choice = document.querySelector(`#theme [value=${chosen()}]`);
    if (choice) choice.checked = true;
  }

  show();
  addEventListener("storage", show);
  document.addEventListener("change", (event) => {
    if (!event.target.matches("#theme [name=theme]")) return;
    localStorage.setItem("theme", event.target.value);
    show();
  });
  document.addEventListener("DOMContentLoaded", () => {
    document.getElementById("theme")?.removeAttribute("hidden");
    show();
  });
})();
