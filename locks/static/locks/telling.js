/* What the desk tells: notices beside the cards or within an open question, and what is said aloud. */
"use strict";

window.accessdesk = window.accessdesk || {};

(() => {
  const byId = (id) => document.getElementById(id);
  if (!byId("live") || !window.htmx) return;

  const dialog = byId("confirm");
  const said = byId("carriers").dataset; // what is said where the server says nothing
  const SPOKEN_AFTER = 50; // ms: screen readers hear a region that is filled, not one that says the same
  const SPOKEN_FOR = 20_000; // ms

  // Outside the cards, so that a refetch does not take it away. What asks for no action waits its turn to be spoken.
  // The next takes its place, but for what leaves a door in doubt: that stays until it is known, or put away.
  function tell(card, sentence, isToAct = true, isInDoubt = false) {
    const notice = document.createElement("p");
    notice.className = "notice";
    const name = document.createElement("strong");
    name.textContent = card?.dataset.label ?? "";
    notice.append(name, " ", sentence);
    const door = card?.id.replace(/^.*-/, "") ?? "";
    if (isInDoubt && door) {
      isTold(door); // this takes the place of what was told before
      notice.dataset.inDoubt = door;
    }
    if (sentence === said.textOffline) notice.dataset.unsent = door;
    if (dialog.open) return withinDialog(notice);
    forget(byId("notices"));
    byId("notices").append(notice);
    return say(notice.textContent.trim(), isToAct);
  }

  function tellOutcome(card, sentence) {
    isTold(card.id.replace(/^.*-/, ""));
    tell(card, sentence, isUrgent(card), isUrgent(card));
  }

  // Its outcome is: what left it in doubt, and that a press after it was not sent, would be obeyed once more.
  function isTold(door) {
    for (const each of document.querySelectorAll(`[data-in-doubt="${door}"], [data-unsent="${door}"]`)) each.remove();
  }

  // What was told there, but for what leaves a door in doubt.
  function forget(place) {
    for (const each of place.querySelectorAll(".notice:not([data-in-doubt])")) each.remove();
  }

  // What lies beside an open dialog is neither seen nor heard.
  function withinDialog(notice) {
    notice.setAttribute("role", "alert");
    forget(dialog);
    byId("confirm-body").prepend(notice);
  }

  // What comes with an answer, like all that is told: it takes no door in doubt away.
  document.addEventListener("htmx:oobBeforeSwap", (event) => {
    const { target, fragment } = event.detail;
    if (target.id !== "notices") return;
    event.detail.shouldSwap = false;
    for (const notice of fragment.querySelectorAll(".notice")) tell(null, notice.textContent.trim());
  });
  document.addEventListener("click", (event) => event.target.closest(".notice")?.remove());
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || dialog.open || !byId("notices").childElementCount) return;
    byId("notices").replaceChildren();
    event.stopImmediatePropagation(); // the next one is the search's
  });

  // What asks somebody to act, or to look at the door.
  function isUrgent(card) {
    return ["bad", "warn", "half"].includes(card.dataset.tone);
  }

  /* --- Aloud --------------------------------------------------------------------------------- */

  // Emptied before and after: the same once more is news, and what was said is none to who comes by later.
  const toSay = { "say": [], "say-now": [] };
  const clearing = {};

  function say(sentence, isNow) {
    const place = isNow ? "say-now" : "say";
    byId(place).textContent = "";
    if (toSay[place].push(sentence) === 1) setTimeout(speak, SPOKEN_AFTER, place);
  }

  function speak(place) {
    byId(place).textContent = [...new Set(toSay[place])].join(" ");
    toSay[place] = [];
    clearTimeout(clearing[place]);
    clearing[place] = setTimeout(() => { byId(place).textContent = ""; }, SPOKEN_FOR);
  }

  // The sentence of one of this desk's error pages.
  accessdesk.sentenceOf = (xhr) => {
    if (!xhr.status) return undefined; // no answer at all
    const page = new DOMParser().parseFromString(xhr.responseText, "text/html");
    return page.querySelector("[data-sentence]")?.textContent;
  };

  accessdesk.say = say;
  accessdesk.tell = tell;
  accessdesk.telling = { forget, isTold, isUrgent, say, tell, tellOutcome, withinDialog };
})();
