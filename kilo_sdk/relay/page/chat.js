// The page: a conversation that is kept in this tab, and one answer at a time.

import { Markdown } from "./markdown.js";
import { Relay, newKey } from "./relay.js";

const $ = (id) => document.getElementById(id);
const TOO_BIG = 1009;
const talk = $("talk");
const scroll = $("scroll");
const box = $("prompt");

// ---- what is kept over a reload --------------------------------------------------------------

const KEPT = "kilo-chat";
let turns = [];
try {
  turns = JSON.parse(sessionStorage.getItem(KEPT)) ?? [];
} catch {
  turns = [];
}

function keep() {
  try {
    sessionStorage.setItem(KEPT, JSON.stringify(turns));
  } catch {
    // The tab's room is used up: the conversation goes on, and a reload forgets it.
  }
}

let keepTimer = null;
function keepSoon() {
  keepTimer ??= setTimeout(() => {
    keepTimer = null;
    keep();
  }, 400);
}

const pending = () => turns.find((turn) => turn.role === "assistant" && turn.state === "writing");

// ---- what is shown ---------------------------------------------------------------------------

function element(name, className, ...inner) {
  const node = document.createElement(name);
  if (className) node.className = className;
  node.append(...inner);
  return node;
}

function button(label, action) {
  const node = element("button", "", label);
  node.type = "button";
  node.addEventListener("click", action);
  return node;
}

const views = new WeakMap();

function viewOf(turn) {
  if (views.has(turn)) return views.get(turn);
  const mine = turn.role === "user";
  const item = element("li", mine ? "turn mine" : "turn theirs");
  item.append(element("span", "unseen", mine ? "You: " : "Answer: "));
  const said = element("div", "said");
  const view = { item, said, announced: 0 };
  if (mine) {
    said.textContent = turn.text;
  } else {
    view.thinking = element("div", "inner");
    view.thought = element("details", "thought", element("summary", ""), view.thinking);
    view.waiting = element("div", "waiting", element("i"), element("i"), element("i"));
    view.about = element("div", "about");
    view.trouble = element("div", "trouble");
    view.markdown = new Markdown(said);
    item.append(view.thought, view.waiting);
  }
  item.append(said);
  if (!mine) item.append(view.trouble, view.about);
  views.set(turn, view);
  talk.append(item);
  return view;
}

function money(cost) {
  const dollars = Number(cost);
  return dollars === 0 ? "free" : dollars < 0.01 ? `$${dollars.toPrecision(2)}` : `$${dollars.toFixed(2)}`;
}

function aboutOf(turn) {
  const facts = [];
  if (turn.state === "cancelled") facts.push("Stopped");
  if (turn.finish === "length") facts.push("Cut at the longest length");
  if (turn.model) facts.push(turn.model);
  const usage = turn.usage ?? {};
  if (usage.completion_tokens !== undefined) {
    facts.push(`${usage.estimated ? "about " : ""}${usage.completion_tokens} tokens`);
  }
  if (usage.cost !== undefined) facts.push(money(usage.cost));
  return facts;
}

function show(turn) {
  const view = viewOf(turn);
  if (turn.role === "user") return;
  const writing = turn.state === "writing";
  view.item.classList.toggle("writing", writing);
  view.item.setAttribute("aria-busy", String(writing));
  view.waiting.hidden = !writing || Boolean(turn.text);
  view.thought.hidden = !turn.reasoning;
  if (turn.reasoning) {
    const summary = writing && !turn.text ? "Thinking…" : "Reasoning";
    const label = view.thought.firstElementChild;
    if (label.textContent !== summary) label.textContent = summary;
    if (view.thinking.textContent !== turn.reasoning) view.thinking.textContent = turn.reasoning;
  }
  view.markdown.update(turn.text);
  if (writing) announceBlocks(view);
  view.trouble.hidden = turn.state !== "failed";
  if (turn.state === "failed") {
    const words = element("span", "", turn.words);
    view.trouble.replaceChildren(words, button("Ask again", () => askAgain(turn)));
  }
  view.about.hidden = writing;
  if (!writing) {
    const facts = aboutOf(turn).map((fact) => element("span", "", fact));
    const copy = button("Copy", (event) => copyText(turn.text, event.currentTarget));
    view.about.replaceChildren(...facts, ...(turn.text ? [copy] : []));
  }
}

