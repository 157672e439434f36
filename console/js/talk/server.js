/**
 * What the server says of itself, asked for when the page opens and whenever the server comes back.
 */

/** @param {import('../app.js').App} app */
export async function follow(app) {
  const answer = await fetch("/console/state", { headers: app.headers });
  if (answer.ok) app.setState(await answer.json());
}
