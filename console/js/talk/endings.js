/**
 * Tells why a conversation ended, and offers what helps.
 */

/** @typedef {import("../app.js").App} App */
/** @typedef {import("./ended.js").Ended} Ended */

/**
 * @param {App} app
 * @param {Ended} ended
 */
export async function announceEnd(app, ended) {
  const { code, reason, words, values, remedy, lost } = ended;
  if (code === 1000) return;
  // Who stops says goodbye, and cannot be reached a moment later.
  if ((lost || code === 1001) && !(await app.server.reachable())) {
    app.notices.show({
      id: "lost",
      kind: "bad",
      text: "server_lost",
      values: { host: location.host },
    });
    app.server.lost();
    return;
  }
  // Perhaps it says goodbye to all, and takes nobody until it has begun anew.
  if (code === 1001) void app.server.ask();
  if (remedy === "key") {
    app.secret = null;
    app.setReach("key");
  }
  const install = words === "ended_takes_no_calls" ? app.state?.webrtc.install : undefined;
  app.notices.show({
    id: "ended",
    kind: "bad",
    text: install ? "ended_no_webrtc" : words,
    values: { reason, ...values },
    ...(install ? { code: install } : {}),
    actions: actions(app, remedy),
  });
}

/**
 * @param {App} app
 * @param {Ended["remedy"]} remedy
 */
function actions(app, remedy) {
  // Who typed is not asked for a microphone by going on.
  const begin = (/** @type {boolean} */ resumed) =>
    void app.talk.start({ spoken: app.talk.spoken, resumed });
  const again = { text: "go_on", run: () => begin(true) };
  const other = {
    text: "use_websocket",
    run: () => {
      app.changeSettings({ transport: "websocket" });
      begin(true);
    },
  };
  const anew = { text: "begin_anew", run: () => begin(false) };
  const retry = { text: "try_again", run: again.run };
  if (remedy === "again") return app.talk.resumable ? [again, anew] : [retry];
  return remedy === "websocket" ? [other] : [];
}

/**
 * A server that was lost can be reached, and takes nobody yet.
 *
 * @param {App} app
 */
export function announceStart(app) {
  const told = app.notices.all.find(({ id }) => id === "lost");
  if (told && told.text !== "server_starting") {
    app.notices.show({ id: "lost", kind: "info", text: "server_starting" });
  }
}

/**
 * A server that was lost takes conversations again.
 *
 * @param {App} app
 */
export function announceReturn(app) {
  // Before anything was said there is nothing to go on with.
  if (!app.notices.drop("lost")) return;
  app.notices.show({
    id: "ended",
    kind: "info",
    text: "server_back",
    actions: actions(app, "again"),
  });
}

/**
 * What was chosen counts from the next conversation on, which may begin now.
 *
 * @param {App} app
 */
export function offerRestart(app) {
  const restart = () => {
    const { link, talk } = app;
    const again = () => void talk.start({ spoken: talk.spoken, resumed: true });
    link?.addEventListener("closed", again, { once: true });
    talk.stop();
  };
  const actions = [{ text: "start_anew", run: restart }];
  app.notices.show({ id: "later", kind: "info", text: "counts_later", actions });
}