let frameAsked = null;
const changed = new Set();
function showSoon(turn) {
  changed.add(turn);
  frameAsked ??= requestAnimationFrame(showChanged);
}

function showChanged() {
  frameAsked = null;
  const follow = isAtEnd();
  for (const turn of changed) show(turn);
  changed.clear();
  $("empty").hidden = turns.length > 0;
  $("send").hidden = Boolean(pending());
  $("stop").hidden = !pending();
  if (follow) toEnd();
}

const isAtEnd = () => scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 80;
const toEnd = () => (scroll.scrollTop = scroll.scrollHeight);

// ---- what is said to a screen reader ---------------------------------------------------------

function announce(text) {
  if (!text.trim()) return;
  $("say").append(element("p", "", text));
  while ($("say").children.length > 30) $("say").firstElementChild.remove();
}

// A block once it is whole: words one by one would be cut off by the next.
function announceBlocks(view, all = false) {
  const blocks = view.said.children;
  for (; view.announced < blocks.length - (all ? 0 : 1); view.announced += 1) {
    announce(blocks[view.announced].textContent);
  }
}

// ---- what is asked ---------------------------------------------------------------------------

const messages = () =>
  turns
    .filter((turn) => turn.role === "user" || (turn.state !== "writing" && (turn.message || turn.text)))
    .map((turn) => turn.message ?? { role: turn.role, content: turn.text });

function ask(text) {
  if (pending()) return;
  turns.push({ role: "user", text });
  begin();
}

function begin() {
  const turn = { role: "assistant", state: "writing", key: newKey(), seq: 0, text: "", reasoning: "" };
  turn.asked = messages();
  turn.wanted = $("model").value || undefined;
  turns.push(turn);
  keep();
  for (const one of turns.slice(-2)) viewOf(one);
  showSoon(turn);
  toEnd();
  prompt(turn);
}

function askAgain(failed) {
  if (pending()) return;
  const at = turns.indexOf(failed);
  for (const gone of turns.splice(at)) viewOf(gone).item.remove();
  begin();
}

// Sent again after a lost socket, it is not answered twice: its key is the same.
function prompt(turn) {
  const fields = { messages: turn.asked, model: turn.wanted, reasoning: "low" };
  relay.say({ type: "prompt", v: 1, id: turn.key, key: turn.key, ...fields });
}

function stop() {
  const turn = pending();
  if (!turn) return;
  if (turn.stream && relay.say({ type: "cancel", stream: turn.stream })) return;
  end(turn, { state: "cancelled" });
}

function goOn() {
  const turn = pending();
  if (!turn) return;
  if (turn.stream) relay.say({ type: "resume", stream: turn.stream, after: turn.seq });
  else prompt(turn);
}

// What the server does not take is not sent to it for ever.
function closed(code) {
  const turn = pending();
  if (code !== TOO_BIG || !turn || turn.stream) return;
  end(turn, { state: "failed", words: "This conversation is too long to be sent. Begin a new chat." });
}

function end(turn, facts) {
  Object.assign(turn, facts);
  delete turn.asked;
  show(turn);
  announceBlocks(viewOf(turn), true);
  announce({ done: "End of the answer.", cancelled: "Stopped.", failed: turn.words ?? "" }[turn.state]);
  keep();
  showSoon(turn);
}

