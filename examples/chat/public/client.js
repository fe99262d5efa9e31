/**
 * The page: a client of the server in plain JavaScript, with the stock `phoenix` client from npm.
 *
 * A channel that crashes needs no code here: the stock client hears `phx_error` and rejoins by itself. What follows only
 * shows it. Text of others gets into the page by `textContent`, never as HTML.
 */
import { Socket } from "./phoenix.mjs";

const ROOM = "room:lobby";
const LABS = ["lab:a", "lab:b"];
const MARKS = 30;
const ANSWER_TIMEOUT_MS = 60_000; // the watchdog is faster
/** What was done about an event that the channel itself does not survive, nor its thread. */
const REPLACED = {
  loop: "the watchdog replaced a thread that stood still: ",
  eat_memory: "the watchdog replaced a thread that held too much: ",
  kill_thread: "a thread ended, and was replaced: ",
};
const MAX_LOG = 200;
const MAX_MESSAGES = 200;

const $ = (id) => document.getElementById(id);

// ---- the log ----

const log = $("log");

/** @param {"plain" | "good" | "bad"} kind */
function note(text, kind = "plain") {
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 30;
  const entry = element("p", {}, element("time", {}, clockTime(Date.now())), element("span", {}, text));
  entry.dataset.kind = kind;
  log.append(entry);
  while (log.children.length > MAX_LOG) log.firstChild.remove();
  if (atEnd) log.scrollTop = log.scrollHeight;
}

// ---- the socket ----

const socket = new Socket("/socket");
let openings = 0;
let openSince;

socket.onOpen(() => {
  openings++;
  openSince = performance.now();
  showSocket("open", `open since ${clockTime(Date.now())}`);
  note(openings === 1 ? "socket open" : "socket open again", openings === 1 ? "plain" : "bad");
});
socket.onClose((event) => {
  if (openSince !== undefined) note(`socket closed (code ${event.code}): the server is gone, or the network`, "bad");
  openSince = undefined;
  showSocket("closed", "closed, reconnecting");
});

function showSocket(state, text) {
  $("socket-dot").dataset.state = state;
  $("socket-state").textContent = text;
  $("reconnects").textContent = Math.max(0, openings - 1);
}

// ---- a card for each channel ----

function noteCrash(topic, told = "") {
  note(`phx_error on ${topic}${told}; the socket is open; the stock client waits 1 s`, "bad");
}

class Card {
  joins = 0;
  scheduler;
  #state = "joining";
  #since;
  /** The button pressed last, until something has come of it. */
  #pressed;
  #crashedAt;
  /** When the page asked for the answer it still waits for. */
  #askedAt;
  /** It crashed since the last mark. */
  #hit = false;

