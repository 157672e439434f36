/**
 * The turns of a conversation in their order, which is not always that in which they are heard of.
 */

/** @typedef {import('./turns.js').Turn} Turn */

export class TurnList {
  /** @type {Turn[]} */
  turns = [];
  /** @type {Map<string, Turn>} */
  #byId = new Map();

  /** @param {string} id */
  find(id) {
    return this.#byId.get(id);
  }

  /**
   * Put a turn behind another, or at the end.
   * @template {Turn} T
   * @param {T} turn
   * @param {string | null} [previous] Id of the other.
   * @returns {T}
   */
  place(turn, previous) {
    const known = previous ? this.#byId.get(previous) : undefined;
    let index = known ? this.turns.indexOf(known) + 1 : this.turns.length;
    // Notes and calls that stand behind the other were there before.
    while (known && index < this.turns.length && this.turns[index].kind !== "message") index++;
    this.turns.splice(index, 0, turn);
    this.#byId.set(turn.id, turn);
    return turn;
  }

  /**
   * Forget all but the last turns: a conversation may last for hours.
   * @param {number} kept
   * @returns {Turn[]} What was removed.
   */
  forget(kept) {
    return this.turns
      .slice(0, Math.max(0, this.turns.length - kept))
      .flatMap(({ id }) => this.remove(id));
  }

  /**
   * @param {string} id
   * @returns {Turn[]} What was removed.
   */
  remove(id) {
    const turn = this.#byId.get(id);
    if (!turn) return [];
    this.turns.splice(this.turns.indexOf(turn), 1);
    this.#byId.delete(id);
    return [turn];
  }
}
