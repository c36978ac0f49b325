/* The desk in motion: when a press was made, what is live, and what is said aloud.
   Everything here is an addition: without it the page works as plain forms. */
"use strict";

(() => {
  const byId = (id) => document.getElementById(id);
  const live = byId("live");

  /* --- How old a press is: from the button's arrival to the press, on two clocks ------------- */
  const arrived = new WeakMap();

  function noteArrivals() {
    const now = { wall: Date.now(), mono: performance.now() };
    for (const field of document.querySelectorAll("[data-press] input[name=token]")) {
      if (!arrived.has(field)) arrived.set(field, now);
    }
  }

  function addElapsed(form) {
    const since = arrived.get(form.elements.token);
    if (!since) return; // the server then counts from the making of the page
    setField(form, "elapsed_wall", (Date.now() - since.wall) / 1000);
    setField(form, "elapsed_mono", (performance.now() - since.mono) / 1000);
  }

  function setField(form, name, seconds) {
    let field = form.elements[name];
    if (!field) {
      field = document.createElement("input");
      field.type = "hidden";
      field.name = name;
      form.append(field);
    }
    field.value = seconds.toFixed(3);
  }

  noteArrivals();
  document.addEventListener("htmx:load", noteArrivals);
  // Before the browser reads the form.
  document.addEventListener("submit", (event) => {
    if (event.target.matches("[data-press]")) addElapsed(event.target);
  }, true);

  if (!live || !window.htmx) return;

  /* --- The stream ---------------------------------------------------------------------------- */
  const SILENCE = 5000; // ms without a sign of life: what is shown may be old
  const POLL = 4000; // ms between questions where there is no stream
  const STREAMS = ["accessdesk-stream-1", "accessdesk-stream-2"]; // more would starve the presses

  const chip = byId("connection");
  const sections = () => document.querySelectorAll(".building[id]");
  const refetch = () => sections().forEach((section) => htmx.trigger(section, "refresh"));

  // What the SSE extension takes for an EventSource. It outlives the real ones: those are closed in
  // hidden tabs, shared between tabs by two locks, and replaced when they fall silent.
  class Stream extends EventTarget {
    constructor(url) {
      super();
      this.url = url;
      this.readyState = EventSource.OPEN;
      this.names = new Set();
      this.source = null;
      this.letGo = null;
      this.signAt = -Infinity; // of the stream
      this.answerAt = performance.now(); // of any refetch
      this.askedAt = performance.now();
      this.openedAt = -Infinity;
      this.begunAt = performance.now();
      this.opening = false;
      this.isOutOfTurn = false; // both places are taken by other tabs
      for (const name of ["beat", "roles", "gone"]) this.addEventListener(name, () => {});
      this.addEventListener("gone", blank);
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
        this.signAt = performance.now();
        this.dispatchEvent(new MessageEvent(name, { data: event.data }));
      });
    }

    get isAlive() {
      return this.source !== null && performance.now() - this.signAt < SILENCE;
    }

    tick() {
      const now = performance.now();
      if (document.hidden) {
        this.close();
        return;
      }
      if (!this.isAlive) {
        const waited = now - this.openedAt;
        if (this.source && waited > 2 * SILENCE) this.drop();
        if (!this.source && waited > 1000) this.open();
        if (now - this.askedAt > POLL && now - this.signAt > SILENCE) {
          this.askedAt = now;
          refetch();
        }
      }
      this.show();
    }

    async open() {
      if (this.opening) return;
      this.opening = true;
      this.openedAt = performance.now();
      this.letGo = this.letGo || await takeTurn();
      this.opening = false;
      this.isOutOfTurn = !this.letGo;
      if (this.isOutOfTurn || document.hidden) {
        this.close();
        return;
      }
      const source = new EventSource(this.url);
      this.source = source;
      source.onopen = () => {
        this.signAt = performance.now();
        refetch(); // state is compared, not replayed
        this.show();
      };
      source.onerror = () => {
        this.signAt = Math.min(this.signAt, performance.now() - SILENCE + 1500);
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

    show() {
      const now = performance.now();
      let state = "lost";
      if (this.isAlive) state = this.source.readyState === EventSource.OPEN ? "live" : "reconnecting";
      else if (!this.isOutOfTurn && now - this.begunAt < SILENCE && this.signAt < 0) {
        state = "connecting";
      } else if (now - this.answerAt < POLL + 2000) state = "polling";
      if (chip.dataset.state === state) return;
      chip.dataset.state = state;
      chip.querySelector(".connection-text").textContent = chip.dataset[
        "text" + state[0].toUpperCase() + state.slice(1)
      ];
      document.body.classList.toggle("is-old", state === "lost");
    }
  }

  // A function that lets go of one of the two places, or null where both are taken.
  async function takeTurn() {
    if (!navigator.locks) return () => {};
    for (const name of STREAMS) {
      const letGo = await new Promise((resolve) => {
        navigator.locks.request(name, { ifAvailable: true }, (lock) => {
          if (lock) return new Promise((release) => resolve(release));
          resolve(null);
          return null;
        });
      });
      if (letGo) return letGo;
    }
    return null;
  }

  function blank() {
    document.body.replaceChildren();
    location.replace("/");
  }

  let stream = null;
  htmx.createEventSource = (url) => (stream = stream || new Stream(url));

  /* --- A press ------------------------------------------------------------------------------- */
  const dialog = byId("confirm");
  const underWay = new Set(); // doors whose press this page is waiting for
  const pressed = new Map(); // door id -> what was last said of it
  let focusOn = null; // the door whose button had the focus when its card was replaced

  // htmx loses the answer where the element that asked is replaced meanwhile, and a live refetch
  // replaces cards at any time. So an element of its own, which nothing replaces, asks for each.
  function ask(verb, path, { door, values, target, swap }) {
    const carrier = document.createElement("div");
    carrier.dataset.door = door;
    carrier.setAttribute("hx-indicator", `#door-${door}`);
    carrier.setAttribute("hx-disabled-elt", `#unlock-${door}`);
    byId("carriers").append(carrier);
    const done = () => carrier.remove();
    htmx.ajax(verb, path, { source: carrier, values, target, swap }).then(done, done);
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("[data-press]")) return;
    event.preventDefault();
    const door = form.dataset.press;
    if (underWay.has(door)) return;
    underWay.add(door);
    pressed.set(door, null);
    focusOn = door;
    if (dialog.open) dialog.close();
    byId("notices").replaceChildren();
    const card = byId(`door-${door}`);
    if (card) say(`${card.dataset.label}: ${card.querySelector(".instant").textContent.trim()}`, false);
    const aim = { target: `#door-${door}`, swap: "outerHTML" };
    ask("POST", form.action, { door, values: new FormData(form), ...aim });
  });

  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-ask]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    focusOn = link.dataset.ask;
    const aim = { target: "#confirm-body", swap: "innerHTML" };
    ask("GET", link.href, { door: link.dataset.ask, ...aim });
  });
  document.addEventListener("keydown", (event) => {
    // The link looks and speaks like a button, so it has to answer the space bar like one.
    if (event.key !== " " || !event.target.matches("[data-ask]")) return;
    event.preventDefault();
    event.target.click();
  });

  document.addEventListener("htmx:afterRequest", (event) => {
    const { elt, xhr, successful } = event.detail;
    const door = elt.dataset.door;
    if (!door) {
      if (successful && stream) stream.answerAt = performance.now();
      if (xhr.status === 404) location.replace("/");
      return;
    }
    const isPress = event.detail.requestConfig.verb === "post" && underWay.delete(door);
    if (!successful) {
      const sentence = (xhr.status > 0 && sentenceOf(xhr)) || (isPress && byId("no-answer").innerHTML);
      if (sentence) tell(door, sentence);
    }
    const card = byId(`door-${door}`);
    const section = card && card.closest(".building");
    if (section) htmx.trigger(section, "refresh");
  });

  // The sentence of one of this desk's error pages.
  function sentenceOf(xhr) {
    const page = new DOMParser().parseFromString(xhr.responseText, "text/html");
    const sentence = page.querySelector("[data-sentence]");
    return sentence && sentence.textContent;
  }

  // Outside the cards, so that a refetch does not take it away.
  function tell(id, sentence) {
    const card = byId(`door-${id}`);
    const notice = document.createElement("p");
    notice.className = "notice";
    const name = document.createElement("strong");
    name.textContent = card ? card.dataset.label : "";
    notice.append(name, " ", sentence);
    byId("notices").replaceChildren(notice);
  }

  /* --- The confirmation ---------------------------------------------------------------------- */
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target.id === "confirm-body" && !dialog.open) dialog.showModal();
  });
  dialog.addEventListener("click", (event) => {
    const closes = event.target === dialog || event.target.closest("[data-close]");
    if (!closes) return;
    event.preventDefault();
    dialog.close();
  });
  dialog.addEventListener("close", () => byId("confirm-body").replaceChildren());

  /* --- After each swap: what is said aloud, where the focus is, where the log was ------------- */
  let logPlaces = {};

  document.addEventListener("htmx:beforeSwap", () => {
    for (const log of document.querySelectorAll(".log-rows")) logPlaces[log.id] = log.scrollTop;
  });

  document.addEventListener("htmx:afterSettle", () => {
    for (const [id, before] of Object.entries(logPlaces)) {
      if (byId(id)) byId(id).scrollTop = before;
    }
    logPlaces = {};
    for (const [id, before] of pressed) {
      const card = byId(`door-${id}`);
      const now = card && card.dataset.spoken;
      if (!now || now === before) continue;
      pressed.set(id, now);
      say(`${card.dataset.label}: ${now}`, card.dataset.tone === "bad" || card.dataset.tone === "warn");
    }
    if (focusOn && document.activeElement === document.body && !dialog.open) {
      const button = document.querySelector(`#unlock-${focusOn}:not([disabled])`);
      const card = byId(`door-${focusOn}`);
      if (button || card) (button || card).focus({ preventScroll: true });
    }
  });
  document.addEventListener("pointerdown", () => { focusOn = null; });

  function say(sentence, urgent) {
    byId(urgent ? "say-now" : "say").textContent = sentence;
  }
})();
