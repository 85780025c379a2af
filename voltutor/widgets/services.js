// Services and what becomes of each request, drawn from one plain view object; every click is a message.

const STEP = 10; // pixels from one dot to the next

function lane(row, view) {
  const shapes = row.dots.map((kind, column) => {
    const x = 6 + column * STEP;
    if (kind === "answered") return `<circle class="vt-answered" cx="${x}" cy="10" r="3.6"/>`;
    if (kind === "passed-on") return `<circle class="vt-passed" cx="${x}" cy="10" r="3.2"/>`;
    if (kind === "failed") return `<path class="vt-failed" d="M${x - 3.4} 6.6l6.8 6.8m0-6.8l-6.8 6.8"/>`;
    return "";
  });
  const count = (kind) => row.dots.filter((each) => each === kind).length;
  const width = 6 + view.columns * STEP;
  const box = part("div", "lane", {
    role: "img",
    "aria-label": filled(view.labels.lane, {
      name: row.name, columns: view.columns, answered: count("answered"), failed: count("failed"), passed: count("passed-on"),
    }),
  });
  box.innerHTML = `<svg viewBox="0 0 ${width} 20" width="${width}" height="20" aria-hidden="true">` +
    `<path class="vt-rail" d="M0 10H${width}"/>${shapes.join("")}</svg>`;
  return box;
}

// A part of the panel that is drawn anew only where its data have changed, and keeps the focus where it was.
function drawnFrom(target, make) {
  let before = "";
  return (data) => {
    const key = JSON.stringify(data);
    if (key === before) return;
    before = key;
    const focused = target.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    target.replaceChildren(...make(data));
    if (focused) target.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  };
}

