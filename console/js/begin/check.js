/**
 * The check of the stack: each stage is tried once, when the reader asks for it.
 */

import { h } from "../dom.js";
import { t, tell } from "../texts.js";

/**
 * @typedef {object} Verdict
 * @property {string} stage
 * @property {string[]} stacks The stacks that have it; the default one is `default`.
 * @property {string} provider
 * @property {string} label Empty for who may not know what answers.
 * @property {'yes' | 'no' | '-'} reachable
 * @property {number | null} first_result_ms
 * @property {string} result
 * @property {string | null} error Why it failed, and the remedy.
 */
/** @typedef {import('../app.js').App} App */

/**
 * @param {HTMLElement} root
 * @param {App} app
 * @param {(stage: string, stack: string) => string} label Returns what is known to answer in a stage of a stack, whose name
 *   is empty for the default one.
 * @returns {() => void} Shows the state of the check anew.
 */
export function mount(root, app, label) {
  const button = h("button", { type: "button", text: "begin.check.run", onclick: run });
  const told = h("p", { role: "status", class: "begin-note" });
  const results = h("div");
  root.append(h("p", { class: "begin-note", text: "begin.check.what" }), button, told, results);
  let running = false;

  async function run() {
    if (running) return;
    running = true;
    show();
    const problem = await ask(app);
    running = false;
    show();
    if (problem) told.textContent = problem;
  }

  function show() {
    const check = app.state?.check;
    const busy = running || check?.status === "running";
    button.setAttribute("aria-disabled", String(busy));
    tell(button, busy ? "begin.check.running" : "begin.check.run");
    const verdicts = /** @type {Verdict[]} */ (check?.verdicts ?? []);
    const failed = verdicts.filter(({ error }) => error !== null).length;
    if (busy || !verdicts.length) told.textContent = "";
    else if (failed) tell(told, "begin.check.failed", { count: failed });
    else tell(told, "begin.check.passed");
    told.hidden = !told.textContent;
    results.replaceChildren(...(verdicts.length && !busy ? [table(verdicts, label)] : []));
  }
  return show;
}

/**
 * Let the server check its stack; returns what went wrong with asking, else nothing.
 *
 * @param {App} app
 * @returns {Promise<string>}
 */
async function ask(app) {
  let answer;
  try {
    answer = await fetch("/console/check", { method: "POST", headers: app.headers });
  } catch (error) {
    // What fetch throws where there is no answer.
    if (error instanceof TypeError) return t("begin.unreachable");
    throw error;
  }
  // What stands between may answer in words of its own.
  const body = await answer.json().catch(() => null);
  if (!answer.ok || !body) return body?.error?.message ?? `HTTP ${answer.status}`;
  if (app.state) app.setState({ ...app.state, check: body });
  return "";
}

/**
 * @param {Verdict[]} verdicts
 * @param {(stage: string, stack: string) => string} label
 */
function table(verdicts, label) {
  const several = new Set(verdicts.flatMap(({ stacks }) => stacks)).size > 1;
  const head = ["stage", "verdict", "first"].map((name) =>
    h("th", { scope: "col", text: `begin.check.${name}` }),
  );
  const bodies = verdicts.map((verdict) => {
    const { stage, stacks, provider, error, first_result_ms: first, result } = verdict;
    const outcome = outcomeOf(verdict);
    const took = h("td");
    if (first === null) took.textContent = "–";
    else tell(took, "begin.check.after", { ms: Math.round(first) });
    const what = verdict.label || label(stage, nameOf(stacks)) || provider;
    // The server's words are English in every language of the page.
    const words = h("td", { colSpan: 3, lang: "en" }, h("span", { class: "begin-what" }, what));
    words.append(error ?? result);
    return h(
      "tbody",
      { "data-outcome": outcome },
      h(
        "tr",
        {},
        h(
          "th",
          { scope: "rowgroup" },
          h("span", { text: `begin.stage.${stage.toUpperCase()}` }),
          ...(several ? [h("span", { class: "begin-stacks" }, ` (${stacks.join(", ")})`)] : []),
        ),
        h("td", { class: "begin-outcome", text: `begin.check.is_${outcome}` }),
        took,
      ),
      h("tr", {}, words),
    );
  });
  return h(
    "table",
    { class: "begin-check" },
    h("caption", { class: "unseen", text: "begin.check" }),
    h("thead", {}, h("tr", {}, ...head)),
    ...bodies,
  );
}

/** @param {string[]} stacks */
function nameOf([first = ""]) {
  return first === "default" ? "" : first;
}

/**
 * @param {Verdict} verdict
 * @returns {'good' | 'unreachable' | 'failed'}
 */
function outcomeOf({ error, reachable }) {
  if (error === null) return "good";
  return reachable === "no" ? "unreachable" : "failed";
}
