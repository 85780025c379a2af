// The first minute: two acts side by side, the layers below, and the map of the labs. It decides nothing.

function render({ model, el }) {
  const kernel = toKernel(model, el, () => update());
  const id = freshId();
  const title = part("h3", "title", { id });
  const badge = part("p", "engine", { role: "status" });
  const asleep = part("p", "banner", { role: "status", hidden: true });
  const trouble = part("p", "banner", { role: "alert", hidden: true });
  const first = element("h4");
  const firstText = element("p");
  const write = part("button", "run", { onclick: pressing(kernel.send, "write") });
  const writing = element("div", { class: "vt-row" }, write);
  const said = part("p", "done", { role: "status" });
  const second = element("h4");
  const question = element("p", { id: `${id}-question` });
  const options = part("div", "row", { role: "group", "aria-labelledby": question.id });
  const outcome = part("p", "done", { role: "status" });
  const picture = part("div", "svg");
  const mapTitle = element("h4");
  const next = part("a", "next", { hidden: true });
  const map = part("ul", "map");
  const lacking = part("p", "waits");

  el.replaceChildren(element("section", {
    class: "vt-card vt-start", "aria-labelledby": id, "data-lm-suppress-shortcuts": "true",
    onkeydown: (event) => event.stopPropagation(),
  },
    element("header", {}, title), badge, asleep, trouble,
    element("div", { class: "vt-acts" },
      element("section", {}, first, firstText, writing, said),
      element("section", {}, second, question, options, outcome)),
    picture, element("div", { class: "vt-map-head" }, mapTitle, next), map, lacking));

  const drawn = {};
  // Only what has changed is drawn anew, so that the focus stays where it is.
  const changed = (name, data) => {
    const key = JSON.stringify(data);
    const is = drawn[name] !== key;
    drawn[name] = key;
    return is;
  };

  function update() {
    const view = model.get("view");
    if (!view || !view.labels) return;
    const labels = view.labels;
    const sleeping = kernel.sleeping();
    title.textContent = labels.title;
    badge.textContent = view.engine;
    asleep.textContent = labels.asleep;
    asleep.hidden = !sleeping;
    trouble.innerHTML = view.trouble;
    trouble.hidden = !view.trouble;
    first.textContent = labels.first;
    firstText.textContent = labels["first-text"];
    write.textContent = !view.written && view.busy ? view.busy : labels.write;
    write.setAttribute("aria-disabled", String(sleeping || !view.write));
    // What was done makes room for what came of it; the next thing to do gets the focus.
    const wrote = view.written && document.activeElement === write;
    firstText.hidden = writing.hidden = Boolean(view.written);
    said.innerHTML = view.line;
    second.textContent = labels.second;
    if (changed("question", [view.written, view.question])) {
      question.innerHTML = view.written ? view.question : labels["second-text"];
    }
    const chose = view.removed && options.contains(document.activeElement);
    options.hidden = !view.written || view.removed;
    if (changed("options", [view.options, labels.unknown])) {
      const choice = (text, value, name) =>
        element("button", { class: name, onclick: pressing(kernel.send, "remove", value) }, text);
      options.replaceChildren(...view.options.map((text, index) => choice(text, index, "vt-option")),
        choice(labels.unknown, null, "vt-option vt-quiet"));
    }
    for (const button of options.querySelectorAll("button")) {
      button.setAttribute("aria-disabled", String(sleeping || !view.remove));
    }
    if (wrote) options.querySelector("button")?.focus();
    outcome.innerHTML = [view.outcome, view.gone].filter(Boolean).join(" ");
    if (changed("picture", [view.picture, labels.none])) {
      if (view.picture) {
        const words = drawPicture(picture, view.picture, labels);
        picture.append(words);
      } else picture.replaceChildren(element("p", { class: "vt-waits" }, labels.none));
    }
    mapTitle.textContent = labels.map;
    next.hidden = !view.next;
    if (view.next) {
      next.textContent = view.next.text;
      next.href = `${view.next.id}.ipynb`;
      if (chose) next.focus();
    }
    if (changed("map", view.map)) {
      map.replaceChildren(...view.map.map((lab) => {
        const link = element("a", { href: `${lab.id}.ipynb`, title: lab.title }, lab.id);
        return element("li", {}, link, element("span", { class: "vt-minutes" }, lab.minutes),
          element("span", { class: "vt-here" }, lab.here),
          element("span", { class: "vt-passed", title: labels.passed }, lab.passed));
      }));
    }
    lacking.textContent = view.lacking.join(" ");
    lacking.hidden = !view.lacking.length;
  }

  update();
  return kernel.close;
}

export default { render };
