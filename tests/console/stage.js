// The views on a page of their own, with an application that a test drives: `stage.app`.
// An expression, for the page to evaluate; ROOT is the address of the console's modules.
(async () => {
  const names = ["conversation", "events", "waterfall", "listening", "connection"];
  const modules = names.map((name) => import(`/console/js/see/${name}.js`));
  const { EventStore } = await import("/console/js/see/event_store.js");
  const { t, texts } = await import("/console/js/texts.js");
  const views = await Promise.all(modules);

  class Link extends EventTarget {
    transport = "websocket";
    status = "open";
    callId = null;
    heard = {};
    playing = false;
    measured = {
      transport: "websocket",
      round_trip_ms: 12,
      jitter_ms: null,
      lost_packets: null,
      received_packets: null,
      concealed_ms: null,
      bytes_sent: 0,
      bytes_received: 0,
      buffered_ms: 0,
      local_address: null,
      remote_address: "127.0.0.1:8000",
    };
    heardMs(id) {
      return this.heard[id] ?? 0;
    }
    async stats() {
      this.measured.bytes_sent += 8000 + 500 * Math.random();
      this.measured.bytes_received += 30000 * Math.random();
      return { ...this.measured };
    }
    hear(item_id, response_id) {
      this.dispatchEvent(new CustomEvent("heard", { detail: { item_id, response_id } }));
    }
  }
  class App extends EventTarget {
    store = new EventStore();
    link = null;
    settings = { turns: "server_vad", threshold: null, silence: null };
    state = null;
    t = t;
    changeSettings(changed) {
      this.settings = { ...this.settings, ...changed };
      this.dispatchEvent(new CustomEvent("settings", { detail: Object.keys(changed) }));
    }
    setLink(link) {
      this.link = link;
      this.dispatchEvent(new Event("link"));
    }
  }
  const app = new App();
  texts.addEventListener("language", () => app.dispatchEvent(new Event("language")));
  document.body.replaceChildren();
  document.body.style.overflow = "auto";
  const main = document.createElement("main");
  const title = document.createElement("h1");
  title.textContent = "Views";
  main.append(title);
  const spoken = document.createElement("div");
  Object.assign(spoken, { id: "spoken", className: "unseen", role: "log" });
  main.append(spoken);
  document.body.append(main);
  for (const [index, name] of names.entries()) {
    const heading = document.createElement("h2");
    heading.textContent = name;
    const root = document.createElement("section");
    root.id = `stage-${name}`;
    root.style.height = name === "conversation" || name === "events" ? "30rem" : "auto";
    main.append(heading, root);
    views[index].mount(root, app);
  }
  const frame = () => new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go)));
  window.stage = { app, Link, frame, root: (name) => document.getElementById(`stage-${name}`) };
  return true;
})();
