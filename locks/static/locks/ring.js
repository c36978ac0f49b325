/* How far a press is against its door's usual time, and the words that it is slower than that. All from
   the server's time of the press: a page that is opened later goes on at the right place. */
"use strict";

(() => {
  const STEPS = 4; // for people who asked for less motion
  const less = window.matchMedia("(prefers-reduced-motion: reduce)");
  const begun = new Map(); // request -> its press, on this page's clock
  const known = new WeakSet();

  function follow(box) {
    if (known.has(box)) return;
    known.add(box);
    const { pace, age, usual, slowAfter } = box.dataset;
    // The earliest counts: an answer that was long under way tells of a press that is older still.
    const start = Math.min(begun.get(pace) ?? Infinity, performance.now() - age);
    begun.set(pace, start);
    const passed = performance.now() - start;
    if (usual) {
      box.querySelector(".ring-run").animate(
        { strokeDashoffset: [100, 0] },
        {
          duration: Number(usual),
          delay: -passed,
          fill: "both",
          easing: less.matches ? `steps(${STEPS}, jump-start)` : "linear",
        },
      );
    }
    if (!box.matches(".is-slow")) setTimeout(() => turnSlow(box), Math.max(0, slowAfter - passed));
  }

  /* At once, also where the server cannot be reached; its own card, which is read out, follows. */
  function turnSlow(box) {
    if (!box.isConnected) return;
    box.classList.add("is-slow");
    box.querySelector(".big").textContent = box.dataset.slowBig;
    box.querySelector(".rest").textContent = box.dataset.slowRest;
    const section = box.closest(".building");
    if (section && window.htmx) htmx.trigger(section, "refresh");
  }

  function look() {
    for (const box of document.querySelectorAll("[data-pace]")) follow(box);
  }

  look();
  new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
})();
