/* A door that news has just moved under a pointer cannot be pressed by mistake; and a press that came to
   nothing for that is never lost without a word. */
"use strict";

window.accessdesk = window.accessdesk || {};

(() => {
  const STEADY = 350; // ms that a door has to stand still before a pointer may press it
  const HELD = 1000; // ms that news waits for a pointer that is down on a button
  const TAP = 12; // px that a finger wanders in a tap
  const NO_CLICK = 200; // ms after which a pointer that went up has made no click
  const BUTTON = ".card :is(button, a):not([disabled])";
  const cameFrom = new Map(); // id of a card -> when it moved lately, and the places that it had before
  let pressed = null; // the button that the pointer went down on, until its click comes
  let isHolding = false; // news waits for it
  let isUnsteady = false;
  let waiting = []; // changes that wait for the pointer
  let timer = 0;

  function places() {
    const cards = document.querySelectorAll(".card[id]");
    return new Map([...cards].map((card) => [card.id, card.getBoundingClientRect()]));
  }

  function note(before) {
    const at = performance.now();
    for (const [id, now] of places()) {
      const place = before.get(id);
      const hasMoved = !place || Math.hypot(now.left - place.left, now.top - place.top) > 4;
      const lately = (cameFrom.get(id) ?? []).filter((came) => at - came.at < STEADY);
      if (hasMoved) cameFrom.set(id, [...lately, { at, place }]);
    }
  }

  function isIn(place, { clientX: x, clientY: y }) {
    return place && x >= place.left && x <= place.right && y >= place.top && y <= place.bottom;
  }

  // Whether the same finger would have met another door, or none, a moment ago.
  function hasJustCome(card, pointer) {
    const at = performance.now();
    return (cameFrom.get(card.id) ?? []).some((came) => at - came.at < STEADY && !isIn(came.place, pointer));
  }

  /* Make a change that may move doors: at once, or when the pointer that is down on a button is up. */
  accessdesk.watched = (change) => {
    if (isHolding) return void waiting.push(change);
    const before = places();
    change();
    note(before);
  };

  function release() {
    clearTimeout(timer);
    isHolding = false;
    const changes = waiting;
    waiting = [];
    for (const change of changes) accessdesk.watched(change);
  }

  function tell(card) {
    accessdesk.tell(card, document.getElementById("carriers").dataset.textJustMoved);
  }

  document.addEventListener("pointerdown", (event) => {
    const card = event.target.closest(".card");
    const button = event.isPrimary && event.button === 0 && event.target.closest(BUTTON);
    isUnsteady = Boolean(card) && hasJustCome(card, event);
    pressed = button ? { card, x: event.clientX, y: event.clientY } : null;
    release();
    isHolding = Boolean(button);
    if (button) timer = setTimeout(release, HELD);
  }, true);

  document.addEventListener("pointerup", (event) => {
    const before = pressed;
    if (!before) return;
    setTimeout(release); // after the click, which the browser makes of it
    const isTap = Math.hypot(event.clientX - before.x, event.clientY - before.y) < TAP;
    setTimeout(() => {
      if (pressed !== before) return;
      pressed = null;
      if (isTap) tell(before.card); // the button was replaced or moved while the finger was on it
    }, NO_CLICK);
  }, true);
  document.addEventListener("pointercancel", () => {
    pressed = null;
    release();
  }, true);

  document.addEventListener("click", (event) => {
    pressed = null;
    if (!isUnsteady || event.detail === 0) return; // 0: by keyboard, where the focus moves along
    const button = event.target.closest(BUTTON);
    event.preventDefault();
    event.stopPropagation();
    if (button) tell(button.closest(".card"));
  }, true);

  // What htmx swaps itself: the card that answers a press, and the doors that were looked for.
  let before = null;
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.shouldSwap && event.detail.target.matches(".card, main")) before = places();
  });
  document.addEventListener("htmx:afterSwap", () => {
    if (before) note(before);
    before = null;
  });
})();
