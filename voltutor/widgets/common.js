// What every view shares; it stands before the view's own script. Each view is drawn from one plain object, and
// every click is a message to the kernel.

const ASLEEP_AFTER = 6000; // ms without a sign of life
const UNHEARD_AFTER = 3000; // ms without an answer to a click
const STALE_AFTER = 30000; // ms after which a click that nobody heard is given up

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child != null));
  return made;
}

const filled = (text, fields) => text.replace(/\{(\w+)\}/g, (_, name) => fields[name]);

// A click in the moment in which the page connects to its kernel may get lost. So each is kept until the
// kernel has acknowledged it, and sent again with the next sign of life; the kernel does an id only once.
function toKernel(model, changed) {
  const unanswered = new Map();
  let beat = Date.now();
  let sleeping = false;
  let unheard = false;
  const send = (action, value = null) => {
    const message = { action, value, id: Math.random().toString(36).slice(2) };
    // A click that waited for long is no longer meant.
    for (const [id, older] of unanswered) if (Date.now() - older.at > STALE_AFTER) unanswered.delete(id);
    unanswered.set(message.id, { ...message, at: Date.now() });
    model.send(message);
  };
  const look = () => {
    const oldest = Math.min(...[...unanswered.values()].map((message) => message.at));
    const [before, quiet] = [sleeping, unheard];
    sleeping = Date.now() - beat > ASLEEP_AFTER;
    unheard = !sleeping && Date.now() - oldest > UNHEARD_AFTER;
    if (before !== sleeping || quiet !== unheard) changed();
  };
  const heard = (message) => {
    if (message.ack) unanswered.delete(message.ack);
    if (message.beat) {
      beat = Date.now();
      for (const [id, { at, ...lost }] of unanswered) {
        if (Date.now() - at > STALE_AFTER) unanswered.delete(id);
        else model.send(lost);
      }
    }
    look();
  };
  model.on("change:view", changed);
  model.on("msg:custom", heard);
  const timer = setInterval(look, 500);
  return {
    send,
    sleeping: () => sleeping,
    unheard: () => unheard,
    close: () => {
      clearInterval(timer);
      model.off("change:view", changed);
      model.off("msg:custom", heard);
    },
  };
}

// An element of ours by its class.
const part = (tag, name, attributes = {}) => element(tag, { class: `vt-${name}`, ...attributes });

// Lines for a shell, as the kernel made them.
function shell(code) {
  const lines = element("code");
  lines.innerHTML = code;
  return element("pre", { class: "vt-code vt-shell" }, lines);
}

// Draws a picture as the kernel made it; what is given back says the same in words, if there is anything to tell.
function drawPicture(holder, picture, labels) {
  holder.innerHTML = picture.html;
  return element("details", { hidden: !picture.text }, element("summary", {}, labels.words),
    element("pre", { class: "vt-words" }, picture.text));
}

// An id that no other view on the page has.
const freshId = () => `vt-${Math.random().toString(36).slice(2)}`;

// What a button does, unless it is greyed out.
const pressing = (send, action, value = null) => (event) =>
  event.currentTarget.getAttribute("aria-disabled") !== "true" && send(action, value);
