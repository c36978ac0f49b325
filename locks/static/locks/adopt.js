/* Takes a refetched section over into the page. What is the same stays the same element, so that a
   finger on its way to a button, the focus and the place in the log survive; and a door that was moved
   by what others did cannot be pressed by mistake. */
"use strict";

(() => {
  const STEADY = 350; // ms that a door has to stand still before a pointer may press it
  const movedAt = new WeakMap(); // card -> when it moved
  if (!window.accessdesk) return;

  // The card without what differs in each rendering, or while its press is under way.
  function bare(card) {
    const copy = card.cloneNode(true);
    for (const field of copy.querySelectorAll("input")) field.remove();
    for (const each of copy.querySelectorAll("details")) each.removeAttribute("open"); // by the reader
    for (const button of copy.querySelectorAll(".htmx-request, [data-disabled-by-htmx]")) {
      button.classList.remove("htmx-request");
      button.removeAttribute("data-disabled-by-htmx");
      button.removeAttribute("disabled");
    }
    copy.classList.remove("htmx-request", "is-marked");
    return copy;
  }

  function adopt(here, fresh) {
    if (here.nodeType === Node.TEXT_NODE) {
      if (here.nodeValue !== fresh.nodeValue) here.nodeValue = fresh.nodeValue;
    } else if (here.nodeType === Node.ELEMENT_NODE) {
      if (here.matches(".card, svg, p")) {
        const isSame = here.matches(".card")
          ? bare(here).isEqualNode(bare(fresh))
          : here.isEqualNode(fresh);
        if (!isSame) here.replaceWith(fresh);
        else renewCsrf(here, fresh);
        return;
      }
      adoptAttributes(here, fresh);
      adoptChildren(here, fresh);
    }
  }

  // The press's own token stays: how long it has been here is known of it alone.
  function renewCsrf(here, fresh) {
    const name = "input[name=csrfmiddlewaretoken]";
    const field = here.querySelector(name);
    if (field) field.value = fresh.querySelector(name).value;
  }

  function adoptAttributes(here, fresh) {
    for (const { name } of [...here.attributes]) {
      if (!fresh.hasAttribute(name) && name !== "class") here.removeAttribute(name);
    }
    for (const { name, value } of fresh.attributes) {
      if (here.getAttribute(name) !== value) here.setAttribute(name, value);
    }
  }

  function adoptChildren(here, fresh) {
    let at = here.firstChild;
    for (const child of [...fresh.childNodes]) {
      const match = child.id
        ? [...here.children].find((each) => each.id === child.id)
        : at && !at.id && at.nodeName === child.nodeName && at;
      if (!match) {
        here.insertBefore(child, at);
      } else {
        if (match === at) at = at.nextSibling;
        else here.insertBefore(match, at);
        adopt(match, child);
      }
    }
    while (at) {
      const next = at.nextSibling;
      at.remove();
      at = next;
    }
  }

  function places() {
    return [...document.querySelectorAll(".card")].map((card) => {
      const { left, top } = card.getBoundingClientRect();
      return { card, left, top };
    });
  }

  /* Take `fresh`, a section, over into `here`, the one on the page. */
  accessdesk.adopt = (here, fresh) => {
    const before = places();
    adopt(here, fresh);
    for (const { card, left, top } of before) {
      const now = card.getBoundingClientRect();
      if (Math.hypot(now.left - left, now.top - top) > 4) movedAt.set(card, performance.now());
    }
  };

  let isUnsteady = false;
  document.addEventListener("pointerdown", (event) => {
    const card = event.target.closest(".card");
    isUnsteady = Boolean(card) && performance.now() - (movedAt.get(card) ?? -Infinity) < STEADY;
  }, true);
  document.addEventListener("click", (event) => {
    if (!isUnsteady || event.detail === 0) return; // 0: by keyboard, where the focus moves along
    event.preventDefault();
    event.stopPropagation();
  }, true);
})();
