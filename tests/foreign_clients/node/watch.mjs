// How the drivers wait, in Node and in a browser.

/** What has happened, and a way to wait until something has. */
export class Watch {
  #checks = new Set();

  /** Call after every change of what `until` looks at. */
  changed() {
    for (const check of this.#checks) check();
  }

  /** Wait until a condition holds. The driver's deadline ends a wait in vain. */
  until(condition) {
    return new Promise((resolve, reject) => {
      const check = () => {
        try {
          if (!condition()) return;
        } catch (error) {
          reject(error);
        }
        this.#checks.delete(check);
        resolve();
      };
      this.#checks.add(check);
      check();
    });
  }
}
