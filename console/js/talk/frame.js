/**
 * What surrounds the panels: language, colours, the columns of a narrow window, and the tabs on the right.
 */

import { byId, h } from "../dom.js";
import { LANGUAGES, chooseLanguage, language, tell } from "../texts.js";
import { THEMES, chooseTheme, theme } from "../theme.js";

/**
 * @param {HTMLElement} root
 * @param {import('../app.js').App} app
 */
export function mount(root, app) {
  const reach = h("span", { class: "reach", role: "status" });
  root.append(reach, themeChoice(), languageChoice());
  const render = () => {
    // A server that answers may still be loading its models, or be about to stop.
    const busy = app.reach === "reached" && app.state && app.state.state !== "healthy";
    reach.dataset.reach = busy ? "busy" : app.reach;
    if (busy) tell(reach, `begin.state.${app.state?.state}`);
    else tell(reach, `reach_${app.reach}`);
  };
  app.addEventListener("state", render);
  render();
  app.addEventListener("state", () => {
    if (!app.state) return;
    byId("product").textContent = app.state.product;
    document.title = app.state.product;
  });
  panes();
  tabs(byId("inspect"));
}

/** Light, dark, or what the system says. */
function themeChoice() {
  const options = THEMES.map((name) => h("option", { value: name, text: `theme_${name}` }));
  const choose = () => chooseTheme(THEMES.find((name) => name === select.value) ?? "system");
  const select = h("select", { id: "theme", label: "theme", onchange: choose }, ...options);
  select.value = theme();
  return select;
}

/** The languages, each by its own name. */
function languageChoice() {
  const options = Object.entries(LANGUAGES).map(([value, name]) =>
    h("option", { value, lang: value }, name),
  );
  const choose = () => chooseLanguage(select.value === "zh" ? "zh" : "en");
  const select = h("select", { id: "language", label: "language", onchange: choose }, ...options);
  select.value = language();
  return select;
}

/** In a narrow window one column is seen at a time; in a wider one, talking and another. */
function panes() {
  const buttons = /** @type {NodeListOf<HTMLButtonElement>} */ (
    document.querySelectorAll(".panes button")
  );
  const two = matchMedia("(min-width: 45rem)");
  const render = () => {
    const { pane } = document.body.dataset;
    const seen = two.matches && pane === "talk" ? "setup" : pane;
    for (const button of buttons) {
      button.setAttribute("aria-pressed", String(button.dataset.pane === seen));
    }
  };
  for (const button of buttons) {
    button.addEventListener("click", () => {
      document.body.dataset.pane = button.dataset.pane;
      render();
    });
  }
  two.addEventListener("change", render);
  render();
}

/**
 * Tabs as the ARIA practices describe them: arrows move, one of them takes part in the order of Tab.
 *
 * @param {HTMLElement} root
 */
function tabs(root) {
  const all = /** @type {HTMLElement[]} */ ([...root.querySelectorAll("[role=tab]")]);
  /** @param {HTMLElement} chosen */
  const choose = (chosen) => {
    for (const tab of all) {
      tab.setAttribute("aria-selected", String(tab === chosen));
      tab.tabIndex = tab === chosen ? 0 : -1;
      byId(/** @type {string} */ (tab.getAttribute("aria-controls"))).hidden = tab !== chosen;
    }
  };
  for (const [index, tab] of all.entries()) {
    tab.addEventListener("click", () => choose(tab));
    tab.addEventListener("keydown", ({ key }) => {
      const steps = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: all.length - 1 };
      if (!(key in steps)) return;
      const next = all.at(steps[/** @type {keyof typeof steps} */ (key)] % all.length);
      if (!next) return;
      choose(next);
      next.focus();
    });
  }
}
