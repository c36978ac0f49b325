/* What was chosen in this browser, on the account's page or with one's presses: light, dark, or as the system
   has it, also in the records (Django's admin keeps its choice in the same place); and whether single keys
   count, which programs that type by themselves (speech, scanners) would strike (WCAG 2.1.4). Not deferred: a
   page must not flash. */
"use strict";

(() => {
  const MEDIA = { light: "not all", dark: "screen", auto: "screen and (prefers-color-scheme: dark)" };
  const CHOICES = { theme: ["auto", "light", "dark"], keys: ["on", "off"] }; // the first where nothing was chosen
  const root = document.documentElement;

  function chosen(name) {
    let kept = null;
    try {
      kept = localStorage.getItem(name);
    } catch {
      // a browser that keeps nothing
    }
    return CHOICES[name].includes(kept) ? kept : CHOICES[name][0];
  }

  function show() {
    for (const name of Object.keys(CHOICES)) {
      root.dataset[name] = chosen(name);
      const choice = document.querySelector(`#${name} [value=${chosen(name)}]`);
      if (choice) choice.checked = true;
    }
    document.getElementById("dark").media = MEDIA[chosen("theme")];
  }

  show();
  addEventListener("storage", show);
  document.addEventListener("change", ({ target }) => {
    if (!(target.name in CHOICES) || !target.closest(`#${target.name}`)) return;
    localStorage.setItem(target.name, target.value);
    show();
  });
  document.addEventListener("DOMContentLoaded", () => {
    for (const name of Object.keys(CHOICES)) document.getElementById(name)?.removeAttribute("hidden");
    show();
  });
})();
