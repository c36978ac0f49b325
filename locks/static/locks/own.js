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

  function show() {
    const open = [...document.querySelectorAll("[data-own]")];
    const waiting = open.reduce((sum, each) => sum + Number(each.dataset.count), 0);
    const state = open.some((each) => each.dataset.own === "doubted") ? "doubted" : waiting > 0 && "waiting";
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
      const answer = await fetch(path, { cache: "no-store", headers: { "HX-Request": "true" } }); // no act of its reader's
      return answer.ok ? new DOMParser().parseFromString(await answer.text(), "text/html") : null;
    } catch {
      return null;
    }
  }

  async function ask() {
    const told = (await pageAt(address))?.getElementById("own");
    const before = `${says.dataset.own} ${says.dataset.count}`;
    if (told) {
      says.replaceWith(told);
      says = told;
    } else if (says.dataset.own) {
      says.dataset.own = "doubted"; // whether it is still waited for, nobody knows
    }
    show();
    const isNews = before !== `${says.dataset.own} ${says.dataset.count}`;
    if (isNews && document.getElementById("presses")) await renew();
    setTimeout(ask, Number(says.dataset.count) ? SOON : LATER);
  }

  async function renew() {
    const fresh = (await pageAt(location.href))?.getElementById("presses");
    if (fresh) document.getElementById("presses").replaceWith(fresh);
  }

  if (address) ask();
  else {
    show();
    new MutationObserver(show).observe(document.getElementById("live"), {
      childList: true, subtree: true, attributes: true, attributeFilter: ["data-own", "data-count"],
    });
  }
})();
