/* The event stream, and what the page says of it. Tells `accessdesk.refetch` when to look. */
"use strict";

window.accessdesk = window.accessdesk || {};

(() => {
  const SILENCE = 5000; // ms without a sign of life: what is shown may be old
  const POLL = 4000; // ms between questions where there is no stream
  const GRACE = 1500; // ms that a broken stream has before it counts as silent
  const PLACES = ["accessdesk-stream-1", "accessdesk-stream-2"]; // more would starve the presses

  const chip = document.getElementById("connection");
  if (!chip || !window.htmx) return;
  const now = () => performance.now();

  /* Every section asks again; what comes is compared, not replayed. */
  accessdesk.refetch = () => {
    for (const section of document.querySelectorAll(".building")) htmx.trigger(section, "refresh");
  };

  function isDegraded(is) {
    document.getElementById("degraded").hidden = !is;
  }

  /* What the SSE extension takes for an EventSource. It outlives the real ones, which are closed in
     hidden tabs, shared between tabs by two locks, and replaced when they fall silent. */
  class Stream extends EventTarget {
    constructor(url) {
      super();
      this.url = url;
      this.readyState = EventSource.OPEN;
      this.source = null;
      this.names = new Set();
      this.letGo = null; // gives back the place among the streams of this browser
      this.isOutOfTurn = false; // all places are taken by other tabs
      this.isOpening = false;
      this.begunAt = this.answeredAt = this.askedAt = now();
      this.openedAt = this.signAt = -Infinity;
      this.addEventListener("beat", () => {});
      this.addEventListener("gone", () => accessdesk.leave());
      this.addEventListener("degraded", () => isDegraded(true));
      this.addEventListener("steady", () => isDegraded(false));
      document.addEventListener("visibilitychange", () => this.tick());
      setInterval(() => this.tick(), 500);
      this.tick();
    }

    addEventListener(name, listener, options) {
      super.addEventListener(name, listener, options);
      if (this.names.has(name)) return;
      this.names.add(name);
      if (this.source) this.forward(this.source, name);
    }

    forward(source, name) {
      source.addEventListener(name, (event) => {
        if (source !== this.source) return;
        this.signAt = now();
        this.dispatchEvent(new MessageEvent(name, { data: event.data }));
      });
    }

    get isAlive() {
      return this.source !== null && now() - this.signAt < SILENCE;
    }

    tick() {
      if (document.hidden) return this.close();
      if (!this.isAlive) {
        if (this.source && now() - this.openedAt > 2 * SILENCE) this.drop();
        if (!this.source && now() - this.openedAt > 1000) this.open();
        if (now() - this.askedAt > POLL && now() - this.signAt > SILENCE) {
          this.askedAt = now();
          accessdesk.refetch();
        }
      }
      return this.show();
    }

    async open() {
      if (this.isOpening) return;
      this.isOpening = true;
      this.openedAt = now();
      this.letGo = this.letGo || await takePlace();
      this.isOpening = false;
      this.isOutOfTurn = !this.letGo;
      if (this.isOutOfTurn || document.hidden) return this.close();
      const source = new EventSource(this.url);
      this.source = source;
      source.onopen = () => {
        this.signAt = now();
        isDegraded(false); // a new stream says so first where it is
        accessdesk.refetch();
        this.show();
      };
      source.onerror = () => {
        this.signAt = Math.min(this.signAt, now() - SILENCE + GRACE);
        if (source.readyState === EventSource.CLOSED && source === this.source) this.drop();
        this.show();
      };
      for (const name of this.names) this.forward(source, name);
    }

    drop() {
      if (this.source) this.source.close();
      this.source = null;
    }

    close() {
      this.drop();
      if (this.letGo) this.letGo();
      this.letGo = null;
    }

    get state() {
      if (this.isAlive) return this.source.readyState === EventSource.OPEN ? "live" : "reconnecting";
      const isNew = now() - this.begunAt < SILENCE && this.signAt < 0 && !this.isOutOfTurn;
      if (isNew) return "connecting";
      return now() - this.answeredAt < POLL + 2000 ? "polling" : "lost";
    }

    show() {
      const { state } = this;
      if (chip.dataset.state === state) return;
      chip.dataset.state = state;
      const text = `text${state[0].toUpperCase()}${state.slice(1)}`;
      chip.querySelector(".connection-text").textContent = chip.dataset[text];
      document.body.classList.toggle("is-old", state === "lost");
    }
  }

  /* A function that gives the place back, or null where all are taken. */
  async function takePlace() {
    if (!navigator.locks) return () => {};
    for (const name of PLACES) {
      const letGo = await new Promise((resolve) => {
        navigator.locks.request(name, { ifAvailable: true }, (lock) => {
          if (lock) return new Promise((release) => resolve(release));
          return resolve(null);
        });
      });
      if (letGo) return letGo;
    }
    return null;
  }

  let stream = null;
  htmx.createEventSource = (url) => (stream = stream || new Stream(url));

  document.addEventListener("htmx:afterRequest", (event) => {
    const { elt, successful, xhr } = event.detail;
    if (!elt.matches(".building, main")) return;
    if (successful && stream) stream.answeredAt = now();
    const main = document.getElementById("main");
    if (xhr.status !== 404 || !main) return;
    // A role has ended. What was said of a press stays on the page.
    if (location.pathname !== "/" || location.search) location.replace("/");
    else htmx.ajax("GET", "/", { source: main, target: main, select: "#main", swap: "outerHTML" });
  });
})();
