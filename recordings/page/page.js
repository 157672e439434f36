/*
 * Draws a recording: its audio, what was said with the time that each stage took, and its events.
 * The console's tree of JSON stands before this script (`recordings/page.py`).
 */

const recording = JSON.parse(document.getElementById("recording").textContent);
const audio = document.getElementById("audio");
/** Events that are listed at once; a search finds all. */
const MOST_LISTED = 2000;

/** What the console's modules make elements with. */
function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child || child === ""));
  return element;
}

function clock(ms) {
  const minutes = Math.floor(ms / 60000);
  return `${minutes}:${((ms - minutes * 60000) / 1000).toFixed(3).padStart(6, "0")}`;
}

function playFrom(ms) {
  if (!audio) return;
  audio.currentTime = ms / 1000;
  audio.play();
}

/** A time that can be played from, where there is audio. */
function moment(ms) {
  if (!audio) return h("time", {}, clock(ms));
  return h("button", { type: "button", className: "time mono", title: "Play from here", onclick: () => playFrom(ms) }, clock(ms));
}

function about() {
  const { began, model, stack, dialect, server, stages = {} } = recording.header;
  const facts = [began, model, stack && `stack ${stack}`, dialect, `${(recording.length / 1000).toFixed(1)} s`, server && `server ${server}`];
  document.getElementById("about").textContent = [...facts, ...Object.entries(stages).map(([name, label]) => `${name}: ${label}`)]
    .filter(Boolean)
    .join(" · ");
  let end = `The session ended: ${recording.ended}.`;
  if (recording.stopped) end = `The recording ended before the session: ${recording.stopped}.`;
  if (recording.cutOff) end = `The rest is missing behind line ${recording.cutOff}.`;
  for (const track of recording.missing) end += ` ${track} is missing, and so silent.`;
  document.getElementById("end").textContent = end;
}

// --- the conversation ------------------------------------------------------------------------

function drawSaid() {
  const longest = Math.max(1, ...recording.said.flatMap(({ bars }) => bars.map((bar) => bar[2])));
  const list = document.getElementById("said");
  for (const one of recording.said) {
    const notes = one.notes.length ? h("span", { className: "soft" }, `(${one.notes.join("; ")})`) : "";
    const head = h("div", { className: "head" }, moment(one.ms), h("strong", {}, one.who), notes);
    list.append(h("li", { className: one.who }, head, h("div", { className: "words" }, one.text), waterfall(one.bars, longest)));
  }
}

function waterfall(bars, longest) {
  if (!bars.length) return "";
  const rows = bars.flatMap(([stage, from, to]) => {
    const bar = h("div", { className: `bar ${stage}`, title: `${Math.round(to - from)} ms` });
    bar.style.left = `${(from / longest) * 100}%`;
    bar.style.width = `${((to - from) / longest) * 100}%`;
    return [h("span", {}, stage.replace("_", " ")), h("div", { className: "track" }, bar), h("span", {}, `${Math.round(to)} ms`)];
  });
  return h("div", { className: "waterfall" }, ...rows);
}

// --- the audio -------------------------------------------------------------------------------

const wave = document.getElementById("wave");

function drawWave() {
  const [user, assistant] = recording.peaks;
  const scale = devicePixelRatio || 1;
  const width = (wave.width = Math.max(1, Math.round(wave.clientWidth * scale)));
  const height = (wave.height = Math.round(wave.clientHeight * scale));
  const pen = wave.getContext("2d");
  const colours = getComputedStyle(document.documentElement);
  const loudest = Math.max(1, ...user.map(Number), ...assistant.map(Number));
  const middle = height / 2;
  for (const [peaks, up, name] of [[user, true, "--user"], [assistant, false, "--accent"]]) {
    pen.fillStyle = resolved(colours.getPropertyValue(name));
    for (let x = 0; x < width; x++) {
      const from = Math.floor((x * peaks.length) / width);
      const to = Math.max(from + 1, Math.floor(((x + 1) * peaks.length) / width));
      let peak = 0;
      for (let at = from; at < to; at++) peak = Math.max(peak, peaks[at] ?? 0);
      const tall = (peak / loudest) * (middle - 2);
      pen.fillRect(x, up ? middle - tall : middle, 1, tall);
    }
  }
  pen.fillStyle = resolved("var(--bad)");
  pen.fillRect((audio.currentTime * 1000 * width) / recording.heard, 0, Math.max(1, scale), height);
  wave.setAttribute("aria-valuemax", (recording.heard / 1000).toFixed(1));
  wave.setAttribute("aria-valuenow", audio.currentTime.toFixed(1));
  wave.setAttribute("aria-valuetext", clock(audio.currentTime * 1000));
}

