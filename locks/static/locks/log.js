/* The desk log: it stands still while somebody reads further down, and is filtered in place.
   Without it the log is as old as the page, and its filter a plain form. */
"use strict";

(() => {
  const { adopt } = window.accessdesk || {};
  if (!adopt || !window.htmx) return;

  const STILL = 4; // px: so near to its top the newest row is in view
  const held = new WeakMap(); // a log's rows -> the newest ones, which it does not show yet

  document.body.classList.add("log-is-live");

  /* --- Paused ---------------------------------------------------------------------------------- */

  // Whether somebody reads further down. Where the log has no room of its own the page scrolls it.
  function isRead(list) {
    if (list.scrollHeight > list.clientHeight + 1) return list.scrollTop > STILL;
    const top = document.querySelector(".top")?.getBoundingClientRect().bottom ?? 0;
    return list.getBoundingClientRect().top < top - STILL;
  }

  // Leaves in `fresh`, a section, the rows that `here` shows, each as it is now, and counts the newer ones.
  function hold(list, fresh) {
    const rows = fresh.querySelector(".log-rows");
    const every = [...rows.children].filter((row) => row.matches(".log-row"));
    const isShown = (row) => Boolean(list.querySelector(`#${row.id}`));
    const known = every.findLastIndex(isShown);
    const count = every.slice(0, known < 0 ? every.length : known).filter((row) => !isShown(row)).length;
    if (!count) return held.delete(list);
    held.set(list, rows.cloneNode(true));
    const now = new Map(every.map((row) => [row.id, row]));
    const shown = [...list.childNodes].map((node) => now.get(node.id) || node.cloneNode(true));
    rows.replaceChildren(...shown);
    const chip = fresh.querySelector(".log-new");
    const texts = chip.dataset.texts.split("|");
    const text = texts[Math.min(count, texts.length) - 1];
    chip.hidden = false;
    chip.textContent = text;
    const name = list.closest(".log").querySelector("h2").firstChild.nodeValue.trim();
    const isOneOfSeveral = document.querySelectorAll(".building").length > 1;
    const building = isOneOfSeveral && list.closest(".building").querySelector("h1").textContent.trim();
    fresh.querySelector(".log-new-place [role=status]").textContent = [building, name, text].filter(Boolean).join(": ");
    return true;
  }

  // What is read further down is soon older than the newest rows, and goes on to change: all are asked for.
  function askForAll(list) {
    const form = list.closest(".log").querySelector(".log-filter");
    if (list.matches("[data-long]") || form.querySelector("[data-held]")) return;
    const field = document.createElement("input");
    Object.assign(field, { type: "hidden", name: list.id.replace("rows", "long").replaceAll("-", "_"), value: "1" });
    field.dataset.held = "";
    form.append(field);
  }

  // Those came for the rows that are shown: nobody has asked for a long log.
  function shorten(here, fresh) {
    const field = fresh.querySelector("[id^=log-long-]");
    if (!field || here.querySelector(`#${field.id}`)) return;
    field.remove();
    fresh.querySelector(".log-rows")?.removeAttribute("data-long");
  }

  function release(list) {
    if (!held.has(list)) return;
    const rows = held.get(list);
    held.delete(list);
    adopt(list, rows);
    list.closest(".log").querySelector("[data-held]")?.remove();
    const place = list.closest(".log").querySelector(".log-new-place");
    place.querySelector(".log-new").hidden = true;
    place.querySelector("[role=status]").textContent = "";
    htmx.trigger(list.closest(".building"), "refresh"); // short again, while its top is read
  }

  accessdesk.adopt = (here, fresh, then) => {
    const list = here.querySelector(".log-rows");
    const rows = fresh.querySelector(".log-rows");
    shorten(here, fresh);
    const isOther = list && rows && list.dataset.chosen !== rows.dataset.chosen;
    const isLonger = rows?.matches("[data-long]") && !list?.matches("[data-long]"); // its rows are no news
    if (list && rows) {
      if (!isOther && !isLonger && isRead(list)) hold(list, fresh);
      else held.delete(list);
    }
    adopt(here, fresh, () => {
      if (isOther) list.scrollTop = 0;
      if (held.has(list)) askForAll(list);
      then?.();
    });
  };

  document.addEventListener("scroll", () => {
    for (const list of document.querySelectorAll(".log-rows")) {
      if (held.has(list) && !isRead(list)) release(list);
    }
  }, { capture: true, passive: true });

  document.addEventListener("click", (event) => {
    const log = event.target.closest(".log-new")?.closest(".log");
    if (!log) return;
    const list = log.querySelector(".log-rows");
    release(list);
    list.scrollTop = 0;
    if (isRead(list)) log.scrollIntoView({ block: "start" });
    list.focus({ preventScroll: true });
  });

  /* --- Filtered -------------------------------------------------------------------------------- */

  // The section asks with what its form says. The address follows, so that a reload shows the same.
  function apply(form) {
    const asked = new URLSearchParams(location.search);
    asked.delete(form.id.replace("filter", "long").replaceAll("-", "_")); // a filtered log is short, or long, by itself
    const isFiltered = [...form.querySelectorAll("select")].some((select) => select.value);
    for (const field of form.querySelectorAll(isFiltered ? "select" : "select, [id^=log-long-]")) {
      if (field.value) asked.set(field.name, field.value);
      else asked.delete(field.name);
    }
    const query = asked.toString();
    history.replaceState(history.state, "", `${location.pathname}${query ? `?${query}` : ""}`);
    accessdesk.askAnew(form.closest(".building"));
  }

  document.addEventListener("change", (event) => {
    const form = event.target.closest(".log-filter");
    if (form) apply(form);
  });
  document.addEventListener("submit", (event) => {
    if (!event.target.matches(".log-filter")) return;
    event.preventDefault();
    apply(event.target);
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a.log-earlier");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const log = link.closest(".log");
    const field = document.createElement("input");
    Object.assign(field, { type: "hidden", name: link.dataset.long, value: "1", id: link.dataset.long.replaceAll("_", "-") });
    const form = log.querySelector(".log-filter");
    form.append(field);
    apply(form);
    log.querySelector(".log-rows").focus({ preventScroll: true }); // the link goes
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest(".log-row [data-door], .log-all a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const form = link.closest(".log").querySelector(".log-filter");
    const [door, person] = form.querySelectorAll("select");
    door.value = link.dataset.door ?? "";
    if (!link.dataset.door) person.value = "";
    apply(form);
    // Not its list of doors, which would take the number that is typed next for itself.
    link.closest(".log").querySelector(".log-rows").focus({ preventScroll: true });
  });
})();
