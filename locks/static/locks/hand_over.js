/* The hand-over sheet works as plain HTML. A script prints it, and takes it off the screen of somebody
   whose role has ended. */
"use strict";

(() => {
  const AGAIN = 4000; // ms until a stream that was refused is asked for anew

  for (const button of document.querySelectorAll("[data-print]")) {
    button.hidden = false;
    button.addEventListener("click", () => print());
  }

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
    stream.addEventListener("roles", () => location.reload());
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
