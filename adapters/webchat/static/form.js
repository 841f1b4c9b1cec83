// Forms and files in the live chat: fetched when the chat is first opened, and given the chat with the two functions it draws with.
// What is typed into a form is kept in the browser by the form's key and the field's name until the desk has it.
const ENGLISH = {
  page: "Page {}", pages: "Page {} of {}", marked: "Fields marked * are needed.", some: "Fields marked * are needed; the others may be left empty.",
  free: "Nothing here is required: fill in what you have.", choose: "Choose…", next: "Continue", last: "Review before sending", now: "Send now",
  needed: "This is needed. Fill it in to go on.", pick: "Choose one of these to go on.", over: "{} characters too many: shorten it.", room: "{} characters left",
  add: "Add files", drop: "or paste them, or drop them here", attach: "Send a file", remove: "Remove {}", uploading: "Uploading {}", done: "{} was added",
  wait: "Wait until every file is uploaded, or remove it.", many: "At most {} files are taken here. Remove one first.", large: "{} is too large: at most {} MB are taken.",
  failed: "{} could not be uploaded. Check the connection and add it again.", get: "Download {}", known: "Pick one or type another:", nothing: "(nothing filled in)",
};
const STYLE = `
.m.wide{max-width:100%;width:100%}.q{width:100%;margin-block-start:8px;padding:14px;border:1px solid var(--line);border-radius:16px;display:grid;gap:14px}
.q p{margin:0}.q .p{font-size:13px;color:var(--soft)}.q fieldset{min-width:0;margin:0;padding:0;border:0}.q legend,.q .i>label{display:block;padding:0;font-weight:600}
.q .d{font-size:13px;color:var(--soft)}.q .e{font-size:13px;color:var(--bad);font-weight:600}.q .e:empty,.q .d:empty{display:none}.q .i{display:grid;gap:4px;min-width:0}
.q input:not([type=radio]),.q select,.q textarea{font:inherit;color:inherit;width:100%;min-height:44px;max-height:none;padding:9px 12px;border:1px solid light-dark(#75809a,#8793ad);border-radius:10px;background:var(--bg)}
.q textarea{resize:vertical;min-height:96px}.q [aria-invalid=true]{border-color:var(--bad)!important;border-width:2px!important}.q input:focus-visible,.q select:focus-visible{outline:2px solid var(--a);outline-offset:0}
.q .o{display:flex;gap:10px;align-items:start;min-height:40px;padding:8px 4px;cursor:pointer}.q .o input{flex:none;width:20px;height:20px;margin:1px 0 0;accent-color:var(--a)}.q .o small{display:block;font-size:13px;color:var(--soft)}
.q .c{margin:0;align-items:center}.q .c .d{width:100%}.q .c .go{background:var(--b);border-color:var(--b);color:var(--on)}.q .c .go:hover{background:var(--b)}.q .c.by button{border-color:transparent;padding-inline:8px;text-decoration:underline;font-weight:500}
.fs{list-style:none;margin:0;padding:0;display:grid;gap:6px}.fs:empty{display:none}.fs li{display:flex;flex-wrap:wrap;gap:4px 8px;align-items:center;padding-inline-start:10px;border:1px solid var(--line);border-radius:10px;background:var(--bg);color:var(--ink)}
.fs span{flex:1;min-width:0;overflow-wrap:anywhere;padding-block:8px}.fs button{min-width:40px;min-height:40px;font-size:18px}.fs progress{width:100%;height:6px;margin:0 10px 8px 0;accent-color:var(--a)}
.z{padding:10px;border:1px dashed light-dark(#75809a,#8793ad);border-radius:10px;display:flex;flex-wrap:wrap;gap:4px 10px;align-items:center}.z.in{border-style:solid;background:var(--bub)}
.z button{min-height:40px;padding:4px 14px;border:1px solid var(--a);border-radius:18px;color:var(--a);font-weight:600}
.at{padding:0 12px}.at .fs{padding-block-start:8px}.at .e{margin:6px 6px 0;font-size:13px;color:var(--bad);font-weight:600}.at .e:empty{display:none}form .clip{background:none;color:var(--soft);border:1px solid light-dark(#75809a,#8793ad);font-size:22px;line-height:1}
.b .v{display:block}.b .v b{font-weight:600}.b .get{min-height:32px;text-decoration:underline;text-align:start;overflow-wrap:anywhere}
@media(max-width:480px){.q input:not([type=radio]),.q select,.q textarea{font-size:16px}}@media(forced-colors:active){.q .go,.z button,.clip{border:1px solid!important}}`;
const RADIOS = 6, MEGABYTE = 1048576;

