/* A door that news has just moved under a pointer cannot be pressed by mistake; and a press that came to
   nothing for that is never lost without a word. */
"use strict";

window.accessdesk = window.accessdesk || {};

(() => {
  const STEADY = 350; // ms that a door has to be seen where it is before a pointer may press it
  const HELD = 1000; // ms that news waits for a pointer that is down on a button
  const TAP = 12; // px that a finger wanders in a tap
  const NO_CLICK = 200; // ms after which a pointer that went up has made no click
  const BUTTON = ".card :is(button, a):not([disabled])";
  const ACTS = "[data-press], [data-lock], [data-attest]"; // forms: what does something at once
  let lately = []; // what moved with each change of late, what stood where before, and when that was to be seen
  let pressed = null; // the button that the pointer went down on, until its click comes
  let isHolding = false; // news waits for it
  let isUnsteady = false;
  let waiting = []; // changes that wait for the pointer
  let timer = 0;

  // What a button is, however often it is drawn anew; and whether it asks before it unlocks.
  const nameOf = (button) => [button.id || button.getAttribute("href") || button.form?.action, button.value].join(" ");
  const asks = (button) => button.matches("[data-ask]");
  const isAnother = (button, was) => nameOf(button) !== was.name || (was.asks && !asks(button));

  function places() {
    const cards = [...document.querySelectorAll(".card[id]")];
    const buttons = [...document.querySelectorAll(BUTTON)];
    return {
      cards: new Map(cards.map((card) => [card.id, card.getBoundingClientRect()])),
      buttons: buttons.map((each) => ({ name: nameOf(each), asks: asks(each), place: each.getBoundingClientRect() })),
    };
  }

  const isElsewhere = (place, was) => !was || Math.hypot(place.left - was.left, place.top - was.top) > 4;

  // A page that is busy shows a change late: until it has, a finger goes by what stood there before.
  function note(earlier) {
    const newest = lately.at(-1);
    const isUnseen = document.hidden && newest?.at === Infinity; // all that nobody has seen yet is one change
    const before = isUnseen ? newest.before : earlier;
    const after = places();
    const cards = new Map();
    for (const [id, place] of after.cards) {
      const was = before.cards.get(id);
      if (isElsewhere(place, was)) cards.set(id, was);
    }
    const were = new Map(before.buttons.map((each) => [each.name, each]));
    const isNew = ({ name, asks: does, place }) => isElsewhere(place, were.get(name)?.place) || were.get(name).asks !== does;
    const names = new Set(after.buttons.filter(isNew).map(({ name }) => name));
    if (isUnseen) return void Object.assign(newest, { cards, names });
    const change = { cards, names, before, at: Infinity };
    lately = [...lately.filter(({ at }) => performance.now() - at < 2 * STEADY), change];
    requestAnimationFrame(() => setTimeout(() => { change.at = performance.now(); }));
  }

  function isIn(place, { clientX: x, clientY: y }) {
    return place && x >= place.left && x <= place.right && y >= place.top && y <= place.bottom;
  }

  // Whether the same finger would have met another door, another button, or none of them, a moment ago: by when
  // the finger moved, not when the page got round to it.
  function hasJustCome(card, button, pointer) {
    return lately.some(({ at, cards, names, before: { buttons } }) => {
      if (pointer.timeStamp - at >= STEADY) return false;
      if (cards.has(card.id) && !isIn(cards.get(card.id), pointer)) return true;
      if (!button?.closest(ACTS) || !names.has(nameOf(button))) return false;
      const was = buttons.find(({ place }) => isIn(place, pointer));
      return Boolean(was) && isAnother(button, was);
    });
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
    isUnsteady = Boolean(card) && hasJustCome(card, event.target.closest(BUTTON), event);
    pressed = button ? { card, name: nameOf(button), asks: asks(button), x: event.clientX, y: event.clientY } : null;
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
    const down = pressed;
    pressed = null;
    if (event.detail === 0) return; // by keyboard, where the focus moves along
    const [card, button] = [event.target.closest(".card"), event.target.closest(BUTTON)];
    // Under a finger that is down, an answer may have moved the doors: the click is where it goes up.
    const isOther = button && down && isAnother(button, down);
    if (!isUnsteady && !isOther && !(card && hasJustCome(card, button, event))) return;
    event.preventDefault();
    event.stopPropagation();
    if (button) tell(card);
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
