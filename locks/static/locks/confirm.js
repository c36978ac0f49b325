/* The confirmation: what belongs to the click or key that opened or closed it does not count once more,
   and digits choose a reason. Without it the page works as a plain form. */
"use strict";

(() => {
  const ARMED_AFTER = 500; // ms: the usual systems take no two clicks further apart for a double click
  const NEAR = 24; // px between the two clicks of a double one
  // A quick lock has answered before the second click of a double one comes.
  const PRESSING = "[data-ask], [data-press] button, [data-lock] button, #confirm .buttons, .sheet .buttons";
  const ZONE = "#confirm, form.confirm, [data-ask], [data-press]";
  const dialog = document.getElementById("confirm");
  // When the question came; and when a pointer was last used on it: it may have gone then.
  let askedAt = document.querySelector(".sheet > form.confirm") ? performance.now() : -Infinity;
  let usedAt = -Infinity;
  let usedBy = { x: 0, y: 0 };
  let arming = 0;

  /* --- Pointers: by when the finger moved, not when the page got round to it ------------------ */

  document.addEventListener("htmx:afterSwap", (event) => {
    const body = event.detail.target;
    if (body.id !== "confirm-body") return;
    askedAt = performance.now();
    body.classList.add("is-arming");
    clearTimeout(arming);
    arming = setTimeout(() => body.classList.remove("is-arming"), ARMED_AFTER);
  });

  // While it is open, what comes right after the opening; afterwards, what comes right after a click on
  // it: what lies beneath may be another door's button.
  function isTooSoon(event) {
    const isGone = dialog && !dialog.open;
    if (isGone && Math.hypot(event.clientX - usedBy.x, event.clientY - usedBy.y) > NEAR) return false; // no double click
    const since = isGone ? usedAt : askedAt;
    return event.timeStamp - since < ARMED_AFTER;
  }

  let isEarly = false; // the pointer went down too soon
  function judge(event) {
    if (event.type === "pointerdown") {
      isEarly = isTooSoon(event);
      return;
    }
    if (event.detail === 0) return; // a click by keyboard
    // `detail` counts the clicks of a double one as this machine's settings have it.
    const isSecond = event.detail > 1 && event.target.closest(PRESSING);
    if (isSecond || isEarly || isTooSoon(event)) {
      event.preventDefault();
      event.stopImmediatePropagation();
    } else if (event.type === "click" && dialog?.open) {
      usedAt = event.timeStamp;
      usedBy = { x: event.clientX, y: event.clientY };
    }
  }
  for (const name of ["pointerdown", "mousedown", "click"]) document.addEventListener(name, judge, true);

  /* --- Keys: one that is held down has been pressed once -------------------------------------- */

  let wentDownOn = null;
  document.addEventListener("keydown", (event) => {
    if (!event.repeat) wentDownOn = event.target;
    else if (isPress(event)) event.preventDefault();
  }, true);
  document.addEventListener("keyup", (event) => {
    if (event.key === " " && isPress(event) && event.target !== wentDownOn) event.preventDefault();
  }, true);

  function isPress(event) {
    if (!event.target.closest?.(ZONE)) return false;
    const isTyping = event.target.matches("input:not([type=radio])");
    return event.key === "Enter" || (event.key === " " && !isTyping);
  }

  /* --- Choosing ------------------------------------------------------------------------------- */

  document.addEventListener("keydown", (event) => {
    if (event.repeat || event.ctrlKey || event.altKey || event.metaKey || !/^[1-9]$/.test(event.key)) return;
    if (document.documentElement.dataset.keys === "off") return;
    const form = document.querySelector("#confirm[open] form.confirm, .sheet > form.confirm");
    if (!form || event.target.matches("input:not([type=radio]), select, textarea")) return;
    const choice = form.querySelector(`[data-key="${event.key}"]`);
    if (!choice) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    choice.checked = true;
    choice.dispatchEvent(new Event("change", { bubbles: true }));
    (firstOpen(form) ?? form.querySelector("[type=submit]"))?.focus();
  }, true);

  // Of what has to be filled in; of a group of choices its first.
  function firstOpen(form) {
    return [...form.querySelectorAll("input[required]")].find((field) => field.validity.valueMissing);
  }

  // Who chooses the way that was chosen already has chosen it for this press.
  document.addEventListener("click", (event) => {
    const ways = event.target.closest("form.confirm [name=way_id]")?.closest("fieldset");
    for (const each of ways?.querySelectorAll("[name=way_before], .carried") ?? []) each.remove();
  });

  document.addEventListener("change", (event) => {
    const form = event.target.closest("form.confirm");
    const note = form?.querySelector("#note");
    if (!note || !event.target.matches(".chips input")) return;
    note.required = Boolean(form.querySelector("[data-needs-note]:checked"));
    form.querySelector("[data-optional]").hidden = note.required;
  });
})();
