/* Takes a refetched section over into the page. What is the same stays the same element, so that a
   finger on its way to a button, the focus and the place in the log survive. */
"use strict";

(() => {
  if (!window.accessdesk) return;

  // The card without what differs in each rendering, or while its press is under way.
  function bare(card) {
    const copy = card.cloneNode(true);
    for (const each of copy.querySelectorAll("input, .instant")) each.remove();
    for (const each of copy.querySelectorAll("details")) each.removeAttribute("open"); // by the reader
    for (const button of copy.querySelectorAll(".htmx-request, [data-disabled-by-htmx]")) {
      button.classList.remove("htmx-request");
      button.removeAttribute("data-disabled-by-htmx");
      button.removeAttribute("disabled");
    }
    for (const box of copy.querySelectorAll("[data-age]")) box.removeAttribute("data-age");
    copy.classList.remove("is-sending", "is-marked");
    return copy;
  }

  function adopt(here, fresh) {
    if (here.nodeType === Node.TEXT_NODE) {
      if (here.nodeValue !== fresh.nodeValue) here.nodeValue = fresh.nodeValue;
    } else if (here.nodeType === Node.ELEMENT_NODE) {
      const isOfText = here.matches("p") && !here.querySelector("a, button"); // where the keyboard may be
      if (isOfText || here.matches(".card, svg")) {
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
    const { value } = fresh.querySelector(name) ?? {};
    for (const field of value ? here.querySelectorAll(name) : []) field.value = value;
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

  /* Take `fresh`, a section, over into `here`, the one on the page; `then` what follows from it. */
  accessdesk.adopt = (here, fresh, then) => accessdesk.watched(() => {
    adopt(here, fresh);
    then?.();
  });
})();
