// The card of one step, drawn from one plain view object. It decides nothing: every click is a message, and
// what is to be seen comes back as the next view.

function duration(seconds) {
  const [value, unit] =
    seconds >= 0.1 ? [seconds, "s"] : seconds >= 1e-3 ? [seconds * 1e3, "ms"] : [seconds * 1e6, "µs"];
  return `${value >= 10 ? value.toFixed(0) : value >= 1 ? value.toFixed(1) : value.toFixed(2)} ${unit}`;
}

// Redraws a region only when its data changed, so that focus, selection and scrolling stay where they are.
function region(node, draw) {
  let seen;
  return (data, ...rest) => {
    const key = JSON.stringify(data);
    if (key === seen) return;
    seen = key;
    node.replaceChildren();
    node.hidden = data == null || (Array.isArray(data) && data.length === 0);
    if (!node.hidden) draw(node, data, ...rest);
  };
}

async function copy(text, button, labels) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without a secure context there is no clipboard; the old way still works.
    const area = element("textarea", { class: "vt-offscreen" });
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  button.textContent = labels.copied;
  setTimeout(() => (button.textContent = labels.copy), 1500);
}

const times = (value) => `${value >= 10 ? value.toFixed(0) : value >= 1 ? value.toFixed(1) : value.toFixed(2)}×`;

function drawPrediction(node, prediction, labels, send) {
  node.append(element("h4", {}, labels.predict));
  const question = element("p", { id: `${node.id}-question` });
  question.innerHTML = prediction.question;
  node.append(question);
  if (prediction.made) {
    const answer = element("p", { class: "vt-guess" });
    answer.innerHTML = prediction.outcome || prediction.yours;
    node.append(answer);
    return;
  }
  const row = element("div", { class: "vt-row", role: "group", "aria-labelledby": question.id });
  if (prediction.kind === "choice") {
    prediction.options.forEach((option, index) =>
      row.append(element("button", { class: "vt-option", onclick: () => send("guess", index) }, option)),
    );
  } else {
    const [low, high] = [Math.log10(prediction.least), Math.log10(prediction.most)];
    const inWords = prediction.kind === "times" ? times : duration;
    const shown = element("output", { class: "vt-value" }, inWords(prediction.start));
    const range = element("input", {
      type: "range", min: low, max: high, step: 0.02, value: Math.log10(prediction.start),
      "aria-labelledby": question.id, "aria-valuetext": inWords(prediction.start),
      oninput: () => {
        shown.textContent = inWords(10 ** range.value);
        range.setAttribute("aria-valuetext", shown.textContent);
      },
    });
    row.append(range, shown,
      element("button", { class: "vt-option", onclick: () => send("guess", 10 ** range.value) }, labels.guess));
  }
  row.append(element("button", { class: "vt-option vt-quiet", onclick: () => send("guess", null) }, labels.unknown));
  node.append(row);
}

function drawLines(node, { lines, code }, labels) {
  const button = element("button", { class: "vt-quiet vt-copy", onclick: () => copy(lines.join("\n"), button, labels) },
    labels.copy);
  node.append(element("div", { class: "vt-code-head" }, element("span", {}, labels.command), button), shell(code));
}

// docker inspect's own table, with a sentence for each value.
function drawMounts(mounts, labels) {
  const all = element("details", { class: "vt-mount-fields", hidden: mounts.length === 0 },
    element("summary", {}, labels.mounts));
  for (const mount of mounts) {
    const body = element("tbody", {}, ...mount.rows.map(([field, value, sentence]) => element("tr", {},
      element("th", { scope: "row" }, field), element("td", {}, element("code", {}, value)), element("td", {}, sentence))));
    all.append(element("table", { class: "vt-table" }, element("caption", {}, mount.title), body));
  }
  return all;
}

function drawAfter(node, after, labels) {
  node.append(element("h4", {}, labels.explanation));
  const text = element("p");
  text.innerHTML = after.explanation;
  node.append(text);
  const pictures = element("div", { class: "vt-pictures" });
  for (const picture of after.pictures) {
    const figure = element("figure", {}, element("figcaption", {}, picture.title));
    const holder = element("div", { class: "vt-svg", "aria-label": picture.title });
    const words = drawPicture(holder, picture, labels);
    reachable(holder);
    figure.append(holder, words);
    pictures.append(figure);
  }
  const times = element("dl", { class: "vt-times" });
  for (const key of ["then", "now"].filter((name) => after[name])) {
    const said = element("dd");
    said.innerHTML = after[key];
    times.append(element("div", {}, element("dt", {}, labels[key]), said));
  }
  node.append(pictures, drawMounts(after.mounts, labels), times, element("details", {}, element("summary", {}, labels.solution),
    element("pre", { class: "vt-code" }, element("code", {}, after.solution.join("\n")))));
}

