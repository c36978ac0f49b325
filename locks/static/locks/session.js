/* Whose session the page belongs to, and when it ends. The end is said a minute before; what was done in
   another tab counts, as the server is asked. A page of a session that is over goes blank at once. */
"use strict";

window.accessdesk = window.accessdesk || {};

/* The form of a sentence for a number, of what locks/words/numbers.counted made. */
accessdesk.counted = (texts, count) => {
  const [which, ...forms] = texts.split("|");
  return forms[which[Math.min(count, which.length - 1)]];
};

(() => {
  const SAID = 60; // seconds before the end
  const ASK = 4; // seconds between questions from then on
  const box = document.getElementById("session");
  if (!box) return;
  const BOUNCE = 500; // ms in which a second Enter on the button is the first one's
  const { mark, back, stayed } = box.dataset; // no mark: nobody is signed in
  const spoken = document.getElementById("session-say");
  const tabs = window.BroadcastChannel ? new BroadcastChannel("accessdesk-session") : null;
  let endsAt = Date.now() + box.dataset.left * 1000;
  let mayStay = true;
  let askedAt = 0;
  let timer = 0;
  let wayBack = null; // once they are known
  let isOwed = false; // an answer: the last question got none
  let before = null; // what had the keyboard before the button
  let leftAt = -Infinity; // when it went back there

  const left = () => (endsAt - Date.now()) / 1000;

  /* Off this page, which is no longer its reader's; and back to its place, or to the door of an open question,
     once they are known. */
  accessdesk.leave = () => {
    clearTimeout(timer);
    const question = document.querySelector("dialog[open] [data-question]")?.dataset.question;
    // More than one may tell that it is over; the question is gone by the second time.
    wayBack ??= question ? `${question.split("?")[0]}?asked=1` : location.pathname + location.search;
    document.body.replaceChildren();
    location.replace(`${back}?next=${encodeURIComponent(wayBack)}`);
  };

  async function ask(options = {}) {
    askedAt = Date.now();
    let told = null;
    try {
      const answer = await fetch(box.action, { cache: "no-store", signal: AbortSignal.timeout(ASK * 1000), ...options });
      told = answer.ok ? await answer.json() : null;
    } catch {
      told = null; // no answer: what is known goes on to hold
    }
    isOwed = !told;
    if (told ? told.mark !== mark : mark && left() <= 0) return accessdesk.leave();
    if (told) {
      endsAt = Date.now() + told.left * 1000;
      mayStay = told.may_stay;
    }
    return plan();
  }

  accessdesk.askSession = ask;

  function plan() {
    clearTimeout(timer);
    if (!mark) return;
    show();
    const wait = left() > SAID ? (left() - SAID) * 1000 + 20 : 1000;
    timer = setTimeout(tick, isOwed ? Math.min(wait, ASK * 1000) : wait);
  }

  function tick() {
    if (left() > SAID) return isOwed ? ask() : plan();
    return Date.now() - askedAt > ASK * 1000 || left() <= 0 ? ask() : plan();
  }

  function show() {
    const isEnding = left() <= SAID;
    const sentence = box.querySelector(mayStay ? ".session-idle" : ".session-shift");
    for (const each of box.querySelectorAll("p")) each.hidden = each !== sentence;
    const count = Math.max(0, Math.round(left()));
    const parts = accessdesk.counted(sentence.dataset.counted, count).split("{count}");
    const number = document.createElement("strong");
    number.textContent = count;
    sentence.replaceChildren(...parts.flatMap((part, at) => (at ? [number, part] : [part])));
    box.querySelector("button").hidden = !mayStay;
    // A modal dialog makes all beside it unusable, and silent.
    const place = document.querySelector("dialog[open]") || document.body;
    const isMoved = isEnding && box.parentElement !== place;
    if (isMoved) place.append(spoken, box);
    if (box.hidden !== isEnding && !isMoved) return; // as it was
    if (!isEnding) giveBack();
    box.hidden = !isEnding;
    spoken.textContent = isEnding ? sentence.textContent : stayed;
  }

  // The button that is about to go has the keyboard: back to where that was.
  function giveBack() {
    if (!box.contains(document.activeElement)) return;
    leftAt = performance.now();
    const place = before?.isConnected ? before : document.getElementById(before?.id); // news replaces it
    place?.focus({ preventScroll: true });
  }

  box.addEventListener("focusin", ({ relatedTarget }) => {
    if (!box.contains(relatedTarget)) before = relatedTarget;
  });
  // What has the keyboard then may be a door's button: Enter struck twice must not press it.
  function ignoreSecond(event) {
    if (performance.now() - leftAt > BOUNCE || !["Enter", " "].includes(event.key)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }
  for (const name of ["keydown", "keyup"]) window.addEventListener(name, ignoreSecond, true);
  document.addEventListener("close", ({ target }) => {
    if (!target.contains(box)) return;
    spoken.textContent = ""; // it was said
    document.body.append(spoken, box);
  }, true);

  box.addEventListener("submit", (event) => {
    event.preventDefault();
    ask({ method: "POST", body: new FormData(box) });
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) ask();
  });
  // Each question says whose page asks. What comes in another session is not for this page.
  document.addEventListener("htmx:configRequest", ({ detail }) => {
    if (mark) detail.headers["X-Session-Mark"] = mark;
  });
  for (const name of ["htmx:beforeOnLoad", "htmx:afterRequest"]) {
    document.addEventListener(name, (event) => {
      if (!event.detail.xhr?.getResponseHeader("X-Session-Other")) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      if (name === "htmx:beforeOnLoad") accessdesk.leave();
    });
  }
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) accessdesk.leave(); // the browser kept it: it may be somebody else's by now
  });
  if (tabs) {
    tabs.addEventListener("message", ({ data }) => {
      if (data !== mark) ask();
    });
    tabs.postMessage(mark); // another session than theirs: the other tabs ask at once
  }
  plan();
})();
