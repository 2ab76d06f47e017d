// What a browser does for the console beside drawing it. The terminal itself is textual-serve's script, which runs after
// this one; what it lacks is put around it here, because it hands neither its socket nor its terminal to anybody.
"use strict";

(() => {
  const LEFT = 4000, BROKEN = 4001, TOO_MANY = 4002, GOING_AWAY = 1001;
  const CELL = 0.6; // the width of a letter of Roboto Mono, by its height
  const LINE = 1.3;
  const LARGEST = 16, COMFORTABLE = 12, SMALLEST = 8; // pixels of a letter
  const NICE_COLUMNS = 80, FEWEST_COLUMNS = 60, FEWEST_ROWS = 16;
  const NOTICE_MS = 8000;
  const SILENT_MS = 12000; // a console draws its clock every second
  const BROWSERS_KEYS = new Set(["F5", "F11", "F12"]); // reload, full screen, tools; the console uses none of them
  const BROWSERS_WITH_CTRL = new Set(["+", "-", "=", "0", "v"]); // zoom, and pasting as text instead of as a key

  const at = (id) => document.getElementById(id);
  const element = at("terminal");
  let client; // textual-serve's, which holds the terminal
  let lastWords = "";
  let title = "labeltui";
  let unseen = false;

  // The key came with the address and lives in a cookie now: it need not stand there, nor in the browser's history.
  history.replaceState(null, "", "/");
  element.dataset.sessionWebsocketUrl = location.origin.replace(/^http/, "ws") + "/ws";
  element.dataset.fontSize = letters();

  // -- the size of letters: at least the console's fewest columns and rows, also on a phone ----------------------------

  function letters() {
    const across = (columns) => Math.floor(innerWidth / columns / CELL);
    const wide = across(NICE_COLUMNS) >= COMFORTABLE ? across(NICE_COLUMNS) : Math.min(across(FEWEST_COLUMNS), LARGEST);
    const high = Math.floor(innerHeight / FEWEST_ROWS / LINE);
    return Math.max(SMALLEST, Math.min(LARGEST, wide, high));
  }

  addEventListener("resize", () => {
    if (client) client.terminal.options.fontSize = letters();
  });

  // -- textual-serve's client -------------------------------------------------------------------------------------------

  // It keeps its terminal in an object of its own. That object is met when it takes its first addon.
  Object.defineProperty(Object.prototype, "fitAddon", {
    configurable: true,
    set(addon) {
      client = this;
      setBackground("#12161c");
      Object.defineProperty(this, "fitAddon", { value: addon, writable: true, configurable: true, enumerable: true });
    },
  });

  addEventListener("DOMContentLoaded", () => {
    const begin = window.onload;
    window.onload = null;
    // Letters are measured once, so the font must be there before; a browser without it takes the next one of the list.
    const patience = new Promise((done) => setTimeout(done, 2000));
    const font = ["16px", "bold 16px"].map((one) => document.fonts.load(`${one} 'Roboto Mono'`));
    Promise.race([Promise.allSettled(font), patience]).then(() => {
      begin(new Event("load"));
      delete Object.prototype.fitAddon;
      focusTerminal();
    });
  });

  function focusTerminal() {
    const field = element.querySelector(".xterm-helper-textarea");
    if (field && at("ended").hidden) field.focus({ preventScroll: true });
  }

  addEventListener("focus", focusTerminal);
  addEventListener("mouseup", (event) => {
    if (!event.target.closest("button")) focusTerminal();
  });

  addEventListener(
    "keydown",
    (event) => {
      if (event.target === document.body) focusTerminal();
      if (event.key === "Escape" && event.target.closest?.("#notice")) at("notice-close").click();
      const held = event.ctrlKey || event.metaKey;
      const copies = held && event.key === "c" && client?.terminal.hasSelection(); // selected with shift and the mouse
      const browsers = copies || BROWSERS_KEYS.has(event.key) || (held && BROWSERS_WITH_CTRL.has(event.key));
      if (!at("ended").hidden || browsers) {
        event.stopImmediatePropagation(); // the browser does what it does with it, the terminal does not hear of it
      }
    },
    true,
  );

  // Fingers scroll as a wheel does, one line at a time.
  let finger = null;
  element.addEventListener("touchstart", (event) => (finger = event.touches[0].clientY), { passive: true });
  element.addEventListener(
    "touchmove",
    (event) => {
      const { clientX, clientY } = event.touches[0];
      const line = (client ? client.terminal.options.fontSize : LARGEST) * LINE;
      const screen = element.querySelector(".xterm-screen");
      while (screen && Math.abs(finger - clientY) >= line) {
        const deltaY = finger > clientY ? line : -line;
        finger -= deltaY;
        const turn = { deltaY: Math.sign(deltaY), deltaMode: WheelEvent.DOM_DELTA_LINE, clientX, clientY };
        screen.dispatchEvent(new WheelEvent("wheel", { ...turn, bubbles: true, cancelable: true }));
      }
    },
    { passive: true },
  );

  // Addresses in emails may lead anywhere, and one click would be enough.
  window.open = () => {
    notice("Addresses in emails are not opened from here.");
    return null;
  };

  // -- what the console says beside its picture --------------------------------------------------------------------------

  const hear = {
    title: (words) => ((title = words), showTitle()),
    background: (color) => setBackground(color),
    told: () => ((unseen = document.hidden), showTitle()),
    left: (words) => (lastWords = words),
    copy: (text) => copy(text),
    download: (name, said) => {
      const link = document.createElement("a");
      link.href = said.at;
      link.download = name;
      link.click();
    },
  };

  function setBackground(color) {
    document.documentElement.style.setProperty("--background", color);
    document.querySelector("meta[name=theme-color]").content = color;
    client.terminal.options.theme = { background: color }; // also before the first frame, which would be black
  }

  function showTitle() {
    document.title = (unseen ? "(!) " : "") + title;
  }

  document.addEventListener("visibilitychange", () => {
    unseen = unseen && document.hidden;
    showTitle();
  });

  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      notice("The browser does not let a page copy by itself.", () => {
        const field = document.createElement("textarea");
        field.value = text;
        document.body.append(field);
        field.select();
        const done = document.execCommand("copy");
        field.remove();
        focusTerminal();
        notice(done ? "Copied." : "The browser did not copy it. Shift and the mouse select text, ctrl+shift+c copies it.");
      });
    }
  }

  let forgotten;
  function notice(words, act) {
    at("notice-words").textContent = words;
    at("notice-do").hidden = !act;
    at("notice-do").onclick = act || null;
    at("notice").hidden = false;
    clearTimeout(forgotten);
    if (!act) forgotten = setTimeout(() => (at("notice").hidden = true), NOTICE_MS);
    else at("notice-do").focus();
  }

  at("notice-close").onclick = () => {
    at("notice").hidden = true;
    focusTerminal();
  };

  // A picture that stands still must not look healthy: the age of what it shows is drawn by the console itself.
  let heard = Infinity;
  let silent = false;
  setInterval(() => {
    if (Date.now() - heard < SILENT_MS || !at("ended").hidden) return;
    silent = true;
    notice(`The console has not been heard for ${Math.round((Date.now() - heard) / 1000)} s: what you see is old.`);
  }, 1000);

  function endSilence() {
    silent = false;
    at("notice").hidden = true;
  }

  // -- the socket, and its end --------------------------------------------------------------------------------------------

  const ENDS = {
    [LEFT]: ["You left the console", "Workers go on."],
    [BROKEN]: ["The console ended by an error", "Workers go on. The terminal where labeltui serve runs may tell more."],
    [TOO_MANY]: ["Too many consoles are open", "Close one of the other tabs first."],
    [GOING_AWAY]: [
      "labeltui serve was ended",
      "Workers go on. Start it again, and open the address that it prints then: each start has a key of its own.",
    ],
    lost: ["The connection was lost", "Workers go on."],
  };

  class HeardSocket extends WebSocket {
    constructor(...given) {
      super(...given);
      heard = Date.now();
      this.addEventListener("message", (event) => {
        heard = Date.now();
        if (silent) endSilence();
        if (typeof event.data !== "string") return;
        event.stopImmediatePropagation();
        const [kind, said] = JSON.parse(event.data);
        if (kind !== "page") return;
        for (const [name, value] of Object.entries(said)) if (hear[name]) hear[name](value, said);
      });
      this.addEventListener("close", (event) => ended(event.code));
    }

    send(data) {
      if (this.readyState === WebSocket.OPEN) super.send(data);
    }
  }
  window.WebSocket = HeardSocket;

  function ended(code) {
    const [head, words] = ENDS[code] || ENDS.lost;
    at("ended-head").textContent = head;
    at("ended-words").textContent = lastWords || words;
    at("ended").hidden = false;
    at("notice").hidden = true;
    document.title = `${head} · labeltui`;
    at("again").focus();
    if (!ENDS[code]) for (const back of ["online", "focus"]) addEventListener(back, again);
  }

  async function again() {
    at("again").disabled = true;
    let trouble = "";
    try {
      const answer = await fetch("/", { cache: "no-store" });
      if (answer.ok) return location.reload();
      trouble = "labeltui serve was started anew since: open the address that it printed then, which has another key.";
    } catch {
      trouble = `Nothing answers at ${location.host}: is labeltui serve still running?`;
    }
    at("ended-trouble").textContent = trouble;
    at("ended-trouble").hidden = false;
    at("again").disabled = false;
    at("again").focus();
  }
  at("again").onclick = again;
})();
