// Every volume with its owner, drawn from one plain view object; every click is a message.

function render({ model, el }) {
  const kernel = toKernel(model, el, () => update());
  const send = kernel.send;
  const id = freshId();
  const title = part("h3", "title", { id });
  const badge = part("span", "minutes");
  const asleep = part("p", "banner", { role: "status", hidden: true });
  const wide = part("div", "wide", { tabindex: "0", role: "region", "aria-labelledby": id });
  const hint = part("p", "waits");
  const press = (action) => pressing(send, action);
  const preview = part("button", "run", { onclick: press("preview") });
  const plan = part("section", "prediction", { hidden: true });
  const said = part("ul", "said", { role: "status", "aria-live": "polite" });
  const trouble = part("p", "verdict", { role: "alert" });

  el.replaceChildren(element("section", {
    class: "vt-card vt-volumes", "aria-labelledby": id, "data-lm-suppress-shortcuts": "true",
    onkeydown: (event) => event.stopPropagation(),
  },
    element("header", {}, title, element("div", { class: "vt-facts" }, badge)), asleep, wide, hint,
    element("div", { class: "vt-row" }, preview), plan, said, trouble));

  const ticked = () => send("tick", [...wide.querySelectorAll("input:checked")].map((box) => box.value));
  let drawn = "";
  function drawRows(view) {
    const key = JSON.stringify([view.rows, view.heads]);
    if (key === drawn) return;
    drawn = key;
    const focused = document.activeElement?.value;
    if (!view.rows.length) {
      wide.replaceChildren(element("p", { class: "vt-waits" }, view.labels.none));
      return;
    }
    const head = element("tr", {}, element("td", {}), ...view.heads.map((text) => element("th", { scope: "col" }, text)));
    const body = view.rows.map((row) => {
      const box = element("input", {
        type: "checkbox", value: row.name, onchange: ticked, "aria-label": filled(view.labels.tick, { name: row.name }),
      });
      box.disabled = !row.mine;
      return element("tr", { class: row.mine ? "" : "vt-theirs", title: row.why || row.name }, element("td", {}, box),
        element("th", { scope: "row" }, element("code", {}, row.cells[0])),
        ...row.cells.slice(1).map((text) => element("td", {}, text)));
    });
    wide.replaceChildren(element("table", { class: "vt-table" }, element("thead", {}, head), element("tbody", {}, ...body)));
    for (const box of wide.querySelectorAll("input")) if (box.value === focused) box.focus();
  }

  let planned = "";
  function drawPlan(view) {
    const key = JSON.stringify(view.preview);
    if (key === planned) return;
    planned = key;
    const asked = view.preview;
    plan.hidden = !asked;
    plan.replaceChildren();
    if (!asked) return;
    if (asked.code) plan.append(element("h4", {}, view.labels.commands), shell(asked.code));
    if (asked.kept.length) plan.append(element("h4", {}, view.labels.kept),
      element("ul", {}, ...asked.kept.map((text) => element("li", {}, text))));
    const back = element("button", { onclick: () => send("back") }, view.labels.back);
    const yes = element("button", { class: "vt-confirm", onclick: () => send("remove", asked.names) }, asked.yes);
    plan.append(element("div", { class: "vt-row" }, ...(asked.code ? [yes, back] : [back])));
    back.focus();
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
    drawRows(view);
    for (const box of wide.querySelectorAll("input")) box.checked = view.ticked.includes(box.value);
    hint.textContent = labels.choose;
    hint.hidden = !view.rows.length;
    preview.textContent = view.busy || labels.preview;
    preview.setAttribute("aria-disabled", String(Boolean(sleeping || view.busy || !view.ticked.length)));
    drawPlan(view);
    said.replaceChildren(...view.said.map((text) => element("li", {}, text)));
    said.hidden = !view.said.length;
    trouble.textContent = view.trouble;
    trouble.hidden = !view.trouble;
  }

  update();
  return kernel.close;
}

export default { render };
