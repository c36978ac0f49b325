/* What is typed while the desk still loads, for the search (find.js), which takes it as soon as it is there.
   Not deferred: the page is seen, and typed at, before its other scripts have run. */
"use strict";

window.accessdesk = window.accessdesk || {};

(() => {
  let keys = "";

  const isInField = (event) => Boolean(event.target.closest("input, textarea, select, [contenteditable], dialog"));

  /* Whether a key is meant for the search, wherever the focus is. */
  accessdesk.isTyping = (event) => {
    if (document.documentElement.dataset.keys === "off") return false;
    const isCombined = (event.ctrlKey || event.altKey) && !event.getModifierState("AltGraph");
    if (event.key.length !== 1 || event.key === " " || event.metaKey || isCombined) return false;
    return !isInField(event);
  };

  function keep(event) {
    if (accessdesk.isTyping(event) || (event.key === " " && keys && !isInField(event))) keys += event.key;
    else if (event.key === "Backspace" && !isInField(event)) keys = keys.slice(0, -1);
    else if (event.key === "Escape") keys = "";
  }
  document.addEventListener("keydown", keep);

  /* What was typed until now. Keys are the asker's from here on. */
  accessdesk.typedEarly = () => {
    document.removeEventListener("keydown", keep);
    return keys;
  };
})();
