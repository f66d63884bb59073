"use strict";
// Steps through interleavings. Each reads its data when it is first stepped through; all that it shows is text.
const MOST = 24; // places shown at once
const ROWS = 500; // events that are unfolded at once

class Story {
  constructor(element) {
    this.element = element;
    this.id = element.id;
    this.panel = element.querySelector(".panel");
    this.range = element.querySelector("input");
    this.number = 0;
    this.last = Number(this.range.max);
    if (!this.last) return;
    this.panel.hidden = false;
    element.querySelector(".previous").onclick = () => this.step(this.number - 1);
    element.querySelector(".next").onclick = () => this.step(this.number + 1);
    this.range.oninput = () => this.step(Number(this.range.value));
    element.onclick = () => { current = this; };
    for (const fold of element.querySelectorAll(".fold")) this.foldable(fold);
    this.show();
  }

  get data() {
    this.read ??= JSON.parse(this.element.querySelector(".data").textContent);
    return this.read;
  }

  step(number, { link = true } = {}) {
    this.number = Math.min(Math.max(number, 0), this.last);
    current = this;
    this.show();
    const row = this.row();
    row?.scrollIntoView({ block: "nearest" });
    const hash = this.number ? `#${this.id}-e${this.number}` : `#${this.id}`;
    if (link && location.hash !== hash) history.replaceState(null, "", hash);
  }

  row() {
    const direct = document.getElementById(`${this.id}-e${this.number}`);
    if (direct || !this.number) return direct;
    const folds = this.element.querySelectorAll(".fold[data-last]");
    return [...folds].find((fold) => firstOf(fold) <= this.number && this.number <= Number(fold.dataset.last));
  }

  foldable(fold) {
    const button = fold.querySelector(".unfold");
    button.hidden = false;
    button.onclick = () => this.unfold(fold);
  }

  unfold(fold) {
    const first = firstOf(fold), last = Number(fold.dataset.last), end = Math.min(last, first + ROWS - 1);
    const rows = [];
    for (let number = first; number <= end; number++) rows.push(this.unfolded(number));
    if (end < last) {
      const rest = fold.cloneNode(true);
      rest.id = `${this.id}-e${end + 1}`;
      rest.classList.remove("picked");
      rest.querySelector(".what").textContent = `events ${end + 1} to ${last}`;
      this.foldable(rest);
      rows.push(rest);
    }
    fold.querySelector(".unfold").remove();
    fold.removeAttribute("id");
    delete fold.dataset.last;
    fold.after(...rows);
    this.show();
    document.getElementById(`${this.id}-e${first}`).querySelector("a").focus({ preventScroll: true });
  }

  unfolded(number) {
    const { texts, contexts, code, events } = this.data;
    const [context, place, line, , instruction] = code[events[number - 1][0]];
    const row = document.createElement("li");
    row.id = `${this.id}-e${number}`;
    row.className = "event unfolded";
    const at = piece("a", "n", String(number)), c = piece("span", "c", "");
    at.href = `#${row.id}`;
    at.ariaLabel = `event ${number}`;
    c.append(piece("span", "at", texts[place]), " ", piece("code", "", texts[line]));
    row.append(at, piece("b", "who", texts[contexts[context]]), c, piece("code", "i", texts[instruction]), piece("span", "did", texts[events[number - 1][1]]));
    return row;
  }

  show() {
    this.range.value = this.number;
    for (const row of this.element.querySelectorAll(".picked")) {
      row.classList.remove("picked");
      row.removeAttribute("aria-current");
    }
    const row = this.row();
    row?.classList.add("picked");
    row?.setAttribute("aria-current", "step");
    this.element.querySelector(".previous").ariaDisabled = this.number === 0;
    this.element.querySelector(".next").ariaDisabled = this.number === this.last;
    const where = this.number ? `event ${this.number} of ${this.last}` : `before the first of ${this.last} event${this.last === 1 ? "" : "s"}`;
    this.element.querySelector(".now").textContent = this.number ? `${where}: ${this.told(this.number)}` : where;
    this.showMemory();
    this.showContexts();
  }

  told(number) {
    const { texts, contexts, code, events } = this.data;
    const [context, , , , instruction] = code[events[number - 1][0]];
    const did = texts[events[number - 1][1]];
    return `${texts[contexts[context]]}: ${texts[instruction]}${did ? `: ${did}` : ""}`;
  }

  showMemory() {
    const { texts, places, overlaps, initial, events } = this.data;
    const now = initial.map((value) => (value < 0 ? null : texts[value]));
    const touched = new Map();
    for (let index = 0; index < this.number; index++) {
      const event = events[index];
      for (let at = 2; at < event.length; at += 2) {
        const place = event[at], value = texts[event[at + 1]];
        if (now[place] !== value) for (const other of overlaps[place]) now[other] = null;
        now[place] = value;
        touched.set(place, index);
      }
    }
    let shown = places.map((_, place) => place);
    if (shown.length > MOST) {
      shown.sort((one, other) => (touched.get(other) ?? -1) - (touched.get(one) ?? -1));
      shown = shown.slice(0, MOST).sort((one, other) => one - other);
    }
    const rows = shown.map((place) => [texts[places[place]], now[place] ?? "?", this.number && touched.get(place) === this.number - 1]);
    fill(this.element.querySelector(".memory tbody"), rows);
  }

  showContexts() {
    const { texts, contexts, code, events, ends } = this.data;
    const at = contexts.map(() => null);
    let end = 0;
    for (let index = 0; index < this.number; index++) {
      while (end < ends.length && ends[end][0] <= index) at[ends[end++][1]] = null;
      at[code[events[index][0]][0]] = events[index][0];
    }
    const running = this.number ? code[events[this.number - 1][0]][0] : -1;
    const rows = contexts.map((name, context) => {
      if (at[context] === null) return [texts[name], "–", false];
      const [, place, line] = code[at[context]];
      return [texts[name], `${texts[place]} ${texts[line]}`, context === running];
    });
    fill(this.element.querySelector(".contexts tbody"), rows.slice(0, MOST));
  }
}

function firstOf(fold) {
  return Number(fold.id.split("-e")[1]);
}

function piece(tag, kind, text) {
  const made = document.createElement(tag);
  made.className = kind;
  made.textContent = text;
  return made;
}

function fill(body, rows) {
  body.replaceChildren(...rows.map(([name, value, changed]) => {
    const row = document.createElement("tr"), head = document.createElement("th"), cell = document.createElement("td");
    head.scope = "row";
    head.textContent = name;
    cell.textContent = value;
    if (changed) row.className = "changed";
    row.append(head, cell);
    return row;
  }));
}

let current = null;
const stories = [...document.querySelectorAll(".story")].map((element) => new Story(element));
current = stories.find((story) => story.last) ?? null;

function follow() {
  const found = /^#(i\d+)-e(\d+)$/.exec(location.hash);
  const story = found && stories.find((one) => one.id === found[1]);
  if (story?.last) story.step(Number(found[2]), { link: false });
}

const KEYS = {
  ArrowRight: (number) => number + 1, j: (number) => number + 1,
  ArrowLeft: (number) => number - 1, k: (number) => number - 1,
  Home: () => 0, End: (_, last) => last,
};
document.addEventListener("keydown", (event) => {
  const move = KEYS[event.key];
  if (!move || !current || event.ctrlKey || event.altKey || event.metaKey || event.target.tagName === "INPUT") return;
  event.preventDefault();
  current.step(move(current.number, current.last));
});
addEventListener("hashchange", follow);
follow();