  constructor(topic, params = {}) {
    this.topic = topic;
    this.element = $("card").content.firstElementChild.cloneNode(true);
    this.element.setAttribute("aria-label", topic);
    this.#find("h3").textContent = topic;
    this.#find(".strip").append(...Array.from({ length: MARKS }, () => element("i")));
    for (const button of this.#buttons()) button.addEventListener("click", () => this.#press(button));
    $("cards").append(this.element);

    this.channel = socket.channel(topic, params);
    this.channel.onError(() => this.#errored());
    this.#show("joining");
  }

  join() {
    return this.channel
      .join()
      .receive("ok", () => this.#joined())
      .receive("error", ({ reason }) => {
        note(`${this.topic} was not let in: ${reason}`, "bad");
        this.#last(`not let in: ${reason}`);
        this.#show("errored");
      })
      .receive("timeout", () => this.#last("no answer to the join; it tries again"));
  }

  /** Once a second: one mark for what became of the last question, and the next question. */
  tick() {
    if (this.#state !== this.channel.state) this.#show(this.channel.state); // "joining" is all it does not tell
    const joined = this.#state === "joined";
    const late = this.#askedAt !== undefined;
    this.#mark(!joined || this.#hit ? "down" : late ? "late" : "ok");
    this.#hit = false;
    if (!joined) return;
    this.#fact("age", age(this.#since));
    if (late) return this.#answers(`no answer for ${Math.round((performance.now() - this.#askedAt) / 1000)} s`);
    const asked = performance.now();
    this.#askedAt = asked;
    this.#ask("ping", () => {
      this.#askedAt = undefined;
      this.#answers(`answers in ${milliseconds(performance.now() - asked)}`);
    }).receive("timeout", () => {
      if (this.#askedAt === asked) this.#askedAt = undefined;
    });
  }

  /** Which of the others live on the same thread: they share its fate. */
  showNeighbours(all) {
    const others = all.filter((other) => other !== this && other.scheduler === this.scheduler);
    const known = this.scheduler !== undefined;
    this.#fact("neighbours", known ? others.map((other) => other.topic).join(", ") || "nobody here" : "–");
  }

  #joined() {
    this.joins++;
    this.#fact("joins", this.joins);
    this.#since = performance.now();
    this.#fact("age", age(this.#since));
    this.#show("joined");
    const crashedAt = this.#crashedAt;
    this.#crashedAt = undefined;
    const afterMs = performance.now() - crashedAt;
    this.#ask("where", ({ pid, scheduler }) => {
      this.scheduler = scheduler;
      this.#fact("pid", pid);
      this.#fact("scheduler", scheduler);
      this.#find("[data-event=kill_thread]").textContent = `kill scheduler ${scheduler}`;
      showNeighbours();
      if (crashedAt === undefined) return this.#last(`joined as ${pid}`);
      this.#last(`rejoined as a new process after ${seconds(afterMs)}`);
      note(`${this.topic} rejoined with new pid ${pid} on scheduler ${scheduler} after ${seconds(afterMs)}`, "good");
    });
  }

  /** `phx_error`, or the socket is gone. The stock client does the rest. */
  #errored() {
    this.#show("errored");
    this.#askedAt = undefined;
    this.scheduler = undefined;
    for (const name of ["pid", "scheduler", "age"]) this.#fact(name, "–");
    showNeighbours();
    const pressed = this.#pressed;
    this.#pressed = undefined;
    if (!socket.isConnected()) return this.#last("waits for the socket");
    this.#hit = true;
    this.#crashedAt = performance.now();
    const told = pressed ? ` ${milliseconds(this.#crashedAt - pressed.at)} after "${pressed.name}"` : "";
    const what = REPLACED[pressed?.event] ?? "";
    this.#last(`${what}phx_error${told}; the client waits 1 s`);
    noteCrash(this.topic, told);
    if (what !== "") note(`${this.topic}: ${what}all of its channels crashed with it, nobody else's did`);
  }

  #press(button) {
    const { event } = button.dataset;
    const at = performance.now();
    if (event === "ping") {
      this.#ask("ping", () => this.#last(`ping answered in ${milliseconds(performance.now() - at)}`));
      return;
    }
    const name = button.textContent;
    this.#pressed = { event, name, at };
    note(`${this.topic}: ${name}`);
    this.#last(`${name} …`);
    this.#enable(false);
    this.#ask(event, () => {}); // none of these is ever answered
  }

  /** Asks the channel; an answer that comes after the next join is for nobody. */
  #ask(event, answered) {
    const { joins } = this;
    return this.channel.push(event, {}, ANSWER_TIMEOUT_MS).receive("ok", (response) => {
      if (joins === this.joins && this.#state === "joined") answered(response);
    });
  }

  #show(state) {
    this.#state = state;
    this.#find(".dot").dataset.state = state;
    this.#find(".state").textContent = state;
    if (state !== "joined") this.#answers("");
    this.#enable(state === "joined");
  }

  #enable(enabled) {
    for (const button of this.#buttons()) button.disabled = !enabled;
  }

  #mark(kind) {
    const strip = this.#find(".strip");
    const mark = strip.firstElementChild;
    mark.dataset.mark = kind;
    strip.append(mark);
  }

  #answers(text) {
    this.#find(".answers").textContent = text;
  }

  #last(text) {
    this.#find(".last").textContent = text;
  }

  #fact(name, text) {
    this.#find(`[data-fact=${name}]`).textContent = text;
  }

  #buttons() {
    return this.element.querySelectorAll("button");
  }

  #find(selector) {
    return this.element.querySelector(selector);
  }
}

// ---- the room ----

const nameField = $("name");
let name = sessionStorage.getItem("name") ?? `guest-${Math.floor(100 + Math.random() * 900)}`;
nameField.value = name;

// A function, so that a rejoin has the name of the day.
const room = new Card(ROOM, () => ({ name }));
const labs = LABS.map((topic) => new Card(topic));
const cards = [room, ...labs];
const shown = new Set();

nameField.addEventListener("change", () => {
  name = nameField.value.trim() || name;
  nameField.value = name;
  sessionStorage.setItem("name", name);
  room.channel.push("rename", { name });
});

