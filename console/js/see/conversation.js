/**
 * @param {HTMLElement} _root
 * @param {import('../app.js').App} _app
 */
export function mount(_root, _app) {}