export default (chat, h, blocks) => {
  const say = (key, ...values) => values.reduce((text, value) => text.replace("{}", value), chat.texts[`form.${key}`] ?? ENGLISH[key]);
  const style = new CSSStyleSheet();
  style.replaceSync(STYLE);
  chat.root.adoptedStyleSheets = [...chat.root.adoptedStyleSheets, style];
  const hidden = new Map();
  let count = 0, live = null, wanted = false;

  // --- what was typed and is not the desk's yet ---
  const drafts = (key) => ({ ...JSON.parse(chat.store.get(`form:${key}`) ?? "{}"), ...hidden.get(key) });
  const same = (one, other) => JSON.stringify(plain(one)) === JSON.stringify(plain(other));
  const plain = (value) => (typeof value === "string" ? value.replace(/\r\n?/g, "\n").trim() : value?.map((file) => file.id));
  const keep = (key, input, value) => {
    // What is secret does not outlive the page.
    const held = input.secret ? hidden.get(key) ?? {} : JSON.parse(chat.store.get(`form:${key}`) ?? "{}");
    if (same(value, input.kind === "files" ? input.files ?? [] : input.value ?? "")) delete held[input.name]; else held[input.name] = value;
    if (input.secret) hidden.set(key, held);
    else Object.keys(held).length ? chat.store.set(`form:${key}`, JSON.stringify(held)) : chat.store.drop(`form:${key}`);
  };
  /** What the desk answered to is its own now: the newer sheet says what became of it. */
  const settle = (key, answers) => {
    const held = JSON.parse(chat.store.get(`form:${key}`) ?? "{}");
    const rest = Object.entries(held).filter(([name, value]) => !same(answers[name], value));
    if (rest.length === Object.keys(held).length) return;
    rest.length ? chat.store.set(`form:${key}`, JSON.stringify(Object.fromEntries(rest))) : chat.store.drop(`form:${key}`);
  };

  // --- files ---
  const megabytes = (size) => (size < MEGABYTE ? `${Math.max(1, Math.round(size / 1024))} KB` : `${(size / MEGABYTE).toFixed(1)} MB`);
  /** One upload: its row with a bar, and what came of it. `ended` is told the attachment, or the sentence that says why there is none. */
  const upload = (file, row, ended) => {
    const bar = h("progress", { max: file.size || 1, value: 0, ariaLabel: say("uploading", file.name) });
    const call = new XMLHttpRequest();
    row.append(h("span", null, file.name), h("button", { type: "button", ariaLabel: say("remove", file.name), onclick: () => { call.abort(); ended(null, ""); } }, "×"), bar);
    const limit = chat.config?.limits.file;
    const begin = async () => {
      if (limit && file.size > limit) return ended(null, say("large", file.name, +(limit / MEGABYTE).toFixed(1)));
      if (!chat.store.get("token") && !(await chat.begin(chat.epoch))) return ended(null, say("failed", file.name));
      call.open("POST", `${chat.base}/chat/files`);
      call.setRequestHeader("authorization", `Bearer ${chat.store.get("token")}`);
      call.setRequestHeader("accept-language", chat.ui);
      call.setRequestHeader("content-type", "application/octet-stream");
      call.setRequestHeader("x-file-name", encodeURIComponent(file.name));
      call.responseType = "json";
      call.upload.onprogress = (event) => { bar.value = event.loaded; };
      call.onload = () => (call.status === 201 ? ended(call.response) : ended(null, call.response?.message ? `${file.name}: ${call.response.message}` : say("failed", file.name)));
      call.onerror = call.ontimeout = () => ended(null, say("failed", file.name));
      call.send(file);
    };
    begin();
  };
  const chooser = (add) => {
    const input = h("input", { type: "file", multiple: true, hidden: true, tabIndex: -1, ariaLabel: say("add"), onchange: () => { add([...input.files]); input.value = ""; } });
    return input;
  };
  /** Takes what is pasted into or dropped onto `place`. */
  const receive = (place, mark, add) => {
    const has = (event) => [...(event.dataTransfer ?? event.clipboardData)?.types ?? []].includes("Files");
    place.addEventListener("paste", (event) => { if (has(event)) { event.preventDefault(); event.stopPropagation(); add([...event.clipboardData.files]); } });
    place.addEventListener("dragover", (event) => { if (has(event)) { event.preventDefault(); event.stopPropagation(); mark.classList.add("in"); } });
    place.addEventListener("dragleave", () => mark.classList.remove("in"));
    place.addEventListener("drop", (event) => { mark.classList.remove("in"); if (has(event)) { event.preventDefault(); event.stopPropagation(); add([...event.dataTransfer.files]); } });
  };
  const getter = (file) => h("button", { type: "button", className: "get", ariaLabel: say("get", file.name), onclick: async () => {
    const { id, name, mime, size } = file;
    const got = await chat.call("POST", "files/link", { id, name, mime, size }, chat.store.get("token"));
    if (got.ok) h("a", { href: chat.base + got.data.url, target: "_blank", rel: "noopener noreferrer" }).click();
    else { chat.note = got.data?.message ?? say("failed", name); chat.status(); }
  } }, `${file.name} (${megabytes(file.size)})`);

  // --- one field ---
  const field = (sheet, input, start) => {
    const id = `q${++count}`, parts = { input };
    const mark = () => (input.required ? [" ", h("span", { ariaHidden: "true" }, "*")] : []);
    const hint = h("p", { className: "d", id: `${id}h` }, input.hint ?? "");
    const room = h("p", { className: "d", id: `${id}r` });
    const error = h("p", { className: "e", id: `${id}e` }, input.error ?? "");
    const tell = (text) => {
      error.textContent = text;
      if (parts.marked) parts.marked.ariaInvalid = text ? "true" : null;
    };
    const described = `${id}h ${id}r ${id}e`;
    const save = () => keep(sheet.key, input, parts.value());
    if (input.kind === "files") {
      let files = start ?? input.files ?? [], going = 0;
      const list = h("ul", { className: "fs" }), news = h("p", { className: "x", role: "status" });
      const most = chat.config?.limits.files ?? 10;
      const row = (file) => {
        const item = h("li", null, h("span", null, `${file.name} (${megabytes(file.size)})`), h("button", { type: "button", ariaLabel: say("remove", file.name), onclick: () => {
          files = files.filter((each) => each.id !== file.id); item.remove(); tell(""); save(); button.focus();
        } }, "×"));
        return item;
      };
      const add = (chosen) => {
        tell("");
        for (const file of chosen) {
          if (files.length + going >= most) { tell(say("many", most)); break; }
          const item = h("li");
          list.append(item);
          going++;
          upload(file, item, (kept, why) => {
            if (!item.isConnected) return;
            going--;
            const focused = item.contains(chat.root.activeElement);
            if (!kept) { item.remove(); if (why) tell(why); }
            else if (files.some((each) => each.id === kept.id)) item.remove();
            else { files = [...files, kept]; item.replaceWith(row(kept)); news.textContent = say("done", kept.name); save(); }
            if (focused) button.focus();
          });
        }
      };
      const pick = chooser(add);
      const button = h("button", { type: "button", id, onclick: () => pick.click() }, say("add"));
      button.setAttribute("aria-describedby", described);
      list.append(...files.map(row));
      const zone = h("div", { className: "z" }, button, h("span", { className: "d" }, say("drop")));
      parts.controls = [button];
      parts.value = () => files;
      parts.fault = () => (going ? say("wait") : input.required && !files.length ? say("needed") : "");
      parts.add = add;
      parts.zone = zone;
      parts.box = h("fieldset", { className: "i" }, h("legend", null, input.label, ...mark()), hint, list, zone, pick, news, room, error);
    } else if (input.kind === "one" && input.required && input.options.length <= RADIOS) {
      // Only what must be answered: a radio button cannot be let go of again.
      const radios = input.options.map((option, n) => h("input", { type: "radio", name: id, id: `${id}-${n}`, value: option.value, checked: option.value === (start ?? input.value), onchange: () => { tell(""); save(); } }));
      parts.controls = radios;
      parts.value = () => radios.find((radio) => radio.checked)?.value ?? "";
      parts.fault = () => (input.required && !parts.value() ? say("pick") : "");
      parts.box = h("fieldset", { className: "i", role: "radiogroup", "aria-describedby": described, ...(input.required && { ariaRequired: "true" }) }, h("legend", null, input.label, ...mark()), hint,
        h("div", null, ...radios.map((radio, n) => h("label", { className: "o", htmlFor: radio.id }, radio, h("span", null, input.options[n].label, input.options[n].hint ? h("small", null, input.options[n].hint) : "")))), room, error);
      parts.marked = parts.box; // a group is invalid as a whole: the single button may not say so (ARIA 1.2)
    } else {
      const limit = input.limit ?? 0;
      const props = { id, value: start ?? input.value ?? "", required: !!input.required, dir: "auto", "aria-describedby": described };
      const control = input.kind === "one"
        ? h("select", { id, required: !!input.required, "aria-describedby": described }, h("option", { value: "" }, say("choose")), ...input.options.map((option) => h("option", { value: option.value }, option.label)))
        : input.kind === "lines" ? h("textarea", { ...props, rows: 4 }) : h("input", { type: input.secret ? "password" : "text", ...props, autocomplete: "off" });
      if (input.kind === "one") control.value = start ?? input.value ?? "";
      // What may be picked instead of typed; any other text will do as well. To be seen, which a datalist's are not before somebody types.
      const picks = (input.kind === "line" && input.options || []).map((option) => h("button", { type: "button", dir: "auto", value: option.value, onclick: () => { control.value = option.value; watch(); save(); } }, option.label));
      const known = picks.length ? h("div", { className: "c", role: "group", "aria-labelledby": `${id}l` }, h("span", { className: "d", id: `${id}l` }, say("known")), ...picks) : "";
      const mirror = () => { for (const pick of picks) pick.ariaPressed = String(control.value.trim() === pick.value); };
      const left = () => (limit ? limit - [...control.value.trim()].length : Infinity);
      const watch = () => {
        const rest = left();
        room.textContent = rest >= 0 && rest <= Math.max(20, limit / 10) ? say("room", rest) : "";
        if (rest < 0) tell(say("over", -rest)); else tell("");
        mirror();
      };
      mirror();
      control.addEventListener(input.kind === "one" ? "change" : "input", () => { watch(); save(); });
      parts.controls = [control];
      parts.marked = control;
      parts.value = () => control.value;
      parts.fault = () => (left() < 0 ? say("over", -left()) : input.required && !control.value.trim() ? say(input.kind === "one" ? "pick" : "needed") : "");
      parts.box = h("div", { className: "i" }, h("label", { htmlFor: id }, input.label, ...mark()), hint, control, known, room, error);
    }
    if (input.error) tell(input.error);
    return Object.assign(parts, { tell });
  };

  // --- one page ---
  // How many there are is not known while an answer can change it.
  const place = (sheet) => (sheet.pages ? say("pages", sheet.page, sheet.pages) : say("page", sheet.page));
  const needs = ({ inputs }) => say(inputs.every((input) => input.required) ? "marked" : inputs.some((input) => input.required) ? "some" : "free");
  const draw = (node) => {
    const { message } = node.line, { sheet } = message, held = drafts(sheet.key);
    const fields = sheet.inputs.map((input) => field(sheet, input, held[input.name]));
    const submit = (send) => {
      let first = null;
      for (const each of fields) {
        const fault = each.fault();
        each.tell(fault);
        if (fault) first ??= each;
      }
      if (first) return first.controls[0].focus();
      const answers = Object.fromEntries(fields.map((each) => [each.input.name, each.value()]));
      wanted = true;
      chat.put({ form: { key: sheet.key, form: sheet.form, version: sheet.version, answers, send } });
    };
    const press = (choice) => h("button", { type: "button", dir: "auto", onclick: () => { wanted = true; chat.put({ choice: choice.key, label: choice.label }); } }, choice.label);
    // Other answers than the options belong to the field that the desk asks for, and stand with it.
    const offered = new Set(sheet.inputs.flatMap((input) => (input.options ?? []).map((option) => option.label.slice(0, 75))));
    const others = (message.choices ?? []).filter((choice) => !choice.aside && !offered.has(choice.label)), ends = sheet.page === sheet.pages;
    if (others.length) (fields.find((each) => each.input.name === sheet.focus) ?? fields[0]).box.append(h("div", { className: "c" }, ...others.map(press)));
    const box = h("div", { className: "q", role: "group", ariaLabel: place(sheet), lang: message.locale, dir: /^(ar|fa|he|ur)/.test(message.locale) ? "rtl" : "ltr" },
      h("p", { className: "p" }, `${place(sheet)} · ${needs(sheet)}`),
      ...fields.map((each) => each.box),
      // Nothing is sent unseen but by the button that says so.
      h("div", { className: "c" }, h("button", { type: "button", className: "go", onclick: () => submit(false) }, say(ends ? "last" : "next")),
        ...(ends ? [h("button", { type: "button", onclick: () => submit(true) }, say("now"))] : [])),
      h("div", { className: "c by" }, ...(sheet.ways ?? []).map(press)));
    box.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.isComposing && event.target.matches("input")) { event.preventDefault(); submit(false); }
    });
    const takes = fields.find((each) => each.add);
    if (takes) receive(box, takes.zone, takes.add);
    return Object.assign(box, { texts: chat.texts, fields, at: () => (fields.find((each) => each.input.error) ?? fields.find((each) => each.input.name === sheet.focus) ?? fields[0])?.controls });
  };
  // Of a page that is done no number of pages is told: a later answer may have changed it.
  const note = (sheet) => h("p", { className: "d" }, `${say("page", sheet.page)}: ${sheet.inputs.map((input) => input.label).join(", ")}`);
  const body = (node) => node.querySelector(".b");
  const show = (node) => {
    const { sheet } = node.line.message;
    const lead = blocks(sheet.lead), open = node === live;
    if (open && node.box?.texts === chat.texts) return;
    if (!open && node.box === false) return;
    const inside = node.box && node.box.contains(chat.root.activeElement);
    if (inside) wanted = true;
    node.querySelector(".c:not(.q *)")?.remove();
    if (node.box) node.box.remove();
    body(node).replaceChildren(...lead, ...(open ? [] : [note(sheet)]));
    body(node).hidden = open && !lead.length;
    node.classList.toggle("wide", open);
    node.box = open && draw(node);
    if (open) node.stamp.before(node.box);
  };

  // --- what the customer sent ---
  const list = (node, sheets) => {
    const { form } = node.line, inputs = sheets.get(form.key) ?? {};
    const rows = Object.entries(form.answers).flatMap(([name, value]) => {
      const input = inputs[name];
      if (!input || !value.length) return [];
      const shown = input.secret ? ["••••••"] : typeof value === "string" ? [input.options?.find((option) => option.value === value)?.label ?? value] : value.map(getter);
      return [h("span", { className: "v" }, h("b", null, /[?:]$/.test(input.label) ? `${input.label} ` : `${input.label}: `), ...shown)];
    });
    body(node).replaceChildren(...(rows.length ? rows : [say("nothing")]));
  };

  /** Which form is open is told by the order of what was said alone, so it is the same after a reload and in every tab. */
  const arrange = () => {
    const nodes = [...chat.log.children].filter((node) => node.line), sheets = new Map(), sent = new Map();
    const failed = new Set(chat.queue().filter((item) => item.failed).map((item) => item.id));
    const before = live;
    let said = false, last = null;
    live = null;
    for (const node of nodes) {
      const { line } = node, sheet = line.message?.sheet;
      if (line.files && !node.filed) { node.filed = true; body(node).append(...line.files.map((file) => h("span", { className: "v" }, getter(file)))); }
      if (line.by === "desk") {
        if (said) for (const [key, answers] of sent) settle(key, answers);
        if (said) { live = null; sent.clear(); }
        if (sheet) {
          live = node; said = false;
          sheets.set(sheet.key, { ...sheets.get(sheet.key), ...Object.fromEntries(sheet.inputs.map((input) => [input.name, input])) });
        }
        last = node;
      } else {
        if (line.form && !node.told) { node.told = true; list(node, sheets); }
        if (failed.has(line.id)) continue;
        said = true;
        if (line.form) sent.set(line.form.key, { ...sent.get(line.form.key), ...line.form.answers });
        const own = live?.line.message;
        if (own && (line.form?.key === own.sheet.key || (line.choice && [...(own.choices ?? []), ...(own.sheet.ways ?? [])].some((choice) => choice.key === line.choice)))) live = null;
      }
    }
    for (const node of nodes) if (node.line.message?.sheet) show(node);
    const at = chat.root.activeElement, pressed = at?.closest(".c [aria-disabled]");
    // Whoever went on to write something else meanwhile is left there.
    if (at && at !== chat.log && !pressed) wanted = false;
    if (live && live !== before && (wanted || pressed)) {
      const controls = live.box.at();
      (controls.find((each) => each.checked) ?? controls[0]).focus();
      wanted = false;
    } else if (wanted && !live && nodes.at(-1)?.line.by === "desk") {
      last.tabIndex = -1;
      last.focus();
      wanted = false;
    } else if (wanted && !live && !at) chat.log.focus();
  };

  // --- files beside the words ---
  const strip = h("ul", { className: "fs" }), trouble = h("p", { className: "e", role: "status" });
  const ready = [];
  let going = 0;
  const add = (chosen) => {
    trouble.textContent = "";
    const most = chat.config?.limits.files ?? 10;
    for (const file of chosen) {
      if (going + ready.length >= most) { trouble.textContent = say("many", most); break; }
      const item = h("li");
      strip.append(item);
      going++;
      upload(file, item, (kept, why) => {
        if (!item.isConnected) return;
        const focused = item.contains(chat.root.activeElement);
        item.remove();
        going--;
        if (kept) ready.push(kept);
        else if (why) trouble.textContent = why;
        if (!going && ready.length) chat.put({ files: ready.splice(0) });
        if (focused) chat.field.focus();
      });
    }
  };
  const pick = chooser(add);
  const clip = h("button", { type: "button", className: "clip", onclick: () => pick.click() }, "+");
  chat.field.before(clip);
  chat.field.closest("form").before(h("div", { className: "at" }, strip, trouble, pick));
  receive(chat.dialog, chat.field, add);

  const dressed = () => { clip.ariaLabel = clip.title = say("attach"); };
  const all = () => { dressed(); arrange(); };
  all();
  return { arrange: all };
};
