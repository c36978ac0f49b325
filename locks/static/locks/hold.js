/* While nothing is heard of the server, a link or a reload would lead to the browser's own page, and take away
   this one, with what it says. Each is held back once; the same once more is meant. Where nothing else tells, or
   not yet, what the browser knows of its network does. */
"use strict";

(() => {
  const BOUNCE = 700; // ms in which the same is the first one's: a double click
  const ONCE_MORE = 10_000; // ms
  const desk = document.getElementById("carriers");
  const stays = document.getElementById("stays"); // on other pages
  const chip = document.getElementById("connection"); // on the desk
  // A server on this very PC is live without a network.
  const isOffline = () => !navigator.onLine && chip?.dataset.state !== "live";
  const isCutOff = () => document.body.classList.contains("is-old") || isOffline();
  let held = { what: "", at: -Infinity };

  function hold(event, what) {
    if (!isCutOff()) return;
    const since = performance.now() - held.at;
    const isMeant = held.what === what && since > BOUNCE && since < ONCE_MORE && !event.repeat;
    if (isMeant) return;
    event.preventDefault();
    if (event.repeat) return;
    held = { what, at: performance.now() };
    tell();
  }

  function tell() {
    if (desk) return accessdesk.tell(null, desk.dataset.textStays);
    const notice = document.createElement("p");
    notice.className = "notice";
    notice.textContent = stays.dataset.text;
    return stays.replaceChildren(notice);
  }
  addEventListener("online", () => stays?.replaceChildren());

  // What stays on this page was taken by the scripts before.
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href]");
    const isElsewhere = event.ctrlKey || event.metaKey || event.shiftKey || link?.target;
    if (!link || event.defaultPrevented || isElsewhere) return;
    const isOnThisPage = link.hash && link.pathname + link.search === location.pathname + location.search;
    if (!isOnThisPage) hold(event, link.href);
  });
  document.addEventListener("submit", (event) => {
    if (!event.defaultPrevented) hold(event, event.target.action);
  });
  document.addEventListener("keydown", (event) => {
    const isReload = event.key === "F5" || ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "r");
    if (isReload) hold(event, "reload");
  });
})();
