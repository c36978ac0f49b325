/* Presses, the confirmation, and what follows from news. Without it the page works as plain forms. */
"use strict";

(() => {
  const byId = (id) => document.getElementById(id);
  if (!byId("live") || !window.htmx) return;

  const dialog = byId("confirm");
  const said = byId("carriers").dataset; // what is said where the server says nothing
  const { forget, isTold, isUrgent, say, tell, tellOutcome, withinDialog } = accessdesk.telling;
  const BOUNCE = 500; // ms in which a second press of a button is the first one's, also where its answer is here
  const bounced = new Map(); // door and button -> when it was pressed
  const underWay = new Set(); // doors whose press this page is waiting for
  const pressed = new Map(); // door id -> what was last said of it
  const atPress = new Map(); // door id -> what its card said then, and of which request: no outcome of it
  let askedOf = null; // the door of the open question, where this page waits for no outcome of it
  let carriers = 0; // so many were there
  let question = 0; // the newest counts: an older answer must not take its place
  let backAgain = 0; // the question that has come back by itself
  let isPressed = false; // the question was answered, of which the browser tells a moment later that it has closed
  let isAskedAnew = false; // it was asked since the dialog closed, of which the browser tells a moment later
  let focusOn = null; // the door that was used last, and which of its buttons: Enter struck twice on Lock must not unlock

  /* --- A press ------------------------------------------------------------------------------- */

  // htmx loses the answer where the element that asked is replaced meanwhile, and a live refetch
  // replaces cards at any time. So an element of its own, which nothing replaces, asks for each.
  function ask(verb, path, { door, values, target, swap, number, isPress }) {
    const carrier = document.createElement("div");
    carriers += 1;
    carrier.id = `carrier-${carriers}-${door}`;
    carrier.dataset.door = door;
    carrier.dataset.label = placeOf(door)?.dataset.label ?? ""; // its card may be gone when it is to be named
    if (isPress) carrier.dataset.isPress = "";
    carrier.dataset.question = number ?? question;
    if (number) carrier.dataset.asks = "";
    if (byId(`door-${door}`)) {
      carrier.setAttribute("hx-disabled-elt", `#unlock-${door}, #lock-${door}`);
    }
    byId("carriers").append(carrier);
    const done = () => carrier.remove();
    // An answer says itself which card it is (HX-Retarget). Not that card as the target: news replaces it, and
    // what htmx tells of an element that is gone, nobody hears: the places of the doors would not be noted.
    htmx.ajax(verb, path, { source: carrier, values, target: target ?? carrier, swap }).then(done, done);
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("[data-press], [data-lock]")) return;
    event.preventDefault();
    const door = form.dataset.press ?? form.dataset.lock;
    const isBounce = performance.now() - (bounced.get(form.action) ?? -Infinity) < BOUNCE;
    if (isBounce && !form.dataset.question) return; // what a question was answered with is another press
    if (underWay.has(door)) return tell(placeOf(door), said.textUnderWay, false);
    question += 1;
    if (isOffline()) return tell(placeOf(door), said.textOffline);
    bounced.set(form.action, performance.now()); // of a press that was sent
    underWay.add(door);
    begin(door);
    focusOn = { door, button: form.dataset.lock ? "lock" : "unlock" };
    const values = new FormData(form);
    if (form.dataset.question) accessdesk.typed.keep(form);
    else accessdesk.typed.drop(door);
    const card = byId(`door-${door}`);
    forget(dialog); // what was told before
    isPressed = dialog.open;
    if (dialog.open) dialog.close();
    forget(byId("notices"));
    showSending(card);
    if (card) say(`${card.dataset.label}: ${byId("sending").content.textContent.trim()}`, false);
    ask("POST", form.action, { door, values, swap: "outerHTML", isPress: true });
  });

  // What says what came of a door: its card, or a line where another search is shown.
  const placeOf = (door) => byId(`door-${door}`) ?? byId(`told-of-${door}`);

  function begin(door) {
    pressed.set(door, null);
    const { spoken, mine } = placeOf(door)?.dataset ?? {};
    atPress.set(door, { spoken, mine });
  }

  // Until its answer is here; of a press alone. One for the page: a copy in each card would be a fifth of it.
  function showSending(card) {
    if (!card || card.matches(".is-sending")) return;
    accessdesk.watched(() => {
      const sending = byId("sending").content.cloneNode(true);
      if (!card.querySelector(".instant")) card.querySelector(".zone").prepend(sending);
      card.classList.add("is-sending");
    });
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("[data-attest]")) return;
    event.preventDefault();
    const door = form.dataset.attest;
    begin(door);
    focusOn = { door, button: "seen" }; // none: Enter struck twice must not unlock
    ask("POST", form.action, { door, values: new FormData(form, event.submitter), swap: "outerHTML" });
  });

  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-ask]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const door = link.dataset.ask;
    focusOn = { door };
    question += 1;
    isAskedAnew = !dialog.open;
    ask("GET", link.href, { door, target: "#confirm-body", swap: "innerHTML", number: question });
  });
  document.addEventListener("keydown", (event) => {
    // The link looks and speaks like a button, so it has to answer the space bar like one.
    if (event.key !== " " || !event.target.matches("[data-ask]")) return;
    event.preventDefault();
    event.target.click();
  });

  // Who looks for another door by now is asked nothing about the one before.
  byId("q")?.addEventListener("input", () => { question += 1; });

  // Not taken in: the page was too old, too many came at once, or the server or what stands before it is out of order.
  const isTurnedAway = ({ status }) => status === 403 || status === 429 || status >= 500;

  // An answer whose card is not on the page (another search, an area that was left) is said nevertheless.
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    const { elt, xhr } = event.detail;
    if ("isPress" in elt.dataset && !isTurnedAway(xhr)) accessdesk.typed.drop(elt.dataset.door); // the server has it
    const place = elt.dataset.door && xhr.getResponseHeader("HX-Retarget");
    if (!place || document.querySelector(place)) return;
    event.preventDefault();
    event.detail.successful = true;
    const answer = new DOMParser().parseFromString(xhr.responseText, "text/html");
    const card = answer.querySelector(".card");
    if (!card) return;
    pressed.set(elt.dataset.door, card.dataset.spoken);
    tellOutcome(card, card.dataset.spoken);
    for (const notice of answer.querySelectorAll("#notices .notice")) tell(null, notice.textContent.trim());
  });

  // Signed out: what the page asked for by itself leads back to the page alone, and not to the open question's door.
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    const { elt, xhr } = event.detail;
    if (!dialog.open || "isPress" in elt.dataset || !xhr.getResponseHeader("HX-Redirect")) return;
    event.preventDefault();
    accessdesk.leave();
  });

  document.addEventListener("htmx:beforeSwap", (event) => {
    const { target, xhr, requestConfig } = event.detail;
    // Not of this desk's: each of its answers says which card it is. Whatever stands before it has answered.
    if (target.parentElement?.id === "carriers") Object.assign(event.detail, { shouldSwap: false, isError: true });
    if (target.id !== "confirm-body" || !event.detail.shouldSwap) return;
    // Nothing takes the place of a question that is open, nor of one that was asked since.
    const { door, question: number } = requestConfig.elt.dataset; // the event's own `elt` is the target
    if (Number(number) === question && !dialog.open) return;
    event.detail.shouldSwap = false;
    if (requestConfig.verb === "get") return;
    const page = new DOMParser().parseFromString(xhr.responseText, "text/html"); // a press that was asked back
    tell(requestConfig.elt, page.querySelector("[role=alert]")?.textContent.trim() ?? "");
  });

  document.addEventListener("htmx:afterRequest", (event) => {
    const { elt, xhr, successful, requestConfig } = event.detail;
    const { door } = elt.dataset;
    const leads = xhr.getResponseHeader("HX-Redirect") || xhr.getResponseHeader("HX-Refresh");
    if (!door || leads) return; // to a page that says what came of it
    const isPress = "isPress" in elt.dataset;
    if (isPress) underWay.delete(door);
    if (successful && requestConfig.verb === "post") isAnswered(door, xhr.getResponseHeader("HX-Retarget"));
    // Where no card came back, this one is as it was, and the doors below go back to their places.
    const sent = byId(`door-${door}`);
    if (isPress && sent?.matches(".is-sending")) accessdesk.watched(() => sent.classList.remove("is-sending"));
    if (!successful) {
      const unanswered = requestConfig.verb === "post" ? said.textNotNoted : said.textNotAsked;
      const told = accessdesk.sentenceOf(xhr) || (isPress ? said.textNoAnswer : unanswered);
      const isInDoubt = isPress && told === said.textNoAnswer;
      if (!isInDoubt || !isKnown(door)) tell(elt, told, true, isInDoubt);
      if (isPress && xhr.status === 403 && !dialog.open && !isAskedAnew) askOnceMore(door);
    }
    if (requestConfig.verb === "post") accessdesk.askAnew(byId(`door-${door}`)?.closest(".building"));
    changed(); // and the browser took the focus from the button while that could not be pressed
  });

  // From now on its card says what came of this press; where the question came back, what came of the one before.
  function isAnswered(door, place) {
    const before = atPress.get(door)?.spoken;
    atPress.delete(door);
    if (place !== "#confirm-body") return isTold(door);
    if (before === undefined) pressed.delete(door);
    else pressed.set(door, before);
    return undefined;
  }

  // Whether news was quicker than the press's own answer.
  function isKnown(door) {
    const mine = placeOf(door)?.dataset.mine;
    return Boolean(mine) && mine !== atPress.get(door)?.mine;
  }

  // The page was too old, so nothing was sent: the same question, of a page that is not.
  function askOnceMore(door) {
    const values = accessdesk.typed.of(door);
    if (!values) return;
    question += 1;
    backAgain = question;
    isAskedAnew = true;
    ask("GET", values.address, { door, values: values.query, target: "#confirm-body", swap: "innerHTML", number: question });
  }

  // The browser knows no network, and nothing comes from the server, which could be this very PC.
  function isOffline() {
    return !navigator.onLine && byId("connection").dataset.state !== "live";
  }

  /* --- The confirmation ---------------------------------------------------------------------- */

  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target.id !== "confirm-body" || dialog.open) return;
    isAskedAnew = false;
    const isBack = backAgain === question;
    const form = dialog.querySelector("[data-question]");
    // Somebody else has signed in meanwhile: their name would stand under what was typed here.
    if (form && form.dataset.session !== byId("session").dataset.mark) return accessdesk.leave();
    const isFilled = form && accessdesk.typed.fill(form, isBack);
    dialog.showModal();
    follow(form?.dataset.press);
    const told = byId("notices").firstElementChild;
    if (isFilled && told) withinDialog(told);
    return undefined;
  });

  // While it is asked about, what others do at that door is told within the question.
  function follow(door) {
    const card = byId(`door-${door}`);
    if (!card || pressed.has(door)) return;
    askedOf = door;
    pressed.set(door, card.dataset.spoken);
  }

  dialog.addEventListener("click", (event) => {
    if (event.target !== dialog && !event.target.closest("[data-close]")) return;
    event.preventDefault();
    dialog.close();
  });
  dialog.addEventListener("close", () => {
    if (!isAskedAnew && !isPressed) question += 1;
    if (!isPressed) pressed.delete(askedOf);
    askedOf = null;
    isPressed = false;
    const told = [...dialog.querySelectorAll(".notice")];
    for (const notice of told) notice.removeAttribute("role"); // it was heard: an alert that comes is news
    byId("notices").append(...told);
    byId("confirm-body").replaceChildren();
    keepFocus();
  });

  /* --- After each change: what is said aloud, and where the focus is ---------------------------- */

  document.addEventListener("htmx:beforeSwap", (event) => {
    const section = event.detail.target;
    if (!section.matches(".building") || !event.detail.shouldSwap) return;
    event.detail.shouldSwap = false;
    const fresh = document.createElement("template");
    fresh.innerHTML = event.detail.serverResponse;
    accessdesk.adopt(section, fresh.content.querySelector(".building"), changed);
  });
  document.addEventListener("htmx:afterSettle", changed);
  document.addEventListener("pointerdown", () => { focusOn = null; });
  // Where the keyboard went since: news that replaces that card must not bring it back to the door before.
  document.addEventListener("focusin", ({ target }) => {
    const card = target.closest(".card");
    if (target === card || dialog.contains(target) || target.closest("#lost")) return;
    const button = target.id.startsWith("unlock-") ? "unlock" : "seen"; // never from another control to Unlock
    focusOn = card && { door: card.id.slice("door-".length), id: target.id, button };
  });

  const waiting = new WeakSet(); // cards whose button comes back by itself

  function changed() {
    for (const card of document.querySelectorAll(".card[data-free-in]")) {
      if (waiting.has(card)) continue;
      waiting.add(card);
      const again = () => card.isConnected && htmx.trigger(card.closest(".building"), "refresh");
      setTimeout(again, card.dataset.freeIn * 1000 + 200);
    }
    for (const door of underWay) {
      if (!isKnown(door)) showSending(byId(`door-${door}`)); // news brought another card
    }
    for (const [door, last] of pressed) {
      const place = placeOf(door);
      const card = byId(`door-${door}`);
      const now = place?.dataset.spoken;
      if (!now || now === last) continue;
      if (last === null && now === atPress.get(door)?.spoken && !isKnown(door)) continue; // of the press before
      pressed.set(door, now);
      if (last?.includes(now)) continue; // only less of what was said
      const asked = dialog.querySelector(`[data-press="${door}"]`);
      if (asked?.dataset.spoken === now) continue; // the question says itself why it came back
      if (!underWay.has(door)) isTold(door);
      // Beside an open dialog nothing is heard: what came of another door is told within it.
      if (card && !dialog.open) say(`${card.dataset.label}: ${now}`, isUrgent(card));
      else tellOutcome(place, now);
    }
    keepFocus();
  }

  // A replaced button takes the keyboard's place with it: back to the door that was used last. While
  // its button cannot be pressed the card stands in, and gives the place back as soon as it can.
  function keepFocus() {
    if (!focusOn || dialog.open) return;
    const card = byId(`door-${focusOn.door}`);
    const isLost = [null, document.body, card].includes(document.activeElement);
    if (!isLost) return;
    const own = byId(focusOn.id);
    const place = (own?.disabled ? null : own) || document.querySelector(`#${focusOn.button ?? "unlock"}-${focusOn.door}:not([disabled])`) || card;
    place?.focus({ preventScroll: true });
  }

  accessdesk.keepFocusOn = (door, id) => { focusOn = { door, id }; };

  // What the page came with: a press that one made before it was loaded is still to be told of.
  for (const place of document.querySelectorAll("[data-mine]")) pressed.set(place.id.replace(/^.*-/, ""), place.dataset.spoken);
  changed();

  // Whoever was at the bar of a lost connection, which is gone.
  accessdesk.backToWork = () => {
    document.activeElement.blur(); // what is hidden loses it a moment later
    keepFocus();
    if (document.activeElement === document.body) byId("q")?.focus({ preventScroll: true });
  };
})();
