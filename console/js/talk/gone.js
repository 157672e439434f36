/**
 * A device that was chosen and is not there any more: the system's own takes its place, and the reader is told.
 */

/**
 * @param {import("../app.js").App} app
 * @param {"microphone" | "loudspeaker"} name
 */
export function deviceGone(app, name) {
  if (!app.settings[name]) return;
  app.notices.show({ id: `${name}_gone`, kind: "warn", text: `gone_${name}` });
  app.changeSettings({ [name]: "" });
}

/**
 * @param {import("../app.js").App} app
 * @param {import("./link.js").Link} link
 */
export async function useLoudspeaker(app, link) {
  const { loudspeaker } = app.settings;
  try {
    await link.setLoudspeaker(loudspeaker);
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    // With the connection goes what plays its sound; nobody wants to hear of that.
    if (link.status !== "closed" && loudspeaker === app.settings.loudspeaker) {
      deviceGone(app, "loudspeaker");
    }
  }
}
