// The page of every client: `play(driver, scenario, place)` runs one and returns its lines.

import { run } from '/scenarios.mjs';

window.play = async (driver, scenario, place) => {
  const { scenarios } = await import(`/drive_${driver}.mjs`);
  return await run(scenario, scenarios[scenario], place);
};
