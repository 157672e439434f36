/**
 * All that can be chosen, applied at once while a conversation runs.
 */

import { h } from "../dom.js";
import { language, t, tell } from "../texts.js";
import { deviceFields } from "./devices_panel.js";
import { choice, follow, group, serversOwn, slider, tick, writing } from "./fields.js";
import { mcpServers, tools } from "./tools_panel.js";
import { voiceOptions } from "./voices.js";

/**
 * @param {HTMLElement} root
 * @param {import('../app.js').App} app
 */
export function mount(root, app) {
  root.append(
    h("h2", { text: "section_settings" }),
    group("group_turns", true, ...turnFields(app)),
    group("group_answers", true, ...answerFields(app)),
    group("group_devices", false, ...deviceFields(app)),
    group("group_tools", false, tools(app), mcpServers(app)),
    group("group_connection", false, ...connectionFields(app)),
  );
}

/** @param {import('../app.js').App} app */
function turnFields(app) {
  const own = () => app.stack?.vad ?? {};
  const detector = h(
    "div",
    { class: "group-body" },
    slider(app, "threshold", {
      min: 0.05,
      max: 0.95,
      step: 0.05,
      unit: "",
      own: () => own().threshold ?? 0.5,
    }),
    slider(app, "silence", {
      min: 100,
      max: 2000,
      step: 50,
      unit: " ms",
      own: () => own().silence_duration_ms ?? 500,
    }),
    slider(app, "padding", {
      min: 0,
      max: 1000,
      step: 50,
      unit: " ms",
      own: () => own().prefix_padding_ms ?? 300,
    }),
  );
  const levels = /** @type {const} */ (["auto", "low", "medium", "high"]);
  const eagerness = choice(app, "eagerness", () =>
    levels.map((value) => ({ value, words: t(`eagerness_${value}`) })),
  );
  const kinds = /** @type {const} */ (["server_vad", "semantic_vad", "push_to_talk"]);
  const turns = choice(app, "turns", () =>
    kinds.map((value) => ({ value, words: t(`turns_${value}`) })),
  );
  follow(app, () => {
    detector.hidden = app.settings.turns !== "server_vad";
    eagerness.hidden = app.settings.turns !== "semantic_vad";
  });
  return [turns, detector, eagerness];
}

/** @param {import('../app.js').App} app */
function answerFields(app) {
  const voice = choice(app, "voice", () => [
    serversOwn(),
    ...voiceOptions(app.stack?.voices ?? [], language(), t("voice_other_languages")),
  ]);
  const speed = slider(app, "speed", { min: 0.25, max: 1.5, step: 0.05, unit: "×", own: () => 1 });
  return [voice, speed, tick(app, "spoken"), writing(app, "instructions")];
}

/** @param {import('../app.js').App} app */
function connectionFields(app) {
  const model = choice(app, "model", () => [serversOwn(), ...modelOptions(app.state)]);
  const kinds = /** @type {const} */ (["auto", "webrtc", "websocket"]);
  const transport = choice(app, "transport", () =>
    kinds.map((value) => ({ value, words: t(`transport_${value}`) })),
  );
  const asked = h("p", { class: "soft" });
  const command = h("code", { class: "command" });
  const why = h("p");
  const missing = h("div", { class: "soft" }, why, command);
  follow(app, () => {
    const several = Object.keys(app.state?.stacks ?? {}).length > 0;
    tell(asked, several ? "model_hint_stacks" : "model_hint");
    const webrtc = app.state?.webrtc;
    missing.hidden = !webrtc || webrtc.available;
    tell(why, webrtc?.install ? "webrtc_missing" : "webrtc_unavailable", {
      reason: webrtc?.reason ?? "",
    });
    command.textContent = webrtc?.install ?? "";
    command.hidden = !webrtc?.install;
  });
  return [model, asked, transport, missing];
}

/**
 * The names that can be asked for: those of stacks first.
 *
 * @param {import('../app.js').ServerState | null} state
 * @returns {import('./voices.js').Option[]}
 */
function modelOptions(state) {
  const stacks = Object.keys(state?.stacks ?? {});
  const others = (state?.models ?? []).filter((name) => !stacks.includes(name));
  const words = (/** @type {string} */ value) => ({ value, words: value });
  if (!stacks.length) return others.map(words);
  return [
    ...stacks.map((name) => ({ ...words(name), group: t("model_stacks") })),
    ...others.map((name) => ({ ...words(name), group: t("model_aliases") })),
  ];
}