/** A canvas knows no variables, and no light-dark(). */
function resolved(colour) {
  wave.style.color = colour;
  return getComputedStyle(wave).color;
}

function markSaid() {
  const now = audio.currentTime * 1000;
  let last = -1;
  recording.said.forEach((one, index) => {
    if (one.ms <= now) last = index;
  });
  [...document.getElementById("said").children].forEach((item, index) => item.classList.toggle("now", index === last && !audio.paused));
}

function beginAudio() {
  document.getElementById("sound").hidden = false;
  wave.addEventListener("click", (event) => playFrom((event.offsetX / wave.clientWidth) * recording.heard));
  wave.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -5, ArrowRight: 5 }[event.key];
    if (step) audio.currentTime = Math.max(0, audio.currentTime + step);
    if (event.key === " ") audio.paused ? audio.play() : audio.pause();
    if (step || event.key === " ") event.preventDefault();
  });
  for (const name of ["timeupdate", "seeked", "play", "pause"]) {
    audio.addEventListener(name, () => {
      drawWave();
      markSaid();
    });
  }
  new ResizeObserver(drawWave).observe(wave);
}

// --- the events ------------------------------------------------------------------------------

const rows = recording.rows.map((row) => {
  const { t: ms, from, event, ...rest } = row;
  const name = event?.type ?? (row.appends ? `input_audio_buffer.append ×${row.appends.length}` : row.turn ? "turn" : row.silenced ? "silenced" : "no event");
  const { type: _type, event_id: _id, ...fields } = event ?? {};
  const gist = JSON.stringify(event ? fields : row.appends ? row.audio : rest);
  return { ms, from, name, gist, shown: event ? { ...event, ...rest } : rest, found: `${name} ${JSON.stringify(row)}`.toLowerCase() };
});

function drawEvents() {
  const words = document.getElementById("search").value.trim().toLowerCase();
  const wanted = rows.filter(({ from, found }) => document.getElementById(from)?.checked && found.includes(words));
  const shown = wanted.slice(0, MOST_LISTED);
  document.getElementById("events").replaceChildren(...shown.map((row) => drawRow(row, words)));
  const more = wanted.length > shown.length ? `; the first ${shown.length} are shown` : "";
  document.getElementById("count").textContent = `${wanted.length} of ${rows.length}${more}`;
}

function drawRow(row, words) {
  const arrow = { client: "→", server: "←" }[row.from] ?? "·";
  const summary = h("summary", {}, h("time", {}, clock(row.ms)), h("span", { className: "from" }, arrow), h("span", {}, ...marked(row.name, words)), h("span", { className: "gist mono" }, ...marked(row.gist.slice(0, 300), words)));
  const details = h("details", {}, summary);
  details.addEventListener("toggle", () => {
    if (details.open && details.childElementCount === 1) details.append(h("div", { className: "json" }, jsonTree(row.shown)));
  });
  return h("li", { className: row.from }, details);
}

/** A text, with the words that were searched for marked. */
function marked(text, words) {
  const at = words ? text.toLowerCase().indexOf(words) : -1;
  if (at < 0) return [text];
  return [text.slice(0, at), h("mark", {}, text.slice(at, at + words.length)), text.slice(at + words.length)];
}

about();
drawSaid();
drawEvents();
if (audio) beginAudio();
document.querySelector(".search").addEventListener("input", drawEvents);
