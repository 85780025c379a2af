// The badge: one line, kept true.

function render({ model, el }) {
  const line = part("p", "badge-line", { role: "status" });
  const update = () => (line.textContent = model.get("text"));
  const leave = toFront(model, el);
  model.on("change:text", update);
  update();
  el.replaceChildren(line);
  return () => {
    model.off("change:text", update);
    leave();
  };
}

export default { render };
