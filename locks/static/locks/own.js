/* The tab's title and icon, while a door that was pressed here waits for an end or for a look. The desk's news
   say so; a page without news asks. */
"use strict";

(() => {
  const SOON = 4000; // ms between questions while a door is waited for
  const LATER = 60_000;
  let says = document.getElementById("own");
  const icon = document.querySelector("link[rel=icon]");
  if (!says || !icon) return;
  const { address } = says.dataset;
  const usual = { title: document.title, icon: icon.getAttribute("href") };
  const capital = (word) => word[0].toUpperCase() + word.slice(1);

  // Nobody knows then whether a door is still waited for.
  const isCutOff = () => document.body.classList.contains("is-old");

  function show() {
    const open = [...document.querySelectorAll("[data-own]")];
    const waiting = open.reduce((sum, each) => sum + Number(each.dataset.count), 0);
    const isDoubted = open.some((each) => each.dataset.own === "doubted") || (waiting && isCutOff());
    const state = isDoubted ? "doubted" : waiting > 0 && "waiting";
    let mark = "";
    if (state === "doubted") mark = `${says.dataset.doubted} `;
    else if (state) mark = `${accessdesk.counted(says.dataset.waiting, waiting).replace("{count}", waiting)} `;
    const href = state ? says.dataset[`icon${capital(state)}`] : usual.icon;
    if (document.title !== mark + usual.title) document.title = mark + usual.title;
    if (icon.getAttribute("href") !== href) icon.setAttribute("href", href);
  }

  /* --- Where nothing else tells ------------------------------------------------------------------ */

  async function pageAt(path) {
    try {
      const headers = { "HX-Request": "true" }; // no act of its reader's
      const answer = await fetch(path, { cache: "no-store", headers, signal: AbortSignal.timeout(SOON) });
      if (answer.headers.has("HX-Redirect")) isOver = true;
      return answer.ok ? new DOMParser().parseFromString(await answer.text(), "text/html") : null;
    } catch {
      return null;
    }
  }

  let isOver = false; // the session, or what it may see
  let isStale = false; // the list of presses

  async function ask() {
    const told = (await pageAt(address))?.getElementById("own");
    if (isOver) {
      isOver = false;
      accessdesk.askSession(); // which leaves, where it is another's or nobody's
      return setTimeout(ask, LATER);
    }
    // What the list shows may also have ended before anything was told, or be waited for no more.
    isStale ||= Boolean(says.dataset.own || document.querySelector("#presses [data-unsettled]"));
    if (told) {
      says.replaceWith(told);
      says = told;
    } else if (says.dataset.own) {
      says.dataset.own = "doubted"; // whether it is still waited for, nobody knows
    }
    show();
    if (isStale) isStale = !(await renew());
    return setTimeout(ask, Number(says.dataset.count) || isStale || !told ? SOON : LATER);
  }

  // That a press was made the list says; that more came of one is said aloud.
  function isNews(row) {
    const before = row.id && document.getElementById(row.id);
    return before && before.dataset.spoken !== row.dataset.spoken;
  }

  // What came of the presses of the list, on the page that has one.
  async function renew() {
    const list = document.getElementById("presses");
    const fresh = list && (await pageAt(location.href))?.getElementById("presses");
    if (fresh && !fresh.isEqualNode(list)) {
      const told = [...fresh.children].filter(isNews).map((row) => row.dataset.spoken);
      list.replaceWith(fresh);
      if (told.length) document.getElementById("presses-say").textContent = [...new Set(told)].join(" ");
    }
    return Boolean(fresh) || !list;
  }

  if (address) ask();
  else {
    show();
    const looked = new MutationObserver(show);
    looked.observe(document.getElementById("live"), {
      childList: true, subtree: true, attributes: true, attributeFilter: ["data-own", "data-count"],
    });
    looked.observe(document.body, { attributes: true, attributeFilter: ["class"] });
  }
})();