// What is too wide for a narrow card is scrolled, by the keyboard too.
function reachable(holder) {
  new ResizeObserver(() => {
    const scrolls = holder.scrollWidth > holder.clientWidth;
    if (scrolls) holder.setAttribute("tabindex", "0");
    else holder.removeAttribute("tabindex");
    if (scrolls) holder.setAttribute("role", "group");
    else holder.removeAttribute("role");
  }).observe(holder);
}

function drawPlots(node, plots, labels) {
  node.append(element("h4", {}, labels.figures));
  for (const plot of plots) {
    const figure = element("div", { class: "vt-figure", role: "img", "aria-label": plot.alt });
    figure.innerHTML = plot.svg;
    const holder = element("div", { class: "vt-plot", "aria-label": labels.figures }, figure);
    reachable(holder);
    node.append(holder);
  }
}

function drawFigures(node, figures, labels) {
  const row = (tag, cells) => element("tr", {}, ...cells.map((cell) => element(tag, {}, cell)));
  node.append(element("details", {}, element("summary", {}, labels.table),
    element("table", { class: "vt-table" }, element("thead", {}, row("th", figures.heads)),
      element("tbody", {}, ...figures.rows.map((cells) => row("td", cells))))));
}

function drawAsks(node, asks, send) {
  node.append(element("span", {}, asks.text), " ",
    element("button", { class: "vt-confirm", onclick: () => send("reset", asks.names) }, asks.yes));
}

