/* The event stream, and what the page says of it. Tells `accessdesk.refetch` when to look.
   Times are of the monotonic clock, which may stand still while the machine sleeps; the wall clock tells that. */
"use strict";

window.accessdesk = window.accessdesk || {};

(() => {
  const SILENCE = 5000; // ms without a sign of life: what is shown may be old
  const POLL = 4000; // ms between questions where there is no stream
  const BEHIND = 8000; // ms without an answer to what a section asks: it is old, whatever the stream says
  const STUCK = 15_000; // ms that a question may take before another is asked in its place
  const GRACE = 1500; // ms that a broken stream has before it counts as silent
  const WAKING = 2000; // ms that a page which was away has to catch up
  const SLEPT = 3000; // ms of the wall clock between two ticks: nobody was awake meanwhile
  const PLACES = ["accessdesk-stream-1", "accessdesk-stream-2"]; // more would starve the presses

  const chip = document.getElementById("connection");
  if (!chip || !window.htmx) return;
  const now = () => performance.now();
  // A hidden tab needs no news, unless a door that was pressed in it has not come to an end.
  const isAtRest = () => document.hidden && !document.querySelector("[data-own]");

  /* Every section asks again; what comes is compared, not replayed. */
  const sections = () => document.querySelectorAll(".building, #own-elsewhere");
  // When a section was asked first since its last answer. One that its own answer replaces begins anew.
  let unanswered = new WeakMap();
  const asking = new WeakMap(); // when it was asked last

  // For how long the section has stood there that waits longest.
  function waitedFor() {
    const since = [...sections()].map((section) => unanswered.get(section) ?? Infinity);
    return now() - Math.min(...since, Infinity);
  }

  accessdesk.refetch = () => {
    const all = sections();
    for (const section of all) htmx.trigger(section, "refresh");
    // A search that found nothing: what is shown is this, unless another is asked for just now.
    const isSearching = document.querySelector("#finder.htmx-request");
    if (!document.querySelector(".building") && !isSearching) htmx.trigger("#main", "renew");
  };

  // After a sleep a question may hang on a connection that is no more; while awake, after so long alone.
  function refetchAfresh(age = 0) {
    for (const section of sections()) {
      if (now() - (asking.get(section) ?? -Infinity) >= age) htmx.trigger(section, "htmx:abort");
    }
    accessdesk.refetch();
  }

  // After what changes a door, or which rows are wanted: what was asked before knows nothing of that, and
  // would take the place of what is asked now.
  accessdesk.askAnew = (section) => {
    for (const each of [section, document.getElementById("own-elsewhere")].filter(Boolean)) {
      htmx.trigger(each, "htmx:abort");
      htmx.trigger(each, "refresh");
    }
    const isSearching = document.querySelector("#finder.htmx-request");
    if (isSearching) htmx.trigger(isSearching, "submit"); // in the place of the one that is under way
  };

  const degraded = document.getElementById("degraded");
  function isDegraded(is) {
    degraded.hidden = !is;
  }
  document.addEventListener("click", ({ target }) => { degraded.open &&= degraded.contains(target); });

  let isLost = false;

  /* Across the whole page, where it cannot be overlooked: since when, and what to do. */
  function sayLost(is, since) {
    const banner = document.getElementById("lost");
    if (!banner || is === isLost) return;
    isLost = is; // the banner itself may wait for a finger
    const isThere = banner.contains(document.activeElement);
    if (is) document.getElementById("lost-since").textContent = clock(since);
    accessdesk.watched(() => { // on a low screen it stands above the doors
      banner.hidden = !is;
      placeLost();
    });
    if (is) return; // it is an alert
    accessdesk.say(chip.textContent.trim(), false);
    if (isThere) accessdesk.backToWork();
  }

  // A modal dialog dims all beside it and makes it unusable.
  function placeLost() {
    const banner = document.getElementById("lost");
    const place = document.querySelector("dialog[open]") ?? document.body;
    if (banner && !banner.hidden && banner.parentElement !== place) place.prepend(banner);
  }
  document.addEventListener("close", placeLost, true);
  document.addEventListener("htmx:afterSettle", placeLost);

  // On the buildings' clock where all have the same, else on this machine's, with its zone.
  function clock(moment) {
    const zones = new Set([...document.querySelectorAll(".log")].map((log) => log.dataset.zone));
    const options = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
    if (Date.now() - moment > 12 * 3600_000) options.weekday = "short";
    const format = (zone) => new Intl.DateTimeFormat(document.documentElement.lang, { ...options, ...zone }).format(moment);
    try {
      return format(zones.size === 1 ? { timeZone: [...zones][0] } : { timeZoneName: "short" });
    } catch {
      return format({ timeZoneName: "short" }); // a zone that this browser does not know
    }
  }

  /* What the SSE extension takes for an EventSource. It outlives the real ones, which are closed in
     hidden tabs at rest, shared between tabs by two locks, and replaced when they fall silent. */
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
      this.openedAt = this.signAt = this.wokeAt = -Infinity;
      this.tickedAt = this.goodAt = Date.now();
      this.addEventListener("beat", () => {});
      this.addEventListener("gone", () => accessdesk.leave());
      this.addEventListener("degraded", () => isDegraded(true));
      this.addEventListener("steady", () => isDegraded(false));
      document.addEventListener("visibilitychange", () => (document.hidden ? this.close() : this.wake()));
      addEventListener("online", () => this.wake());
      addEventListener("pageshow", (event) => event.persisted && this.wake());
      document.getElementById("lost-retry")?.addEventListener("click", () => this.wake());
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

    // Whether what is shown was fetched since the page was last away.
    get isCaughtUp() {
      return this.answeredAt >= this.wokeAt || !document.querySelector(".building");
    }

    /* The page was hidden, or the machine asleep or cut off: what is shown may be as old as that. */
    wake() {
      if (document.hidden) return;
      this.tickedAt = Date.now();
      this.wokeAt = this.askedAt = now();
      this.drop();
      this.openedAt = -Infinity;
      this.signAt = Math.min(this.signAt, this.wokeAt - SILENCE);
      this.answeredAt = Math.min(this.answeredAt, this.wokeAt - POLL - 2000);
      unanswered = new WeakMap();
      refetchAfresh();
      this.tick();
    }

    tick() {
      if (isAtRest()) return this.close();
      const asleep = Date.now() - this.tickedAt;
      this.tickedAt = Date.now();
      if (asleep > SLEPT && !document.hidden) return this.wake();
      if (!this.isAlive) {
        if (this.source && now() - this.openedAt > 2 * SILENCE) this.drop();
        if (!this.source && now() - this.openedAt > 1000) this.open();
      }
      const isSilent = !this.isAlive && now() - this.signAt > SILENCE;
      const isBehind = waitedFor() > POLL; // refused, broken, or stuck: it is asked anew
      if (now() - this.askedAt > POLL && (isSilent || isBehind || !this.isCaughtUp)) {
        this.askedAt = now();
        refetchAfresh(STUCK);
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
      if (this.isOutOfTurn || isAtRest()) return this.close();
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
      if (!this.isCaughtUp) return now() - this.wokeAt < WAKING ? "reconnecting" : "lost";
      if (waitedFor() > BEHIND) return "lost";
      if (this.isAlive) return this.source.readyState === EventSource.OPEN ? "live" : "reconnecting";
      const isNew = now() - this.begunAt < SILENCE && this.signAt < 0 && !this.isOutOfTurn;
      if (isNew) return "connecting";
      return now() - this.answeredAt < POLL + 2000 ? "polling" : "lost";
    }

    show() {
      const { state } = this;
      if (state === "live" || state === "polling") this.goodAt = Date.now();
      if (chip.dataset.state === state) return;
      chip.dataset.state = state;
      const text = `text${state[0].toUpperCase()}${state.slice(1)}`;
      chip.querySelector(".connection-text").textContent = chip.dataset[text];
      document.body.classList.toggle("is-old", state === "lost");
      sayLost(state === "lost", this.goodAt);
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

  document.addEventListener("htmx:beforeRequest", ({ detail: { elt } }) => {
    if (!elt.matches(".building, #own-elsewhere")) return;
    asking.set(elt, now());
    if (!unanswered.has(elt)) unanswered.set(elt, now());
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    const { elt, successful, xhr } = event.detail;
    if (successful || xhr.status === 404) unanswered.delete(elt);
    if (!elt.matches(".building, main")) return;
    if (successful && stream) stream.answeredAt = now();
    const main = document.getElementById("main");
    if (xhr.status !== 404 || !main) return;
    // A role has ended. What was said of a press stays on the page.
    const isOfOne = location.pathname !== "/" || new URLSearchParams(location.search).has("building");
    if (isOfOne) location.replace("/");
    else {
      const way = { source: main, target: main, select: "#main", swap: "outerHTML" };
      htmx.ajax("GET", `/${location.search}`, way).catch(() => {}); // lost: it asks again with the next news
    }
  });
})();