$("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const field = $("body");
  const body = field.value.trim();
  if (body === "") return;
  field.value = "";
  const joined = room.channel.state === "joined";
  $("hint").textContent = joined ? "" : "The room is not joined now; the client keeps this and sends it then.";
  const failed = (why) => {
    $("hint").textContent = why;
    if (field.value === "") field.value = body;
  };
  room.channel
    .push("new_msg", { body })
    .receive("ok", () => {
      $("hint").textContent = "";
    })
    .receive("error", ({ reason }) => failed(`Not sent: ${reason}.`))
    .receive("timeout", () => failed("No answer; it may not have been sent."));
});

room.channel.on("new_msg", showMessage);
room.channel.on("note", ({ text }) => showLine(element("li", { className: "note" }, text)));

function showMessage({ id, name: from, body, at }) {
  if (shown.has(id)) return; // the history of a rejoin holds what is here already
  shown.add(id);
  const avatar = element("span", { className: "avatar", ariaHidden: "true" }, [...from][0].toUpperCase());
  avatar.style.backgroundColor = `hsl(${hue(from)} 42% 34%)`;
  const head = element("span", { className: "from" }, from, element("time", {}, clockTime(at)));
  showLine(element("li", { className: "message" }, avatar, head, element("span", {}, body)));
}

function showLine(line) {
  const box = $("messages-box");
  const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 60;
  $("empty").hidden = true;
  $("messages").append(line);
  while ($("messages").children.length > MAX_MESSAGES) $("messages").firstChild.remove();
  if (atEnd) box.scrollTop = box.scrollHeight;
}

// ---- the stats server ----

const stats = {
  topic: "stats",
  scheduler: undefined,
  pid: undefined,
  since: undefined,
  restarts: 0,
  pressedAt: undefined,
};
const statsChannel = socket.channel("stats");

function showStats({ pid, scheduler, messages, startedAt }) {
  const restarted = stats.pid !== undefined && stats.pid !== pid;
  if (stats.pid !== pid) stats.since = performance.now() - Math.max(0, Date.now() - startedAt);
  Object.assign(stats, { pid, scheduler });
  if (restarted) {
    stats.restarts++;
    const told = stats.pressedAt && `${milliseconds(performance.now() - stats.pressedAt)} after it was asked to crash`;
    note(`stats server restarted by its supervisor as ${pid} ${told ?? "with its thread"}; it counts from 0`, "good");
    stats.pressedAt = undefined;
  }
  $("stats-pid").textContent = pid;
  $("stats-scheduler").textContent = scheduler;
  $("stats-restarts").textContent = stats.restarts;
  $("stats-messages").textContent = messages;
  showNeighbours();
}

function showStatsChannel(state) {
  $("stats-dot").dataset.state = state;
  $("crash-stats").disabled = state !== "joined";
}

statsChannel.on("stats", showStats);
statsChannel.onError(() => {
  showStatsChannel("errored");
  if (socket.isConnected()) noteCrash("stats");
});
$("crash-stats").addEventListener("click", () => {
  stats.pressedAt = performance.now();
  note("stats: crash stats server");
  statsChannel.push("crash", {});
});

// ---- all of it ----

function showNeighbours() {
  for (const card of cards) card.showNeighbours([...cards, stats]);
}

setInterval(() => {
  $("socket-age").textContent = openSince === undefined ? "–" : age(openSince);
  $("stats-age").textContent = stats.since === undefined ? "–" : age(stats.since);
  for (const card of cards) card.tick();
}, 1000);

socket.connect();
room.join().receive("ok", ({ messages }) => messages.forEach(showMessage));
for (const lab of labs) lab.join();
statsChannel.join().receive("ok", (response) => {
  if ($("stats-dot").dataset.state === "errored") note("stats rejoined", "good");
  showStatsChannel("joined");
  showStats(response);
});

// ---- small things ----

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children); // strings become text, never markup
  return made;
}

function clockTime(at) {
  return new Date(at).toLocaleTimeString("en-GB");
}

function age(since) {
  const total = Math.floor((performance.now() - since) / 1000);
  if (total < 60) return `${total} s`;
  const minutes = Math.floor(total / 60);
  return minutes < 60 ? `${minutes} min ${total % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function milliseconds(ms) {
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}

function seconds(ms) {
  return `${(ms / 1000).toFixed(2)} s`;
}

/** A colour of one's own. */
function hue(text) {
  let sum = 0;
  for (const character of text) sum = (sum * 137 + character.codePointAt(0) * 53) % 360;
  return sum;
}
