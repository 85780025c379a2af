// The measuring panel, drawn from one plain view object; every click is a message.

function render({ model, el }) {
  const kernel = toKernel(model, el, () => update());
  const send = kernel.send;
  const id = freshId();
  const title = part("h3", "title", { id });
  const badge = part("span", "minutes");
  const asleep = part("p", "banner", { role: "status", hidden: true });
  const list = element("fieldset", { class: "vt-choices" });
  const selects = part("div", "selects");
  const estimate = part("p", "waits", { role: "status", "aria-live": "polite" });
  const press = (action) => pressing(send, action);
  const run = part("button", "run", { onclick: press("run") });
  const cancel = part("button", "cancel", { onclick: press("cancel") });
  const save = part("button", "quiet", { onclick: press("export") });
  const bar = element("progress", { class: "vt-bar", hidden: true, "aria-labelledby": id });
  const said = part("span", "bar-text", { role: "status" });
  const trouble = part("p", "verdict", { role: "alert" });
  const exported = part("p", "waits", { role: "status" });
  const forest = part("div", "plot", { role: "img" });
  const empty = part("p", "waits");

  el.replaceChildren(element("section", {
    class: "vt-card vt-panel", "aria-labelledby": id, "data-lm-suppress-shortcuts": "true",
    onkeydown: (event) => event.stopPropagation(),
  },
    element("header", {}, title, element("div", { class: "vt-facts" }, badge)), asleep,
    list, selects, estimate, element("div", { class: "vt-row" }, run, cancel, save),
    element("div", { class: "vt-row vt-progress" }, bar, said), trouble, exported, forest, empty));

  let drawn = "";
  function drawChoices(view) {
    const key = JSON.stringify([view.workloads.map((work) => work.name), view.labels.workloads]);
    if (key === drawn) return;
    drawn = key;
    list.replaceChildren(element("legend", {}, view.labels.workloads));
    for (const work of view.workloads) {
      const box = element("input", { type: "checkbox", value: work.name, onchange: chosen });
      const about = element("span", { class: "vt-about" }, work.isolates);
      list.append(element("label", { title: work.expects }, box, element("span", {}, work.title), about));
    }
  }
  const chosen = () => send("choose", [...list.querySelectorAll("input:checked")].map((box) => box.value));

  function select(label, options, value, changed) {
    const made = element("select", { onchange: (event) => changed(event.target.value) });
    for (const [name, text] of options) made.append(element("option", { value: name }, text));
    made.value = value;
    return element("label", { class: "vt-select" }, label, made);
  }
  let shown = "";
  function drawSelects(view) {
    const key = JSON.stringify([view.a, view.b, view.budget, view.labels.first]);
    if (key === shown) return;
    shown = key;
    const places = view.places.map((place) => [place.name, place.title]);
    const hadFocus = [...selects.querySelectorAll("select")].indexOf(document.activeElement);
    selects.replaceChildren(
      select(view.labels.first, places, view.a, (value) => send("places", [value, view.b])),
      select(view.labels.second, places, view.b, (value) => send("places", [view.a, value])),
      select(view.labels.budget, view.budgets.map((seconds) => [seconds, `${seconds} s`]), view.budget,
        (value) => send("budget", Number(value))));
    if (hadFocus >= 0) selects.querySelectorAll("select")[hadFocus].focus();
  }

  function update() {
    const view = model.get("view");
    if (!view || !view.labels) return;
    const labels = view.labels;
    const sleeping = kernel.sleeping();
    title.textContent = labels.title;
    badge.textContent = view.engine;
    asleep.textContent = labels.asleep;
    asleep.hidden = !sleeping;
    drawChoices(view);
    drawSelects(view);
    const busy = Boolean(view.busy);
    const picked = new Set(view.workloads.filter((work) => work.chosen).map((work) => work.name));
    for (const box of list.querySelectorAll("input")) {
      box.checked = picked.has(box.value);
      box.disabled = busy || sleeping;
    }
    for (const each of selects.querySelectorAll("select")) each.disabled = busy || sleeping;
    estimate.textContent = [view.floor, view.estimate].filter(Boolean).join(" ");
    estimate.hidden = busy;
    run.textContent = view.busy || labels.run;
    run.setAttribute("aria-disabled", String(sleeping || !view.run));
    cancel.textContent = labels.cancel;
    cancel.hidden = !busy;
    save.textContent = labels.export;
    save.setAttribute("aria-disabled", String(sleeping || busy || !view.forest));
    bar.hidden = !(busy && view.total);
    bar.max = view.total || 1;
    bar.value = view.done;
    said.textContent = [bar.hidden ? "" : filled(labels.pairs, view), view.text, view.left].filter(Boolean).join(" · ");
    trouble.textContent = view.trouble;
    trouble.hidden = !view.trouble;
    exported.textContent = view.exported;
    exported.hidden = !view.exported;
    forest.setAttribute("aria-label", labels.forest);
    if (forest.dataset.seen !== String(view.forest.length) + view.forest.slice(-400)) {
      forest.innerHTML = view.forest;
      forest.dataset.seen = String(view.forest.length) + view.forest.slice(-400);
    }
    forest.hidden = !view.forest;
    empty.textContent = labels.empty;
    empty.hidden = Boolean(view.forest);
  }

  update();
  return kernel.close;
}

export default { render };
