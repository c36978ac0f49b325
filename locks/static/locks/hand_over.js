/* The hand-over sheet works as plain HTML. A script prints it, takes it off the screen of somebody
   whose role has ended, and sends nothing that was typed to where it would be lost. */
"use strict";

(() => {
  const AGAIN = 4000; // ms until a stream that was refused is asked for anew
  const PATIENCE = 5000; // ms that a form waits for its page's answer

  for (const button of document.querySelectorAll("[data-print]")) {
    button.hidden = false;
    button.addEventListener("click", () => print());
  }

  /* A form is sent once its page has been asked for: where no answer comes, what was typed stays; where
     the page was out of date, the form gets the token of one that is not. */
  const unsaved = document.getElementById("unsaved");
  if (unsaved.dataset.address) history.replaceState(null, "", unsaved.dataset.address + location.hash);
  /* Another form's text would go with the page: said once, until something else is typed. */
  const BOUNCE = 700; // ms in which a second press is the first one's
  const typed = () => [...document.querySelectorAll("main form [type=text]")].filter((field) => field.value.trim());
  let warned = { of: null, at: 0 };
  document.addEventListener("input", () => { warned = { of: null, at: 0 }; });
  function wouldLose(form) {
    const isMeant = warned.of === form && performance.now() - warned.at > BOUNCE;
    if (isMeant || typed().every((field) => field.form === form)) return false;
    if (warned.of !== form) warned = { of: form, at: performance.now() };
    unsaved.hidden = false;
    unsaved.textContent = unsaved.dataset.elsewhere;
    unsaved.scrollIntoView({ block: "nearest" });
    return true;
  }

  /* The page that answers a form has the keyboard where that was; where its form is gone, at the next to fill. */
  const KEYBOARD = "accessdesk-hand-over";
  const field = sessionStorage.getItem(KEYBOARD);
  sessionStorage.removeItem(KEYBOARD);
  function begin() {
    const place = document.getElementById(field) ?? document.getElementById("follow-up-text");
    if (document.activeElement === document.body) place?.focus({ preventScroll: true });
  }
  // The browser goes to the address's anchor first, which takes the keyboard away.
  if (field) addEventListener("load", () => requestAnimationFrame(() => requestAnimationFrame(begin)));

  let isAsking = false; // for the whole page: of two forms one would not be sent
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (form.method !== "post" || !form.closest("main")) return;
    event.preventDefault();
    if (isAsking) return; // a double click
    if (wouldLose(form)) return;
    isAsking = true;
    unsaved.hidden = true;
    let fresh = null;
    try {
      const headers = { "HX-Request": "true" };
      const answer = await fetch(location.href, { cache: "no-store", headers, signal: AbortSignal.timeout(PATIENCE) });
      if (answer.headers.has("HX-Redirect")) return accessdesk.leave(); // signed out
      if (answer.status === 404) return location.reload(); // the role has ended
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      fresh = answer.ok && page.querySelector("form [name=csrfmiddlewaretoken]");
      const { mark } = document.getElementById("session").dataset;
      if (fresh && page.getElementById("session").dataset.mark !== mark) return accessdesk.leave();
    } catch {
      fresh = null; // no answer, or not in time: nobody may wait for it any more
    }
    if (fresh) {
      form.elements.csrfmiddlewaretoken.value = fresh.value;
      setTimeout(() => { isAsking = false; }, PATIENCE); // who stopped it may send it again
      const usual = form.getAttribute("action");
      form.setAttribute("action", event.submitter?.getAttribute("formaction") ?? usual); // of several buttons
      sessionStorage.setItem(KEYBOARD, form.querySelector("[type=text]")?.id ?? "");
      form.submit();
      return form.setAttribute("action", usual);
    }
    isAsking = false;
    unsaved.hidden = false;
    unsaved.textContent = unsaved.dataset.sentence;
    return unsaved.scrollIntoView({ block: "nearest" });
  });

  let stream = null;
  let timer = 0;

  /* Nothing is said twice: what ended while nobody listened is found by asking. With the header of a
     refetch, which is nothing that the person did: their session goes on to run out. */
  async function look() {
    try {
      const answer = await fetch(location.href, { cache: "no-store", headers: { "HX-Request": "true" } });
      if (answer.status === 404) location.reload(); // the page that says so
    } catch {
      // No answer tells nothing of a role.
    }
  }

  // A hidden tab needs no news, and leaves its stream to the desk.
  function listen() {
    clearTimeout(timer);
    if (stream) stream.close();
    stream = document.hidden ? null : new EventSource("/live/");
    if (!stream) return;
    stream.addEventListener("open", look);
    // Another role may read less; who still may be here, and is writing, keeps what they type.
    stream.addEventListener("roles", () => (typed().length ? look() : location.reload()));
    stream.addEventListener("gone", () => accessdesk.leave());
    stream.addEventListener("error", (event) => {
      if (event.target !== stream || stream.readyState !== EventSource.CLOSED) return;
      look();
      timer = setTimeout(listen, AGAIN);
    });
  }

  document.addEventListener("visibilitychange", listen);
  listen();
})();
