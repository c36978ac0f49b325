/* The tab's title and icon, while a door that was pressed here waits for an end or for a look. */
"use strict";

(() => {
  const says = document.getElementById("own");
  const icon = document.querySelector("link[rel=icon]");
  if (!says || !icon) return;
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

  show();
  new MutationObserver(show).observe(document.getElementById("live"), {
    childList: true, subtree: true, attributes: true, attributeFilter: ["data-own", "data-count"],
  });
})();
