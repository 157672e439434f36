/**
 * The few pictures on buttons, drawn here so that none is loaded. They say nothing by themselves:
 * each button has words, too.
 */

const SVG = "http://www.w3.org/2000/svg";

const PATHS = {
  microphone:
    "M12 3a3 3 0 0 0-3 3v6a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3zM6 11v1a6 6 0 0 0 12 0v-1M12 18v3",
  muted:
    "M9 9V6a3 3 0 0 1 6 0v5M6 11v1a6 6 0 0 0 9.5 4.9M18 12v-1M12 18v3M4 4l16 16M9 9v3a3 3 0 0 0 4 2.8",
  end: "M6 6l12 12M18 6L6 18",
  stop: "M7 7h10v10H7z",
  send: "M5 12h14M13 6l6 6-6 6",
  picture: "M4 5h16v14H4zM4 16l4-4 4 4 3-3 5 5M15 9.5h.01",
};

/**
 * @param {keyof typeof PATHS} name
 * @returns {SVGSVGElement}
 */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "icon");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