function take(frame) {
  const turn = pending();
  const isOurs = turn && (frame.stream ? frame.stream === turn.stream || frame.request === turn.key : frame.request === turn.key);
  if (!isOurs) {
    // Stopped before it had an id.
    if (frame.type === "start") relay.say({ type: "cancel", stream: frame.stream });
    return;
  }
  if (frame.type === "start") {
    if (turn.seq === 0) announce("Answering.");
    turn.stream = frame.stream;
    turn.seq = Math.max(turn.seq, frame.seq);
  } else if (frame.seq === 0) {
    const lost = frame.code === "unknown_stream";
    const words = "This answer was lost: the server was started anew, or it is too long ago.";
    end(turn, { state: "failed", words: lost ? words : sentence(frame.text) });
    return;
  } else if (frame.seq <= turn.seq && frame.state !== "cut") {
    return;
  } else {
    turn.seq = frame.seq;
    if (frame.type === "text") turn.text += frame.text;
    else if (frame.type === "reasoning") turn.reasoning += frame.text;
    else if (frame.type === "usage") turn.usage = frame.usage;
    else if (frame.type === "done") {
      const { state, finish_reason: finish, model, message } = frame;
      end(turn, { state, finish, model, message, usage: frame.usage ?? turn.usage });
      return;
    } else if (frame.type === "error") {
      end(turn, { state: "failed", words: sentence(frame.text), usage: frame.usage });
      return;
    }
  }
  keepSoon();
  showSoon(turn);
}

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1) + ".";

// ---- the connection --------------------------------------------------------------------------

const STATES = {
  open: () => "Connected",
  connecting: () => "Connecting",
  closed: (seconds) => `No connection, next try in ${seconds} s`,
  refused: () => "The server does not let this page in",
};

// In their order, before anything new can come for one of them.
for (const turn of turns) show(turn);
showChanged();
toEnd();

const url = new URL("ws", location.href);
url.protocol = url.protocol.replace("http", "ws");
const relay = new Relay(url, {
  state(name, seconds) {
    $("state").dataset.state = name === "refused" ? "closed" : name;
    const text = STATES[name](seconds);
    if ($("state-text").textContent !== text) $("state-text").textContent = text;
    $("send").disabled = name !== "open";
  },
  open: goOn,
  closed,
  frame: take,
});

// ---- hands and keys --------------------------------------------------------------------------

function fit() {
  box.style.height = "auto";
  box.style.height = `${box.scrollHeight}px`;
}

$("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = box.value.trim();
  if (!text || pending() || !relay.isOpen) return;
  box.value = "";
  fit();
  ask(text);
});
box.addEventListener("input", fit);
box.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    $("ask").requestSubmit();
  } else if (event.key === "ArrowUp" && !box.value) {
    const last = turns.findLast((turn) => turn.role === "user");
    if (last) {
      event.preventDefault();
      box.value = last.text;
      fit();
    }
  }
});
document.addEventListener("keydown", (event) => event.key === "Escape" && stop());
$("stop").addEventListener("click", () => {
  stop();
  box.focus();
});
$("fresh").addEventListener("click", () => {
  stop();
  turns = [];
  talk.replaceChildren();
  $("say").replaceChildren();
  keep();
  $("empty").hidden = false;
  $("stop").hidden = true;
  $("send").hidden = false;
  box.focus();
});
for (const idea of document.querySelectorAll(".idea")) {
  idea.addEventListener("click", () => {
    box.value = idea.textContent;
    box.focus();
    $("ask").requestSubmit();
  });
}
scroll.addEventListener("scroll", () => ($("latest").hidden = isAtEnd()), { passive: true });
$("latest").addEventListener("click", toEnd);

async function copyText(text, label) {
  let word = "Copied";
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    word = "Not allowed";
  }
  label.textContent = word;
  setTimeout(() => (label.textContent = "Copy"), 1500);
}
talk.addEventListener("click", (event) => {
  if (event.target.dataset?.copy === "code") {
    copyText(event.target.closest(".fence").querySelector("code").textContent, event.target);
  }
});

const theme = localStorage.getItem("kilo-theme");
if (theme) document.documentElement.dataset.theme = theme;
$("theme").addEventListener("click", () => {
  const dark = getComputedStyle(document.documentElement).colorScheme === "dark";
  document.documentElement.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("kilo-theme", dark ? "light" : "dark");
});

window.addEventListener("pagehide", keep);

async function offeredModels() {
  try {
    return await (await fetch("models.json")).json();
  } catch {
    return []; // The server is away: it chooses when it is back.
  }
}

const offered = await offeredModels();
$("model").replaceChildren(...offered.map((ref) => element("option", "", ref)));
const chosen = localStorage.getItem("kilo-model");
if (offered.includes(chosen)) $("model").value = chosen;
$("model").addEventListener("change", () => localStorage.setItem("kilo-model", $("model").value));
