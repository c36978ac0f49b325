/* The search by keyboard: typing anywhere goes into the box, Enter presses the first door found, arrows
   go to the others, Escape clears. What is found is the server's; without this the form works by itself. */
"use strict";

(() => {
  const byId = (id) => document.getElementById(id);
  const box = byId("q");
  if (!box || !window.htmx || !window.accessdesk?.typedEarly) return;

  const PATIENCE = 2500; // ms that Enter waits for an answer: a door must not unlock when nobody waits
  const BOUNCE = 400; // ms in which a second Enter is the first one's
  const dialog = byId("confirm");
  const byTouchAlone = matchMedia("(hover: none) and (pointer: coarse)");
  let waiting = null; // what to do when the doors for what is typed are here
  let timer = 0;
  let unanswered = null; // what was told of a search without an answer, until there is one
  let actedAt = -Infinity;
  let isWalking = false; // the doors were entered by an arrow; who came by Tab or pointer scrolls with it

  const typed = () => box.value.trim().replace(/\s+/g, " ");
  const isAnswered = () => byId("main").dataset.query === typed();
  const cards = () => [...byId("main").querySelectorAll(".card")];
  const placeIn = (card) => card.querySelector(".unlock:not([disabled])") || card;
  // What keeps this person from unlocking any door of the building.
  const standingOver = (card) => card.closest(".building").querySelector(".standing")?.textContent.trim();

  /* --- What is typed ------------------------------------------------------------------------- */

  // Before the scripts had run: at the page, instead of what was searched, or, by who went there, in the box,
  // which counts alone then: it is what they see.
  // Enter was not heard, and is struck again.
  const early = accessdesk.typedEarly();
  if (early && box.value === box.defaultValue) {
    box.value = early;
    box.focus();
  }
  document.addEventListener("DOMContentLoaded", () => { // htmx, which asks, is ready then
    if (!isAnswered()) box.dispatchEvent(new Event("input", { bubbles: true }));
  });

  function clear() {
    box.value = "";
    box.dispatchEvent(new Event("input", { bubbles: true }));
    box.focus();
  }

  /* --- What is done with it, never with doors that something else was typed for ------------------- */

  function when(action) {
    forget();
    if (isAnswered()) return action();
    waiting = action;
    if (!byId("finder").matches(".htmx-request")) htmx.trigger("#finder", "submit"); // it had no answer, or it was lost
    timer = setTimeout(() => {
      forget();
      accessdesk.tell(null, byId("carriers").dataset.textTooSlow);
    }, PATIENCE);
    return undefined;
  }

  function forget() {
    clearTimeout(timer);
    waiting = null;
  }

  function press() {
    const [card] = cards();
    if (!card) return;
    const place = placeIn(card);
    actedAt = performance.now();
    const standing = place === card && standingOver(card);
    if (standing) accessdesk.tell(card, standing); // of what is in the way of one door alone its card tells
    else if (place === card || byTouchAlone.matches) return place.focus();
    else place.click();
    return box.select(); // what is typed next is the next guest's door
  }

  function go(step) {
    const all = cards();
    const at = all.indexOf(document.activeElement.closest(".card"));
    const next = at + step;
    if (next < 0) box.focus();
    else if (all[next]) placeIn(all[next]).focus();
  }

  function steps({ key, altKey, ctrlKey, metaKey }) {
    if (altKey || ctrlKey || metaKey) return 0; // the browser's own: Alt and an arrow goes back
    const isMirrored = document.documentElement.dir === "rtl";
    return { ArrowDown: 1, ArrowUp: -1, ArrowRight: isMirrored ? -1 : 1, ArrowLeft: isMirrored ? 1 : -1 }[key];
  }

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || dialog.open) return;
    // Meant for the question that Enter has just asked for, and that is about to open.
    const isEarly = performance.now() - actedAt < 1500 && document.querySelector("#carriers [data-asks]");
    if (isEarly && event.key.length === 1) return event.preventDefault();
    const isInBox = event.target === box;
    const isAtDoor = Boolean(event.target.closest(".card")) && (isWalking || typed() !== "");
    if (event.key === "Tab") isWalking = false;
    if (event.key === "Escape" && box.value && (isInBox || !event.target.matches("input"))) {
      event.preventDefault();
      clear();
    } else if (isInBox && event.key === "Enter") {
      event.preventDefault();
      if (typed() && !event.repeat && performance.now() - actedAt > BOUNCE) when(press);
    } else if (isInBox && event.key === "ArrowDown") {
      event.preventDefault();
      isWalking = true;
      when(() => go(1));
    } else if (isAtDoor && steps(event)) {
      event.preventDefault();
      go(steps(event));
    } else if (accessdesk.isTyping(event)) {
      box.focus();
      box.select();
    }
  });
  box.addEventListener("input", forget);
  document.addEventListener("pointerdown", () => {
    forget();
    isWalking = false;
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-clear]") || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    clear();
  });

  for (const name of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) {
    document.addEventListener(name, ({ detail: { elt, xhr } }) => {
      if (elt.id !== "finder" || isAnswered() || waiting) return; // who waits is told in time
      accessdesk.tell(null, accessdesk.sentenceOf(xhr) || byId("carriers").dataset.textNotFound);
      unanswered = byId("notices").lastElementChild;
    });
  }

  // What asks for the page that is shown would take the place to which this answer goes.
  document.addEventListener("htmx:beforeRequest", ({ detail: { elt } }) => {
    if (elt.id === "finder") htmx.trigger("#main", "htmx:abort");
  });

  // What was found, and the door that Enter would press: where, if that could be another building, and why not.
  function spoken(main) {
    const found = byId("finder-found")?.textContent.trim();
    if (!found) return "";
    const [first] = cards();
    const isOneOfSeveral = main.querySelectorAll(".building").length > 1;
    const building = isOneOfSeveral && first?.closest(".building").querySelector("h1").textContent.trim();
    const why = first && (standingOver(first) ?? first.querySelector(".obstacle p")?.textContent.trim());
    const door = [first?.dataset.label, building, why].filter(Boolean).join(", ");
    return [found, door].filter(Boolean).join(": ");
  }

  // The doors for what was asked are here.
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target.id !== "main") return;
    const main = byId("main");
    const address = new URL(main.getAttribute("hx-get"), location.href);
    for (const [name, value] of new URLSearchParams(location.search)) { // the logs' filters stay
      if (name.startsWith("log_")) address.searchParams.set(name, value);
    }
    history.replaceState(null, "", address);
    if (isAnswered()) unanswered?.remove();
    byId("finder-say").textContent = spoken(main);
    const action = waiting;
    if (!action || !isAnswered()) return;
    forget();
    action();
  });

  /* --- Stars ----------------------------------------------------------------------------------- */

  document.addEventListener("submit", (event) => {
    const { target: form, submitter } = event;
    if (form.id !== "favourites" || !submitter) return;
    event.preventDefault();
    const door = submitter.value;
    const carrier = document.createElement("div");
    carrier.dataset.star = door;
    byId("carriers").append(carrier);
    accessdesk.keepFocusOn(door, submitter.id);
    const values = new FormData(form, submitter);
    const done = () => carrier.remove();
    htmx.ajax("POST", form.action, { source: carrier, values, target: carrier, swap: "outerHTML" }).then(done, done);
  });
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    const { elt, xhr } = event.detail;
    const { star } = elt.dataset;
    if (!star || byId(`door-${star}`) || !xhr.getResponseHeader("HX-Retarget")) return;
    event.preventDefault(); // another search is shown by now: there is nothing to replace
    event.detail.successful = true;
    const told = new DOMParser().parseFromString(xhr.responseText, "text/html").querySelector(".notice");
    if (told) accessdesk.tell(null, told.textContent.trim());
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    const { elt, xhr, successful } = event.detail;
    const { star } = elt.dataset;
    if (!star) return;
    const card = byId(`door-${star}`);
    if (!successful) accessdesk.tell(card, accessdesk.sentenceOf(xhr) || byId("carriers").dataset.textNotKept);
    accessdesk.askAnew(card?.closest(".building"));
  });
})();
