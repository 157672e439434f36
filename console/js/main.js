/**
 * Starts the page: one application, and every panel in its place.
 */

import { App } from "./app.js";
import * as begin from "./begin/begin.js";
import { byId } from "./dom.js";
import * as connection from "./see/connection.js";
import * as conversation from "./see/conversation.js";
import * as events from "./see/events.js";
import * as listening from "./see/listening.js";
import * as waterfall from "./see/waterfall.js";
import * as controls from "./talk/controls.js";
import * as frame from "./talk/frame.js";
import * as notices from "./talk/notices.js";
import * as settingsPanel from "./talk/settings_panel.js";
import * as keys from "./talk/keys.js";
import { translate } from "./texts.js";

const app = new App();

frame.mount(byId("header"), app);
keys.mount(byId("key"), app);
notices.mount(byId("notices"), app);
conversation.mount(byId("conversation"), app);
controls.mount(byId("controls"), app);
begin.mount(byId("begin"), app);
settingsPanel.mount(byId("settings"), app);
events.mount(byId("events"), app);
waterfall.mount(byId("waterfall"), app);
listening.mount(byId("listening"), app);
connection.mount(byId("connection"), app);
translate(document.documentElement);
void app.server.ask();
