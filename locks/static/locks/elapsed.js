/* How old a press is: the time from a button's arrival in the page to its press, on two clocks.
   Without it the server counts from the making of the page, and a press on an old page comes too late. */
"use strict";

(() => {
  const BUTTONS = "[data-press], [data-lock]"; // forms
  const arrived = new WeakMap(); // token field -> when it came

  function note() {
    const now = { wall: Date.now(), mono: performance.now() };
    for (const field of document.querySelectorAll(`:is(${BUTTONS}) input[name=token]`)) {
      if (!arrived.has(field)) arrived.set(field, now);
    }
  }

  function set(form, name, milliseconds) {
    let field = form.elements[name];
    if (!field) {
      field = document.createElement("input");
      field.type = "hidden";
      field.name = name;
      form.append(field);
    }
    field.value = (milliseconds / 1000).toFixed(3);
  }

  note();
  new MutationObserver(note).observe(document.body, { childList: true, subtree: true });

  // Captured: before the desk's script, or the browser itself, reads the form.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    const since = form.matches(BUTTONS) && arrived.get(form.elements.token);
    if (!since) return;
    set(form, "elapsed_wall", Date.now() - since.wall);
    set(form, "elapsed_mono", performance.now() - since.mono);
  }, true);
})();