function render({ model, el }) {
  const kernel = toKernel(model, el, () => update());
  const send = kernel.send;
  const id = freshId();
  const title = part("h3", "title", { id });
  const badge = part("span", "minutes");
  const asleep = part("p", "banner", { role: "status", hidden: true });
  const web = part("section", "part");
  const row = part("div", "row");
  const stores = part("section", "part");
  const kept = part("section", "part");
  const log = part("pre", "log", { role: "log", "aria-live": "polite", tabindex: "0" });
  const trouble = part("p", "verdict", { role: "alert" });

  el.replaceChildren(element("section", {
    class: "vt-card vt-services", "aria-labelledby": id, "data-lm-suppress-shortcuts": "true",
    onkeydown: (event) => event.stopPropagation(),
  },
    element("header", {}, title, element("div", { class: "vt-facts" }, badge)), asleep, web, row, log, trouble, stores, kept));

  function button(key, text, action, value, { off = false, kind = "", label = text } = {}) {
    return element("button", {
      class: kind, "data-key": key, "aria-disabled": String(off), "aria-label": label,
      onclick: (event) => event.currentTarget.getAttribute("aria-disabled") !== "true" && send(action, value),
    }, text);
  }

  function table(heads, rows, name) {
    const head = element("tr", {}, ...heads.map((text) => text
      ? element("th", { scope: "col" }, text) : element("td", {})));
    const wide = part("div", "wide", { tabindex: "0", role: "region", "aria-label": name });
    wide.append(element("table", { class: "vt-table" }, element("thead", {}, head), element("tbody", {}, ...rows)));
    return wide;
  }
  const cells = (...parts) => parts.map((each) => element("td", {}, each));

  const drawWeb = drawnFrom(web, ({ view, idle, asleep: off }) => {
    const labels = view.labels;
    const head = element("h4", {}, labels.stateless);
    if (!view.services.length) return [head, element("p", { class: "vt-waits" }, labels.none)];
    const choose = element("select", {
      "data-key": "choose", "aria-label": labels.service, onchange: (event) => send("choose", event.target.value),
    }, ...view.services.map((name) => element("option", { value: name }, name)));
    choose.value = view.service;
    choose.disabled = !idle || off;
    const rows = view.replicas.map((each) => element("tr", { class: each.alive ? "" : "vt-away" },
      element("th", { scope: "row" }, element("code", {}, each.name)),
      element("td", {}, ...(each.alive ? [button(`kill-${each.number}`, labels.kill, "kill", each.number, {
        off: off || !(idle || view.sending), kind: "vt-quiet", label: filled(labels["kill-name"], each),
      })] : [])),
      element("td", {}, lane(each, view)), ...cells(each.answered, each.failed, each.state)));
    return [
      element("div", { class: "vt-part-head" }, head, choose),
      table([labels.replica, "", filled(labels.last, view), labels.answered, labels.failed, labels.state], rows, labels.stateless),
      element("p", { class: "vt-key" }, labels.key)];
  });

  const drawRow = drawnFrom(row, ({ view, idle, asleep: off }) => {
    const labels = view.labels;
    const able = !off && (idle || view.sending);
    if (!view.services.length) {
      return [button("start", filled(labels.start, { n: 2 }), "scale", 2, { off: off || !idle, kind: "vt-run" })];
    }
    return [
      button("send", view.sending ? view.busy : labels.send, "send", "quick", { off: off || !idle, kind: "vt-run" }),
      button("slow", labels.slow, "send", "slow", { off: off || !idle }),
      button("more", labels.more, "scale", view.listed + 1, { off: !able || view.listed >= view.most }),
      button("fewer", labels.fewer, "scale", view.listed - 1, { off: !able || view.listed <= 1 }),
      button("heal", labels.heal, "heal", null, { off: !able || !view.lost })];
  });

  const drawStores = drawnFrom(stores, ({ view, idle, asleep: off }) => {
    const labels = view.labels;
    const head = element("h4", {}, labels.stateful);
    if (!view.stores.length) return [head, element("p", { class: "vt-waits" }, labels["no-stores"])];
    const rows = view.stores.map((each) => element("tr", {},
      element("th", { scope: "row" }, element("code", {}, each.name)),
      element("td", {}, button(`save-${each.name}`, labels.save, "save", each.name, {
        off: off || !idle, kind: "vt-quiet", label: filled(labels["save-name"], each),
      })),
      element("td", {}, element("meter", {
        min: 0, max: 1, high: 0.9, value: each.share, "aria-label": `${each.name}: ${each.text}`,
      }), " ", each.text),
      element("td", {}, each.limit), element("td", {}, element("code", {}, each.volume))));
    return [head, table([labels.service, "", labels.held, labels.limit, labels.volume], rows, labels.stateful),
      ...view.rooms.map((text) => element("p", { class: "vt-key" }, text))];
  });

  const drawKept = drawnFrom(kept, ({ view, idle, asleep: off }) => {
    const labels = view.labels;
    const head = element("h4", {}, labels.backups);
    if (!view.backups.length) return [head, element("p", { class: "vt-waits" }, labels["no-backups"])];
    const rows = view.backups.map((each) => element("tr", { title: each.trouble },
      element("th", { scope: "row" }, element("code", {}, `${each.name}.tar`)),
      element("td", {}, button(`get-${each.name}`, labels.download, "download", each.name, {
        off, kind: "vt-quiet", label: filled(labels["download-name"], each),
      }), " ", button(`put-${each.name}`, labels.restore, "restore", each.name, {
        off: off || !idle || Boolean(each.trouble), kind: "vt-quiet", label: filled(labels["restore-name"], each),
      })), ...cells(each.service, each.trouble || each.when, each.size)));
    return [head, table([labels.backup, "", labels.from, labels.when, labels.size], rows, labels.backups)];
  });

  function update() {
    const view = model.get("view");
    if (!view || !view.labels) return;
    const off = kernel.sleeping();
    const idle = !view.busy;
    title.textContent = view.labels.title;
    badge.textContent = view.engine;
    asleep.textContent = view.labels.asleep;
    asleep.hidden = !off;
    const { stores: _stores, backups: _backups, said: _said, trouble: _trouble, ...first } = view;
    drawWeb({ view: first, idle, asleep: off });
    drawRow({ view: first, idle, asleep: off });
    drawStores({ view: { stores: view.stores, rooms: view.rooms, labels: view.labels }, idle, asleep: off });
    drawKept({ view: { backups: view.backups, labels: view.labels }, idle, asleep: off });
    log.textContent = view.said.join("\n");
    log.hidden = !view.said.length;
    log.setAttribute("aria-label", view.labels.log);
    trouble.textContent = view.trouble;
    trouble.hidden = !view.trouble;
  }

  // A backup that was asked for comes as bytes, and is handed on to the browser as a file.
  const file = (message, buffers) => {
    if (!message.file || !buffers?.length) return;
    const link = element("a", { download: message.file, href: URL.createObjectURL(new Blob([buffers[0]])) });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  };
  model.on("msg:custom", file);
  update();
  return () => {
    model.off("msg:custom", file);
    kernel.close();
  };
}

export default { render };
