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

// Tells the kernel when its notebook comes to the front, so that the terminals follow: when its tab is shown, and when
// somebody turns to it where two stand side by side. The page's clock says which of two kernels was told last. Each
// view could tell it; the first one does, and whichever hears its kernel tells it again until it was heard.
function toFront(model, el) {
  let page = null;
  let shown = false;
  const send = (at) => {
    try {
      model.send({ front: at });
    } catch {
      // Its kernel is being restarted; what was not heard is sent again.
    }
  };
  const tell = () => {
    const { at = 0 } = page.voltutorFront ?? {};
    if (Date.now() - at < 200) return;
    page.voltutorFront = { at: Date.now(), heard: false };
    send(page.voltutorFront.at);
  };
  const look = () => {
    const now = el.getClientRects().length > 0 && document.visibilityState === "visible";
    if (now && !page) {
      page = el.closest(".jp-NotebookPanel") ?? el;
      page.addEventListener("pointerdown", tell, true);
      page.addEventListener("focusin", tell, true);
    }
    if (now && !shown) tell();
    shown = now;
  };
  const heard = (message) => {
    const front = page?.voltutorFront;
    if (!front || front.heard) return;
    if (message.fronted === front.at) front.heard = true;
    else if (message.beat) send(front.at);
  };
  model.on("msg:custom", heard);
  const watcher = new ResizeObserver(look);
  watcher.observe(el);
  document.addEventListener("visibilitychange", look);
  return () => {
    watcher.disconnect();
    document.removeEventListener("visibilitychange", look);
    page?.removeEventListener("pointerdown", tell, true);
    page?.removeEventListener("focusin", tell, true);
    model.off("msg:custom", heard);
  };
}

// A click in the moment in which the page connects to its kernel may get lost. So each is kept until the
// kernel has acknowledged it, and sent again with the next sign of life; the kernel does an id only once.
function toKernel(model, el, changed) {
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
  const leave = toFront(model, el);
  return {
    send,
    sleeping: () => sleeping,
    unheard: () => unheard,
    close: () => {
      clearInterval(timer);
      leave();
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
