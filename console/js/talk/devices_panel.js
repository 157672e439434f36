/**
 * Which microphone and which loudspeaker, changed also while a conversation runs.
 */

import { h } from "../dom.js";
import { t } from "../texts.js";
import { choice } from "./fields.js";
import { deviceGone } from "./gone.js";

/** @param {import('../app.js').App} app */
export function deviceFields(app) {
  /** @type {MediaDeviceInfo[]} */
  let devices = [];
  const ask = async () => {
    devices = await navigator.mediaDevices.enumerateDevices();
    render();
  };
  /** @param {MediaDeviceKind} kind */
  const offered = (kind) => [
    { value: "", words: t("device_default") },
    ...devices
      // Before the microphone may be used, devices have neither ids nor names.
      .filter((device) => device.kind === kind && device.deviceId && device.deviceId !== "default")
      .map(({ deviceId, label }) => ({ value: deviceId, words: label || t("device_unnamed") })),
  ];
  const microphone = choice(app, "microphone", () => offered("audioinput"));
  const loudspeaker = choice(app, "loudspeaker", () => offered("audiooutput"));
  const hint = h("p", { class: "soft", text: "devices_hint" });
  const render = () => {
    hint.hidden = devices.some(({ label }) => label);
  };
  loudspeaker.hidden = !("setSinkId" in HTMLMediaElement.prototype);
  if (navigator.mediaDevices) {
    navigator.mediaDevices.addEventListener("devicechange", () => void announce());
    void announce();
  }
  /** The fields read the devices anew when the application says that there are others. */
  async function announce() {
    await ask();
    app.dispatchEvent(new Event("devices"));
    // Before the microphone may be used, nobody knows which devices there are.
    if (!devices.some(({ kind, deviceId }) => kind === "audioinput" && deviceId)) return;
    for (const name of /** @type {const} */ (["microphone", "loudspeaker"])) {
      const chosen = app.settings[name];
      if (!devices.some(({ deviceId }) => deviceId === chosen)) deviceGone(app, name);
    }
  }
  app.addEventListener("microphone", () => void announce());
  return [microphone, loudspeaker, hint];
}