function render({ model, el }) {
  const kernel = toKernel(model, el, () => update());
  const send = kernel.send;
  const id = freshId();

  const title = part("h3", "title", { id });
  const step = part("span", "step");
  const badge = part("span", "minutes");
  const minutes = part("span", "minutes");
  const pill = part("span", "pill");
  const goal = part("p", "goal");
  const asleep = part("p", "banner", { role: "status", hidden: true });
  const engine = part("p", "banner", { role: "status" });
  const prediction = part("section", "prediction", { id: `${id}-prediction` });
  const lines = part("section", "lines");
  // A button that is off keeps the focus, so that the keyboard does not lose its place in the card.
  const press = (action) => pressing(send, action);
  const run = part("button", "run", { onclick: press("run") });
  const check = part("button", "check", { onclick: press("check") });
  const hint = part("button", "quiet", { onclick: press("hint") });
  const cancel = part("button", "cancel", { onclick: press("cancel") });
  const reset = part("button", "quiet", { onclick: press("reset") });
  const waits = part("p", "waits");
  const unheard = part("p", "waits", { role: "status", hidden: true });
  const asks = part("p", "asks", { role: "alert" });
  const bar = element("progress", { class: "vt-bar", hidden: true, "aria-labelledby": id });
  const barText = part("span", "bar-text");
  const hints = part("section", "hints");
  const log = part("pre", "log", { role: "log", tabindex: "0" });
  const verdict = part("p", "verdict", { role: "status", "aria-live": "polite" });
  const plots = part("section", "plots");
  const figures = part("section", "figures");
  const after = part("section", "after");

  const card = element("section", {
    class: "vt-card", "aria-labelledby": id,
    // Keys belong to the card: JupyterLab's shortcuts stay out, and its notebook, which takes the focus to the
    // active cell at every key that reaches it, sees none.
    "data-lm-suppress-shortcuts": "true",
    onkeydown: (event) => event.stopPropagation(),
  },
    element("header", {}, element("div", {}, step, title), element("div", { class: "vt-facts" }, badge, minutes, pill)),
    asleep, engine, goal, prediction, lines,
    element("div", { class: "vt-row" }, run, cancel, check, hint, reset), waits, unheard, asks,
    element("div", { class: "vt-row vt-progress" }, bar, barText), hints, log, verdict, plots, figures, after);
  el.replaceChildren(card);

  const show = {
    prediction: region(prediction, drawPrediction),
    lines: region(lines, drawLines),
    hints: region(hints, (node, data, labels) => {
      node.append(element("h4", {}, labels.hints));
      const list = element("ol");
      for (const text of data) {
        const item = element("li");
        item.innerHTML = text;
        list.append(item);
      }
      node.append(list);
    }),
    plots: region(plots, drawPlots),
    figures: region(figures, drawFigures),
    asks: region(asks, drawAsks),
    after: region(after, drawAfter),
    // A live region that is hidden until it speaks is not heard: it stays, and is empty.
    verdict: region(verdict, (node, data) => {
      if (!data) return;
      const said = element("span");
      said.innerHTML = data.text;
      node.append(element("strong", {}, data.word), " ", said);
    }),
  };

  let cancelled = false;
  function update() {
    const view = model.get("view");
    if (!view || !view.labels) return;
    const labels = view.labels;
    const sleeping = kernel.sleeping();
    card.dataset.verdict = view.verdict.kind;
    card.dataset.step = view.id;
    title.textContent = view.title;
    step.textContent = filled(labels.step, view);
    badge.textContent = view.badge;
    minutes.textContent = view.minutes;
    pill.textContent = view.verdict.word;
    goal.innerHTML = view.goal;
    asleep.textContent = labels.asleep;
    asleep.hidden = !sleeping;
    engine.innerHTML = view.engine;
    engine.hidden = !view.engine;
    const guessing = prediction.contains(document.activeElement);
    const answering = asks.contains(document.activeElement);
    const hinting = document.activeElement === hint;
    show.prediction(view.prediction, labels, send);
    show.lines(view.code ? { lines: view.lines, code: view.code } : null, labels);
    run.textContent = view.busy || labels.run;
    check.textContent = labels.check;
    cancel.textContent = labels.cancel;
    cancel.hidden = !(view.busy && view.cancel);
    reset.textContent = labels.reset;
    const next = view.hints.length + 1;
    hint.textContent = filled(labels.hint, { n: Math.min(next, view.hint_count), of: view.hint_count });
    hint.hidden = next > view.hint_count;
    waits.textContent = view.waits;
    waits.hidden = !view.waits;
    show.asks(view.asks, send);
    bar.hidden = !(view.busy && view.total);
    bar.max = view.total || 1;
    bar.value = view.done;
    barText.textContent = bar.hidden ? "" : filled(labels.pairs, view);
    show.hints(view.hints, labels);
    const text = view.log.join("\n");
    log.setAttribute("aria-label", labels.log);
    log.hidden = !text;
    if (log.textContent !== text) {
      const before = log.textContent;
      const atEnd = !before || log.scrollTop + log.clientHeight >= log.scrollHeight - 4;
      // What is appended is read out; what is written anew would be read from its beginning.
      if (before && text.startsWith(before)) log.append(text.slice(before.length));
      else log.textContent = text;
      if (atEnd) requestAnimationFrame(() => (log.scrollTop = log.scrollHeight));
    }
    show.verdict(view.verdict.shown ? view.verdict : "");
    show.plots(view.plots, labels);
    show.figures(view.figures, labels);
    show.after(view.after, labels);
    const off = (button, value) => button.setAttribute("aria-disabled", String(Boolean(value)));
    off(run, sleeping || !view.run);
    off(check, sleeping || !view.check);
    off(reset, sleeping || !view.reset);
    off(hint, sleeping || !view.hint);
    off(cancel, sleeping);
    // While a run or a reset is under way a guess would be dropped.
    for (const button of prediction.querySelectorAll("button, input")) button.disabled = sleeping || view.cancel;
    // What had the focus may have gone; the next thing to do gets it.
    if (guessing && !prediction.contains(document.activeElement)) run.focus();
    if (answering && !asks.contains(document.activeElement)) reset.focus();
    if (hinting && hint.hidden) check.focus();
    if (!cancel.hidden) cancelled = document.activeElement === cancel;
    else if (cancelled) {
      cancelled = false;
      run.focus();
    }
    unheard.textContent = labels.unheard;
    unheard.hidden = !kernel.unheard();
    card.classList.toggle("vt-asleep", sleeping);
  }

  update();
  return kernel.close;
}

export default { render };
