/**
 * Functions that the model may call, each with a result that is ready or one that is typed; and
 * MCP servers, where the server can use them.
 */

import { h } from "../dom.js";
import { follow } from "./fields.js";
import { parsedSchema } from "./session.js";

/** @typedef {import('../app.js').App} App */

/** @type {import('./settings.js').Tool} */
const EXAMPLE = {
  name: "get_weather",
  description: "Tells the weather of a place.",
  parameters: JSON.stringify(
    { type: "object", properties: { place: { type: "string" } }, required: ["place"] },
    null,
    2,
  ),
  canned: '{"weather": "sunny", "celsius": 21}',
};

/** @param {App} app */
export function tools(app) {
  const list = h("div", { class: "list" });
  const add = h("button", {
    id: "add-tool",
    type: "button",
    text: "tool_add",
    onclick: () => {
      const { tools: known } = app.settings;
      const taken = known.some(({ name }) => name === EXAMPLE.name);
      const name = taken ? `function_${known.length + 1}` : EXAMPLE.name;
      app.changeSettings({ tools: [...known, { ...EXAMPLE, name }] });
      const field = list.lastElementChild?.querySelector("input");
      field?.focus();
      field?.select();
    },
  });
  /** @type {number} */
  let shown = -1;
  follow(app, () => {
    // Who edits one keeps the cursor: only another number of tools makes the list anew.
    if (shown === app.settings.tools.length) return;
    shown = app.settings.tools.length;
    list.replaceChildren(...app.settings.tools.map((_, index) => tool(app, index)));
  });
  return h("div", { class: "group-body" }, list, add);
}

/**
 * @param {App} app
 * @param {number} index
 */
function tool(app, index) {
  const given = app.settings.tools[index] ?? EXAMPLE;
  /** @param {Partial<import('./settings.js').Tool>} changed */
  const change = (changed) => {
    const all = app.settings.tools.map((one, at) => (at === index ? { ...one, ...changed } : one));
    app.changeSettings({ tools: all });
  };
  const id = (/** @type {string} */ name) => `tool-${index}-${name}`;
  const name = h("input", { id: id("name"), value: given.name, spellcheck: false });
  name.pattern = "[A-Za-z0-9_\\-]{1,64}";
  name.addEventListener("change", () => {
    if (name.reportValidity()) change({ name: name.value });
  });
  const description = h("input", {
    id: id("description"),
    value: given.description,
    maxLength: 1024,
  });
  description.addEventListener("change", () => change({ description: description.value }));
  const problem = h("p", { id: id("problem"), class: "problem", role: "alert" });
  const schema = h("textarea", { id: id("schema"), rows: 5, class: "code", spellcheck: false });
  schema.value = given.parameters;
  schema.setAttribute("aria-describedby", problem.id);
  schema.addEventListener("change", () => {
    const good = parsedSchema(schema.value) !== null;
    schema.setAttribute("aria-invalid", String(!good));
    problem.replaceChildren(good ? "" : h("span", { text: "tool_schema_wrong" }));
    if (good) change({ parameters: schema.value });
  });
  const result = h("textarea", { id: id("result"), rows: 2, class: "code", spellcheck: false });
  result.value = given.canned ?? "";
  const canned = h("input", { type: "checkbox", id: id("canned"), checked: given.canned !== null });
  const say = () => {
    result.disabled = !canned.checked;
    change({ canned: canned.checked ? result.value : null });
  };
  result.disabled = !canned.checked;
  canned.addEventListener("change", say);
  result.addEventListener("change", say);
  const remove = h("button", {
    type: "button",
    text: "tool_remove",
    onclick: () => {
      app.changeSettings({ tools: app.settings.tools.filter((_, at) => at !== index) });
      document.getElementById("add-tool")?.focus();
    },
  });
  const row = (/** @type {string} */ text, /** @type {HTMLElement} */ field) =>
    h("div", { class: "field" }, h("label", { for: field.id, text }), field);
  return h(
    "fieldset",
    { class: "tool" },
    h("legend", { text: "tool" }),
    row("tool_name", name),
    row("tool_description", description),
    row("tool_schema", schema),
    problem,
    h("div", { class: "field tick" }, canned, h("label", { for: canned.id, text: "tool_canned" })),
    row("tool_result", result),
    remove,
  );
}

/** @param {App} app */
export function mcpServers(app) {
  const label = h("input", { id: "mcp-label", required: true, spellcheck: false });
  const url = h("input", { id: "mcp-url", type: "url", required: true, spellcheck: false });
  const list = h("ul", { class: "list" });
  const form = h(
    "form",
    {
      class: "group-body",
      onsubmit: (/** @type {Event} */ event) => {
        event.preventDefault();
        app.changeSettings({ mcp: [...app.settings.mcp, { label: label.value, url: url.value }] });
        label.value = url.value = "";
      },
    },
    h("h3", { text: "mcp" }),
    list,
    h("div", { class: "field" }, h("label", { for: label.id, text: "mcp_label" }), label),
    h("div", { class: "field" }, h("label", { for: url.id, text: "mcp_url" }), url),
    h("button", { text: "mcp_add" }),
  );
  follow(app, () => {
    form.hidden = !app.state?.mcp;
    list.replaceChildren(
      ...app.settings.mcp.map((server, index) => {
        const remove = h("button", {
          type: "button",
          text: "tool_remove",
          onclick: () =>
            app.changeSettings({ mcp: app.settings.mcp.filter((_, other) => other !== index) }),
        });
        return h(
          "li",
          { class: "talk-row" },
          h("code", {}, `${server.label} ${server.url}`),
          remove,
        );
      }),
    );
  });
  return form;
}
