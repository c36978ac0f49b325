/* What was typed for a press that did not get through stands in its door's question when that is asked again.
   In this page's memory alone: who signs in next at this PC is to find nothing of it. */
"use strict";

window.accessdesk = window.accessdesk || {};

accessdesk.typed = (() => {
  const KEPT_FOR = 120_000; // ms: later it is about another guest
  const kept = new Map(); // door id -> what its question was answered with, and when

  function of(door) {
    const found = kept.get(door);
    return found && Date.now() - found.at < KEPT_FOR ? found : null;
  }

  return {
    /* Of a press that is about to be sent. */
    keep(form) {
      const values = new FormData(form);
      values.delete("proof");
      const query = values.has("found_by") ? { found_by: values.get("found_by") } : {};
      const { press: door, question: address, request } = form.dataset;
      kept.set(door, { values, query, address, request, at: Date.now() });
    },

    /* The server has it. */
    drop(door) { kept.delete(door); },

    /* Where that question is asked at, with which query, and what was typed; null where nothing is kept. */
    of,

    /* Answer the same question as before; not what proves who one is, nor, unless the question has come back
       by itself, which door is meant. Whether there was something. Where the door has had a press since, what
       was typed may have been that one's. */
    fill(form, isBack) {
      const { press: door, question: address, request } = form.dataset;
      const found = of(door);
      if (!found || found.address !== address || (!isBack && found.request !== request)) return false;
      const typedAnew = `[type=hidden], [type=password], [name=proof]${isBack ? "" : ", [name=named]"}`;
      for (const field of form.querySelectorAll(`input:not(${typedAnew})`)) {
        const value = found.values.get(field.name);
        if (field.type === "radio") field.checked = value === field.value;
        else field.value = value ?? "";
        if (field.checked) field.dispatchEvent(new Event("change", { bubbles: true }));
      }
      if (!found.values.has("way_before")) form.querySelector("[name=way_before]")?.remove(); // it was chosen
      // Where the keyboard is once it is shown.
      form.querySelector("[autofocus]")?.removeAttribute("autofocus");
      (form.querySelector("input:invalid") ?? form.querySelector("[type=submit]"))?.setAttribute("autofocus", "");
      return true;
    },
  };
})();
