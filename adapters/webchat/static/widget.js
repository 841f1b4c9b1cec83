// The customer's side of the live chat. Nothing is stored and no socket opened before the visitor writes. What was typed waits in an
// outbox until the desk has it; what was said is pulled from a cursor: a lost line loses no message.
(() => {
  "use strict";
  if (customElements.get("support-chat")) return;
  const SOURCE = document.currentScript?.src;
  const LAUNCH = { en: "Open chat", es: "Abrir el chat", ar: "افتح الدردشة" };
  const ENGLISH = {
    chat: "Chat with {}", close: "Close chat", unread: "{} unread", log: "Conversation", field: "Your message", placeholder: "Write your question…",
    send: "Send", you: "You", menu: "Menu", restart: "Start over", help: "Help", person: "Talk to a person",
    end: "End this chat", sure: "Press again to end it", suggestions: "Questions to begin with", newer: "New messages",
    sending: "Sending…", waiting: "Not sent yet, trying again.", retry: "Try now", failed: "Not sent.", edit: "Edit", discard: "Discard",
    reconnecting: "Reconnecting…", offline: "You are offline. What you write is sent when you are back.",
    over: "This chat had ended. Your next message starts a new one.",
    unreachable: "The chat cannot be reached just now. What you write is kept.",
    left: "{} characters left", much: "{} characters too many: shorten it.",
  };
  const RTL = /^(ar|fa|he|ur)/;
  const ICONS = {
    chat: "M4 4h16a2 2 0 0 1 2 2v10a2 2 0 0 1-2 2h-8l-5 4v-4H4a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2Zm3 6.5v1h1v-1Zm4.5 0v1h1v-1Zm4.5 0v1h1v-1Z",
    close: "m6 6 12 12M18 6 6 18", send: "M4 12 3 4l18 8-18 8 1-8Zm0 0h8", menu: "M5 12h.01M12 12h.01M19 12h.01",
  };
  const STYLE = `
:host{display:contents}*{box-sizing:border-box}[hidden]{display:none!important}
.r{all:initial;display:contents;color-scheme:light dark;--bg:light-dark(#fff,#141a26);--ink:light-dark(#131a29,#edf1f9);--soft:light-dark(#556078,#a7b2c8);--bub:light-dark(#eef1f6,#232c3e);
--line:light-dark(#d5dce8,#3a465e);--bad:light-dark(#b3261e,#ffb4ab);--a:light-dark(var(--bl),var(--bd));
font:15px/1.45 system-ui,"Segoe UI",Roboto,"Noto Sans",sans-serif;color:var(--ink)}:host([theme=light]) .r{color-scheme:light}:host([theme=dark]) .r{color-scheme:dark}
button,textarea{font:inherit;color:inherit;margin:0}button{cursor:pointer;background:none;border:0;padding:0}
:focus-visible{outline:3px solid var(--a);outline-offset:2px}
svg{display:block;width:24px;height:24px;fill:none;stroke:currentColor;stroke-width:2;stroke-linecap:round}
.l,dialog{position:fixed;inset-inline-end:20px;z-index:2147483000}
.l{inset-block-end:20px;width:60px;height:60px;display:grid;place-items:center;border-radius:50%;background:var(--b);color:var(--on);
border:1px solid color-mix(in srgb,var(--on) 35%,transparent);box-shadow:0 6px 24px #0006}.l svg{width:28px;height:28px}
.u{position:absolute;inset-block-start:-4px;inset-inline-end:-4px;min-width:24px;padding:2px 6px;border-radius:12px;background:#b3261e;color:#fff;font-size:13px;font-weight:600;text-align:center;border:2px solid #fff}
dialog{inset-block:auto 92px;inset-inline-start:auto;margin:0;padding:0;border:1px solid var(--line);width:392px;max-width:calc(100vw - 40px);
height:660px;max-height:calc(100dvh - 112px);border-radius:18px;background:var(--bg);color:inherit;box-shadow:0 6px 24px #0006;overflow:hidden;flex-direction:column}
dialog[open]{display:flex;animation:in .2s}@keyframes in{from{transform:translateY(14px)}}
.h{display:flex;align-items:center;gap:4px;padding:12px;padding-inline-start:18px;background:var(--b);color:var(--on)}
h2{flex:1;min-width:0;margin:0;font-size:17px;font-weight:600;overflow-wrap:anywhere}
.h button{width:40px;height:40px;display:grid;place-items:center;border-radius:10px}.h button:hover{background:color-mix(in srgb,var(--on) 16%,transparent)}
.h :focus-visible{outline-color:var(--on);outline-offset:-3px}
.n{position:absolute;inset-block-start:60px;inset-inline-end:10px;z-index:2;min-width:200px;padding:6px;display:grid;background:var(--bg);border:1px solid var(--line);border-radius:12px;box-shadow:0 6px 24px #0006}
.n button{padding:9px 12px;text-align:start;border-radius:8px}.n button:hover{background:var(--bub)}.n hr{width:100%;margin:4px 0;border:0;border-top:1px solid var(--line)}
.s{padding:7px 18px;background:var(--bub);font-size:13px}.s:empty{padding:0}
.g{flex:1;position:relative;min-height:0;overflow-y:auto;overscroll-behavior:contain;padding:16px 16px 8px;display:flex;flex-direction:column;gap:10px}.g:focus-visible{outline-offset:-3px}
.m{display:flex;flex-direction:column;align-items:start;max-width:88%}.m.you{align-self:end;align-items:end}
.b{padding:9px 13px;border-radius:16px;border-end-start-radius:5px;background:var(--bub);overflow-wrap:anywhere;max-width:100%}
.you .b{background:var(--b);color:var(--on);border-radius:16px 16px 5px;white-space:pre-wrap}
.b>*{margin:0}.b>*+*{margin-block-start:8px}.b ul,.b ol{padding-inline-start:22px}.b li+li{margin-block-start:3px}
.b a{color:var(--a)}.b code{font:.92em ui-monospace,Menlo,monospace;padding:1px 5px;border-radius:5px;background:color-mix(in srgb,var(--ink) 9%,transparent)}
.t{margin:3px 4px 0;font-size:12px;color:var(--soft)}.t.bad{color:var(--bad)}.you .t{text-align:end}.t button{min-height:24px;padding:0 4px;color:var(--a);font-weight:600;text-decoration:underline}
.c{display:flex;flex-wrap:wrap;gap:7px;margin-block-start:8px}
.c button{min-height:36px;padding:6px 14px;border:1px solid var(--a);border-radius:18px;color:var(--a);font-weight:600;text-align:start;overflow-wrap:anywhere}
.c button:not([aria-disabled]):hover{background:var(--bub)}.c [aria-disabled]{border-color:var(--line);color:var(--soft);cursor:default}
.c [aria-pressed=true]{background:var(--bub);color:var(--ink)}.c [aria-pressed=true]:before{content:"✓ "}
.w{align-self:start;display:flex;gap:5px;padding:13px 15px}.w i{width:7px;height:7px;border-radius:50%;background:var(--soft);animation:w 1.2s infinite}.w i+i{animation-delay:.2s}.w i+i+i{animation-delay:.4s}
@keyframes w{30%{transform:translateY(-4px)}60%{transform:none}}
.j{position:absolute;inset-block-end:86px;inset-inline:0;margin:auto;width:max-content;min-height:32px;padding:4px 14px;border-radius:16px;background:var(--ink);color:var(--bg);font-size:13px}
form{display:flex;align-items:end;gap:8px;padding:8px 12px 4px}
textarea{flex:1;min-width:0;min-height:44px;max-height:132px;resize:none;padding:10px 14px;border:1px solid light-dark(#75809a,#8793ad);border-radius:14px;background:var(--bg)}
textarea::placeholder{color:var(--soft);opacity:1}textarea:focus{outline:2px solid var(--a);outline-offset:0;border-color:transparent}
form button{width:44px;height:44px;flex:none;display:grid;place-items:center;border-radius:50%;background:var(--b);color:var(--on)}.send:dir(rtl){transform:scaleX(-1)}.menu{stroke-width:4}
.k{min-height:12px;padding:0 18px 6px;font-size:12px;color:var(--soft)}.k.bad{color:var(--bad)}
.x{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
@media(max-width:480px){dialog{inset:0;width:100%;max-width:none;height:100dvh;max-height:none;border:0;border-radius:0}dialog[open]~.l{display:none}textarea{font-size:16px}.c button{min-height:40px}}
@media(prefers-reduced-motion:reduce){*{animation:none!important}}
@media(forced-colors:active){.b,.l,.n,dialog,.c button,form button,.j{border:1px solid}.w i{background:CanvasText}}`;

  const h = (tag, props, ...kids) => {
    const node = document.createElement(tag);
    for (const [key, value] of Object.entries(props ?? {})) key in node ? (node[key] = value) : node.setAttribute(key, value);
    node.append(...kids);
    return node;
  };
  const icon = (name) => {
    const [svg, path] = ["svg", "path"].map((tag) => document.createElementNS("http://www.w3.org/2000/svg", tag));
    path.setAttribute("d", ICONS[name]);
    svg.ariaHidden = "true";
    svg.classList.add(name);
    svg.append(path);
    return svg;
  };

  // text tree → nodes
  const inlines = (list) => (list ?? []).map((part) => {
    if (part.type === "break") return h("br");
    if (part.type === "code") return h("code", null, part.text);
    if (!part.children) return document.createTextNode(part.text ?? "");
    const link = /^(https?:\/\/|mailto:)/i.test(part.url) && { href: part.url, target: "_blank", rel: "noopener noreferrer nofollow" };
    return h(link ? "a" : { bold: "strong", italic: "em" }[part.type] ?? "span", link, ...inlines(part.children));
  });
  const blocks = (doc) => (doc ?? []).map((block) => block.items
    ? h(block.type === "steps" ? "ol" : "ul", null, ...block.items.map((item) => h("li", null, ...inlines(item))))
    : h("p", null, ...inlines(block.children)));

  // text on the brand, and the brand as text: 4.5:1 (WCAG 1.4.3)
  const light = (rgb) => rgb.reduce((sum, c, i) => sum + [0.2126, 0.7152, 0.0722][i] * ((c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4), 0);
  const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
  const readable = (rgb, ground, towards) => {
    while (ratio(rgb, ground) < 4.6 && rgb.some((c) => Math.abs(c - towards) > 1)) rgb = rgb.map((c) => c + (towards - c) * 0.1);
    return `rgb(${rgb.map(Math.round)})`;
  };
  const palette = (text) => {
    const rgb = (/^#[\da-f]{6}$/i.test(text) ? text : "#1d4ed8").match(/\w\w/g).map((pair) => parseInt(pair, 16));
    const white = ratio(rgb, [255, 255, 255]) >= 4.5;
    return `:host{--b:rgb(${rgb});--on:${white ? "#fff" : "#000"};--bl:${readable(rgb, [238, 241, 246], 0)};--bd:${readable(rgb, [35, 44, 62], 255)}}`;
  };

  // outlives the page, unless storage is denied
  const memory = (items) => Object.assign(Object.create({
    getItem(key) { return this[key] ?? null; }, setItem(key, value) { this[key] = value; }, removeItem(key) { delete this[key]; },
  }), items);
  class Store {
    constructor(prefix) {
      this.prefix = prefix;
      try { (this.items = localStorage).getItem(prefix); } catch { this.items = memory(); }
    }
    get(key) { return this.items.getItem(this.prefix + key); }
    set(key, value) { try { this.items.setItem(this.prefix + key, value); } catch { (this.items = memory({ ...this.items })).setItem(this.prefix + key, value); } }
    drop(key) { this.items.removeItem(this.prefix + key); }
    keys(start = "") { return Object.keys(this.items).filter((key) => key.startsWith(this.prefix + start)).map((key) => key.slice(this.prefix.length)); }
  }
  const id = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

  class SupportChat extends HTMLElement {
    static observedAttributes = ["color", "locale"];
    lines = new Map(); pressed = new Set(); texts = ENGLISH; ui = "en"; cursor = 0; tries = 0; down = 0; note = ""; epoch = 0; lastAt = 0; beat = 25000; unread = 0;

    connectedCallback() {
      this.base = new URL(this.getAttribute("server") || SOURCE || location.href, location.href).origin;
      this.store ??= new Store(`support-chat:${this.base}:`);
      if (!this.root) this.draw();
      this.stop = new AbortController();
      const on = (target, name, act) => target.addEventListener(name, act, { signal: this.stop.signal });
      for (const name of ["online", "pageshow", "focus"]) on(window, name, () => this.nudge());
      on(window, "offline", () => this.status());
      on(document, "visibilitychange", () => { if (!document.hidden) { this.nudge(); this.read(); } });
      on(window, "storage", (event) => this.elsewhere(event));
      this.choose(this.store.get("lang") || this.getAttribute("locale") || document.documentElement.lang || navigator.language);
      if (this.store.get("token") || this.queue().length) this.resume();
    }
    disconnectedCallback() { this.stop.abort(); this.hang(); }
    attributeChangedCallback(name, old, value) {
      if (!this.root || old === value) return;
      name === "color" ? this.brand.replaceSync(palette(value)) : this.speak(value);
    }

    // for the page it stands on
    async open() {
      await Promise.race([this.speak(), new Promise((done) => setTimeout(done, 400))]);
      this.build();
      if (this.dialog.open) return;
      this.dialog[matchMedia("(max-width:480px)").matches ? "showModal" : "show"]();
      if (!matchMedia("(pointer:coarse)").matches) this.field.focus();
      this.greet(); this.nudge(); this.label(); this.toEnd(); this.read(); this.emit("open");
    }
    close() {
      if (!this.dialog?.open) return;
      this.dialog.close(); this.menu.hidden = true;
      this.label(); this.launcher.focus(); this.emit("close");
    }
    async ask(text) { await this.open(); this.put({ text }); }
    /** A signed proof of who the visitor is, or a function that fetches one. */
    async identify(proof) { this.proof = typeof proof === "function" ? proof : () => proof; this.proved = false; await this.drain(); }
    async logout() {
      const token = this.store.get("token");
      this.proof = null;
      this.forget();
      if (token) await this.call("DELETE", "sessions", null, token);
    }
    emit(name, detail) { this.dispatchEvent(new CustomEvent(`support-chat:${name}`, { bubbles: true, composed: true, detail })); }

    // language
    choose(locale) { this.ui = Object.keys(LAUNCH).find((known) => (locale ?? "").toLowerCase().startsWith(known)) ?? "en"; this.spoken = null; this.label(); }
    speak(locale) {
      if (locale) this.choose(locale);
      const lang = this.ui;
      return (this.spoken ??= (async () => {
        let texts = ENGLISH;
        if (lang !== "en") {
          const got = await this.call("GET", `${lang}.json`);
          if (got.ok) texts = { ...ENGLISH, ...got.data }; else this.spoken = null;
        }
        if (lang !== this.ui) return;
        this.texts = texts;
        this.date = this.time = null;
        if (this.dialog) { this.dress(); if (this.config) this.greet(true); }
      })());
    }
    say(key, value) { return this.texts[key].replace("{}", value ?? ""); }

    // drawing
    draw() {
      this.root = this.attachShadow({ mode: "open" });
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(STYLE);
      this.brand = new CSSStyleSheet();
      this.brand.replaceSync(palette(this.getAttribute("color")));
      this.root.adoptedStyleSheets = [sheet, this.brand];
      this.badge = h("span", { className: "u", hidden: true, "aria-hidden": "true" });
      this.launcher = h("button", { type: "button", className: "l", "aria-haspopup": "dialog", onclick: () => (this.dialog?.open ? this.close() : this.open()) }, icon("chat"), this.badge);
      this.frame = h("div", { className: "r" }, this.launcher);
      this.root.append(this.frame);
    }
    build() {
      if (this.dialog) return;
      const button = (name, act, props) => h("button", { type: "button", onclick: act, ...props }, icon(name));
      this.heading = h("h2", { id: "t" });
      this.more = button("menu", () => this.toggle(), { "aria-expanded": "false" });
      this.shut = button("close", () => this.close());
      this.menu = h("div", { className: "n", hidden: true });
      this.bar = h("div", { className: "s", role: "status" });
      this.greeting = h("div", { className: "m" });
      this.typing = h("div", { className: "b w", hidden: true, "aria-hidden": "true" }, h("i"), h("i"), h("i"));
      this.log = h("div", { className: "g", role: "log", tabIndex: 0, onscroll: () => { if (this.atEnd()) this.jump.hidden = true; } }, this.greeting, this.typing);
      this.jump = h("button", { type: "button", className: "j", hidden: true, onclick: () => this.toEnd() });
      this.field = h("textarea", { id: "f", rows: 1, enterKeyHint: "send", "aria-describedby": "k", value: this.store.get("draft") ?? "", oninput: () => this.typed(), onkeydown: (event) => {
        if (event.key === "Enter" && !event.shiftKey && !event.isComposing && event.keyCode !== 229) { event.preventDefault(); this.submit(); }
      } });
      this.counter = h("div", { className: "k", id: "k" });
      this.go = h("button", { type: "submit" }, icon("send"));
      const form = h("form", { onsubmit: (event) => { event.preventDefault(); this.submit(); } }, this.field, this.go);
      this.dialog = h("dialog", { id: "d", "aria-labelledby": "t", oncancel: (event) => { event.preventDefault(); this.escape(); }, onkeydown: (event) => {
        if (event.key === "Escape" && !event.isComposing) { event.preventDefault(); event.stopPropagation(); this.escape(); }
      } }, h("div", { className: "h" }, this.heading, this.more, this.shut), this.menu, this.bar, this.log, this.jump, form, this.counter);
      this.frame.prepend(this.dialog);
      this.launcher.setAttribute("aria-controls", "d");
      this.dress();
      this.sync();
    }
    /** The words of the current language, wherever words are. */
    dress() {
      this.frame.dir = RTL.test(this.ui) ? "rtl" : "ltr";
      this.frame.lang = this.texts === ENGLISH ? "en" : this.ui;
      this.heading.textContent = this.config?.name ?? this.say("chat", "").trim();
      this.log.ariaLabel = this.say("log");
      this.field.ariaLabel = this.say("field");
      this.field.placeholder = this.say("placeholder");
      this.jump.textContent = this.say("newer") + " ↓";
      for (const [node, key] of [[this.more, "menu"], [this.shut, "close"], [this.go, "send"]]) node.ariaLabel = node.title = this.say(key);
      const item = (text, act, props) => h("button", { type: "button", onclick: (event) => { if (act(event) !== false) { this.menu.hidden = true; this.more.ariaExpanded = "false"; this.field.focus(); } }, ...props }, text);
      const command = (name, key) => item(this.say(key), () => this.put({ command: name }));
      let sure = false;
      this.menu.replaceChildren(command("menu", "restart"), command("help", "help"), command("person", "person"), h("hr"),
        ...(this.config?.locales ?? []).filter((code) => code !== this.ui).map((code) => item(this.tongue(code), () => this.switchTo(code), { lang: code })),
        h("hr"), item(this.say("end"), (event) => {
          if (sure) return void this.logout();
          sure = true; event.target.textContent = this.say("sure");
          return false;
        }));
      this.label(); this.typed(); this.status();
    }
    tongue(code) { try { return new Intl.DisplayNames(code, { type: "language" }).of(code).replace(/^./, (first) => first.toUpperCase()); } catch { return code; } }
    switchTo(code) {
      if (this.store.get("token")) { this.store.set("lang", code); this.put({ command: "language", argument: code }); }
      this.speak(code);
    }
    toggle() { this.menu.hidden = !this.menu.hidden; this.more.ariaExpanded = String(!this.menu.hidden); if (!this.menu.hidden) this.menu.firstChild.focus(); }
    escape() { if (this.menu.hidden) this.close(); else { this.toggle(); this.more.focus(); } }
    label() {
      if (!this.launcher) return;
      const open = !!this.dialog?.open, { unread } = this;
      this.launcher.ariaLabel = open ? this.say("close") : LAUNCH[this.ui] + (unread ? `, ${this.say("unread", unread)}` : "");
      this.launcher.ariaExpanded = String(open);
      if (this.shown !== open) { this.shown = open; this.launcher.replaceChildren(icon(open ? "close" : "chat"), this.badge); }
      this.badge.hidden = !unread; this.badge.textContent = unread > 9 ? "9+" : unread;
    }
    async greet(again) {
      this.extend();
      if (this.config && !again) return;
      const got = await this.call("GET", `config?locale=${this.ui}`);
      if (!got.ok) { if (!this.down) { this.note = got.data?.message ?? this.say("unreachable"); this.status(); } return; }
      if (this.note === this.say("unreachable")) this.note = "";
      const fresh = !this.config || this.config.locale !== got.data.locale;
      this.config = got.data;
      if (!fresh) return;
      this.dress();
      this.greeting.replaceChildren(h("div", { className: "b", lang: got.data.locale, dir: "auto" }, ...blocks(got.data.greeting)),
        h("div", { className: "c", role: "group", ariaLabel: this.say("suggestions") }, ...got.data.suggestions.map((text) => h("button", { type: "button", lang: got.data.locale, onclick: () => this.put({ text }) }, text))));
      this.suggest(); this.follow();
    }
    /** Forms and files: without these the plain question stays. */
    extend() {
      this.loading ??= import(`${this.base}/chat/form.js?${this.tries}`).then((part) => (this.forms = part.default(this, h, blocks)), (error) => { this.loading = null; console.warn(error); });
    }
    suggest() { this.forms?.arrange(); if (this.greeting.lastChild) this.greeting.lastChild.hidden = this.lines.size > 0; }
    when(at) {
      const day = new Date(at).toDateString() !== new Date().toDateString();
      // One per message makes a long chat slow to open.
      const format = day ? (this.date ??= new Intl.DateTimeFormat(this.ui, { dateStyle: "medium", timeStyle: "short" })) : (this.time ??= new Intl.DateTimeFormat(this.ui, { timeStyle: "short" }));
      return format.format(at);
    }
    bubble(line) {
      const desk = line.by === "desk", message = line.message;
      const body = h("div", { className: "b", dir: "auto" });
      if (desk) { body.lang = message.locale; body.append(...blocks(message.doc)); }
      else if (line.command) body.textContent = this.texts[line.command === "menu" ? "restart" : line.command] ?? this.tongue(line.label ?? line.argument ?? "");
      else body.textContent = line.text ?? line.label;
      const node = h("div", { className: `m ${line.by}` }, h("span", { className: "x" }, `${desk ? this.config?.name ?? this.say("chat", "") : this.say("you")}: `), body);
      if (message?.choices?.length) node.append(h("div", { className: "c", role: "group" }, ...message.choices.map((choice) => h("button", {
        type: "button", dir: "auto", lang: message.locale, "data-key": choice.key, onclick: (event) => {
          if (!event.currentTarget.ariaDisabled) this.put({ choice: choice.key, label: choice.label });
        } }, choice.label))));
      node.stamp = h("div", { className: "t" });
      node.append(node.stamp);
      return node;
    }
    /** A line of the log or the outbox, by the desk's number; what has none yet comes last. */
    show(line, state = "") {
      let node = this.lines.get(line.id);
      if (!node) this.lines.set(line.id, (node = this.bubble(line)));
      node.line = line;
      node.n = line.n ?? node.n ?? Infinity;
      node.classList.toggle("new", node.n === Infinity);
      let before = this.typing;
      while (before.previousSibling.n > node.n) before = before.previousSibling;
      if (before !== node && node.nextSibling !== before) before.before(node);
      if (line.choice) this.pressed.add(line.choice);
      if (line.choice || line.message) this.mark(line.choice ? null : node);
      this.suggest();
      this.stamp(node, line, state);
      return node;
    }
    /** What stands under a message; drawn anew only on change: a press must not meet a button just replaced. */
    stamp({ stamp }, item, state) {
      if (stamp.state === state) return;
      stamp.state = state;
      stamp.className = state === "failed" ? "t bad" : "t";
      const act = (key, run) => h("button", { type: "button", onclick: run }, this.say(key));
      const drop = () => { this.store.drop(`out:${item.id}`); this.lines.get(item.id).remove(); this.lines.delete(item.id); this.suggest(); this.field.focus(); };
      if (!state) stamp.replaceChildren(h("time", { dateTime: new Date(item.at).toISOString() }, this.when(item.at)));
      else if (state !== "failed") stamp.replaceChildren(this.say(state), ...(state === "waiting" ? [" ", act("retry", () => this.nudge())] : []));
      else stamp.replaceChildren(`${this.say("failed")} ${item.failed} `, ...(item.text ? [act("edit", () => { this.field.value = item.text; drop(); this.typed(); }), " "] : []), act("discard", drop));
    }
    mark(node) {
      for (const group of node ? node.querySelectorAll(".c") : this.log.querySelectorAll(".c")) {
        const chosen = [...group.children].find((button) => this.pressed.has(button.dataset.key));
        if (chosen) for (const button of group.children) { button.ariaDisabled = "true"; button.ariaPressed = String(button === chosen); }
      }
    }
    atEnd() { return this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 90; }
    toEnd() { this.jump.hidden = true; this.log.scrollTop = this.log.scrollHeight; }
    status() {
      if (!this.dialog) return;
      const late = this.down && Date.now() - this.down > 600;
      const text = navigator.onLine === false ? this.say("offline") : late ? this.say("reconnecting") : this.note;
      if (this.bar.textContent !== text) this.bar.textContent = text;
    }

    // writing
    typed() {
      const text = this.field.value, limit = this.config?.limits.text ?? 4000;
      const left = text.length < limit - 200 ? limit : limit - [...text.trim()].length;
      this.counter.textContent = left > 200 ? "" : this.say(left < 0 ? "much" : "left", Math.abs(left));
      this.counter.classList.toggle("bad", left < 0);
      this.field.ariaInvalid = left < 0 ? "true" : null;
      this.field.style.height = "auto";
      if (this.field.scrollHeight) this.field.style.height = `${this.field.scrollHeight + 2}px`;
      if (text !== (this.store.get("draft") ?? "")) text ? this.store.set("draft", text) : this.store.drop("draft");
      return left >= 0;
    }
    submit() {
      const text = this.field.value.trim();
      if (!text || !this.typed()) return this.field.focus();
      this.field.value = "";
      this.typed();
      this.put({ text });
    }
    /** Through the outbox: stored first, drawn at once, sent until the desk has it. */
    put(said) {
      this.build();
      const item = { id: id(), at: (this.lastAt = Math.max(Date.now(), this.lastAt + 1)), locale: this.ui, ...said };
      this.store.set(`out:${item.id}`, JSON.stringify(item));
      this.note = "";
      this.sync(); this.toEnd(); this.expect();
      setTimeout(() => this.sync(), 1000);
      this.nudge();
    }
    expect() {
      clearTimeout(this.soon); clearTimeout(this.enough);
      this.soon = setTimeout(() => { const end = this.atEnd(); this.typing.hidden = false; if (end) this.toEnd(); }, 300);
      this.enough = setTimeout(() => this.answered(), 20000);
    }
    answered() { clearTimeout(this.soon); clearTimeout(this.enough); if (this.typing) this.typing.hidden = true; }
    queue() { return this.store.keys("out:").map((key) => JSON.parse(this.store.get(key))).sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1)); }
    /** Draw what waits in the outbox. */
    sync() {
      if (!this.dialog) return;
      for (const item of this.queue()) {
        const node = this.lines.get(item.id);
        if (node?.n < Infinity) continue;
        this.show({ by: "you", ...item }, item.failed ? "failed" : this.down || item.tried ? "waiting" : Date.now() - item.at > 900 ? "sending" : "");
      }
      this.status();
    }
    async drain() {
      this.stale = true;
      if (this.draining) return;
      this.draining = true;
      try {
        while (this.stale) {
          this.stale = false;
          // One tab sends at a time where there are locks. Without, one may be sent twice, which the desk notices.
          await (navigator.locks ? navigator.locks.request(`${this.store.prefix}out`, () => this.empty()) : this.empty());
        }
      } finally { this.draining = false; }
    }
    /** Send what waits, one after the other. */
    async empty() {
      const epoch = this.epoch;
      for (;;) {
        const token = this.store.get("token");
        if (token && this.proof && !this.proved && !(await this.prove(token))) return;
        const item = this.queue().find((one) => !one.failed);
        if (!item || epoch !== this.epoch) return;
        if (!token) {
          if (!(await this.begin(epoch))) return;
          continue;
        }
        const { id: client_id, at, tried, ...said } = item;
        const got = await this.call("POST", "messages", { client_id, ...said }, token);
        if (epoch !== this.epoch) return;
        if (got.ok) {
          this.store.drop(`out:${client_id}`);
          this.show({ by: "you", ...item });
          this.tries = 0;
          this.reach();
        } else if (got.status === 401) this.over(token);
        else if ([400, 403, 404, 409, 413, 415, 422].includes(got.status)) {
          this.store.set(`out:${client_id}`, JSON.stringify({ ...item, failed: got.data?.message ?? String(got.status) }));
          this.answered();
          this.sync();
        } else {
          this.store.set(`out:${client_id}`, JSON.stringify({ ...item, tried: true }));
          this.sync();
          return this.later(got.after);
        }
      }
    }
    /** A session. A proof that is not accepted must not keep anybody from writing. */
    async begin(epoch) {
      const jwt = this.proof && (await this.evidence());
      let got = await this.call("POST", "sessions", { locale: this.ui, ...(jwt && { jwt }) });
      if (jwt && [401, 403].includes(got.status)) { this.proof = null; this.emit("identify-failed", got.data); got = await this.call("POST", "sessions", { locale: this.ui }); }
      else if (jwt && got.ok) this.proved = true;
      if (epoch !== this.epoch) return false;
      if (!got.ok) {
        this.down ||= Date.now();
        if (got.status === 403 && got.data) { this.note = got.data.message; this.down = 0; }
        this.sync();
        this.later(got.after);
        return false;
      }
      if (!this.store.get("token")) this.store.set("token", got.data.token);
      this.down = 0;
      this.connect();
      return true;
    }
    async evidence() { try { return await this.proof(); } catch { return null; } }
    async prove(token) {
      const jwt = await this.evidence();
      const got = jwt ? await this.call("POST", "identify", { jwt }, token) : { status: 401 };
      if (got.status === 409) { const proof = this.proof; await this.logout(); this.proof = proof; return false; }
      if (!got.ok && !(got.status >= 400 && got.status < 500 && got.status !== 429)) { this.later(got.after); return false; }
      if (!got.ok) { this.proof = null; this.emit("identify-failed", got.data); }
      this.proved = true;
      return true;
    }
    later(after) {
      clearTimeout(this.again);
      // Full jitter: its customers must not all come back at once.
      const pause = Math.random() * Math.min(8000, 500 * 2 ** this.tries++);
      this.again = setTimeout(() => { this.reach(); this.drain(); }, Math.max(pause, (after ?? 0) * 1000));
    }
    async call(method, path, body, token, patience = 12000, abort) {
      try {
        const headers = { "accept-language": this.ui };
        if (body) headers["content-type"] = "application/json";
        if (token) headers.authorization = `Bearer ${token}`;
        const signal = abort ? AbortSignal.any([abort, AbortSignal.timeout(patience)]) : AbortSignal.timeout(patience);
        const got = await fetch(`${this.base}/chat/${path}`, { method, headers, signal, credentials: "omit", keepalive: method === "DELETE", body: body && JSON.stringify(body) });
        return { ok: got.ok, status: got.status, after: +got.headers.get("retry-after"), data: await got.json().catch(() => null) };
      } catch { return { ok: false, status: 0 }; }
    }

    // receiving
    resume() { this.speak(); this.build(); this.connect(); this.drain(); }
    nudge() {
      this.tries = 0;
      this.reach(); this.drain(); this.status();
    }
    reach() { if (!this.poller) this.connect(); }
    connect() {
      const token = this.store.get("token");
      if (!token || this.socket || !this.isConnected) return;
      this.watch ??= setInterval(() => this.guard(), 5000);
      this.ticked = this.heard = Date.now();
      let ready = false, socket;
      try { socket = this.socket = new WebSocket(`${this.base.replace(/^http/, "ws")}/chat/socket`); } catch { return this.lost(false); }
      const slow = setTimeout(() => fail(), 6000);
      const fail = (event) => {
        if (this.socket !== socket) return;
        clearTimeout(slow);
        this.socket = socket.onerror = socket.onclose = null;
        socket.close();
        event?.code === 4401 ? this.over(token) : this.lost(ready);
      };
      socket.onopen = () => socket.send(JSON.stringify({ token, after: this.cursor }));
      socket.onerror = socket.onclose = fail; // blocked by a policy it only says error
      socket.onmessage = (event) => {
        const data = JSON.parse(event.data);
        this.heard = Date.now();
        if (data.ready) { clearTimeout(slow); ready = true; this.beat = data.beat * 1000; this.poller?.abort(); this.poller = null; this.up(); }
        if (data.entries) this.take(data);
      };
    }
    up() { this.tries = this.down = 0; this.note = ""; this.drain(); this.sync(); if (this.dialog?.open) this.greet(); }
    lost(ready) {
      this.down ||= Date.now();
      setTimeout(() => this.sync(), 650);
      if (ready) this.later(); else this.poll();
    }
    /** Where sockets are blocked: a poll that works tells that from a desk that is away. */
    async poll() {
      if (this.poller) return;
      const { signal } = (this.poller = new AbortController());
      let wait = 0, retry = 0;
      for (let token; (token = this.store.get("token")); wait = 25) {
        const got = await this.call("GET", `events?after=${this.cursor}&wait=${wait}`, null, token, 12000 + wait * 1000, signal);
        if (signal.aborted) return;
        if (!got.ok) {
          this.poller = null;
          if (got.status === 401) return this.over(token);
          this.down ||= Date.now();
          return this.later(got.after);
        }
        if (!wait) { this.up(); retry = Date.now() + 60000; }
        this.take(got.data);
        if (Date.now() > retry) { retry = Date.now() + 300000; this.connect(); }
      }
      this.poller = null;
    }
    guard() {
      const now = Date.now(), silent = this.socket && now - this.heard > this.beat * 2 + 5000;
      if (now - this.ticked > 20000 || silent) { this.hang(); this.nudge(); } // the machine slept, or the line is dead
      this.ticked = now;
    }
    hang() {
      const { socket } = this;
      this.poller?.abort();
      this.socket = this.poller = null;
      if (socket) { socket.onerror = socket.onclose = socket.onmessage = null; socket.close(); }
      clearInterval(this.watch); clearTimeout(this.again); this.watch = null;
    }
    take({ entries, cursor, reset }) {
      this.build();
      if (reset) this.clear();
      const news = entries.filter((line) => line.n > this.cursor), end = this.atEnd();
      if (cursor > this.cursor) this.cursor = cursor;
      if (!news.length) return;
      let first, answer;
      for (const line of news) {
        const node = this.show(line);
        if (line.by !== "desk") { this.store.drop(`out:${line.id}`); continue; }
        first ??= node; answer = line;
      }
      if (answer) {
        this.answered();
        this.locale = answer.message.locale;
        this.follow();
        this.emit("message", { id: answer.id });
      }
      // A long answer is read from its top, under its question.
      if (end) this.log.scrollTop = first && news.length < 9 ? Math.max(first.previousSibling.offsetTop - 9, first.offsetTop - 120) : this.log.scrollHeight;
      else if (answer) this.jump.hidden = false;
      this.read();
    }
    /** The language of the conversation, unless the page wants one that the desk does not have. */
    follow() { if (this.locale && this.locale !== this.ui && this.config?.locales.includes(this.ui)) this.speak(this.locale); }
    read() {
      if (this.dialog?.open && !document.hidden && this.cursor) this.store.set("seen", this.cursor);
      this.count();
    }
    count() {
      const seen = +this.store.get("seen"), unread = [...this.lines.values()].filter((node) => node.n > seen && node.classList.contains("desk")).length;
      if (unread !== this.unread) { this.unread = unread; this.emit("unread", { count: unread }); }
      this.label();
    }

    // endings, and other tabs
    over(token) {
      if (this.store.get("token") === token) this.store.drop("token");
      this.hang(); this.clear();
      this.note = this.say("over"); this.down = 0;
      this.sync();
      if (this.queue().some((item) => !item.failed)) this.drain();
    }
    clear() {
      for (const node of this.lines.values()) node.remove();
      this.lines.clear(); this.pressed.clear(); this.cursor = 0; this.proved = false; this.locale = null;
      this.store.drop("seen"); this.answered(); this.count();
      if (this.dialog) this.suggest();
    }
    forget() {
      this.epoch++; this.hang();
      for (const key of this.store.keys()) this.store.drop(key);
      this.clear();
      this.down = this.tries = 0; this.note = "";
      if (this.dialog) { this.field.value = ""; this.typed(); this.sync(); }
    }
    elsewhere(event) {
      const key = event.key?.startsWith(this.store.prefix) ? event.key.slice(this.store.prefix.length) : event.key === null ? "token" : "";
      if (key === "token") {
        this.hang(); this.epoch++; this.clear();
        if (this.store.get("token")) this.resume();
      } else if (key === "seen") this.count();
      else if (key.startsWith("out:")) { if (event.newValue) this.build(); this.sync(); }
    }
  }
  customElements.define("support-chat", SupportChat);
})();
