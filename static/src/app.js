/* What every page needs in the browser; each file is one concern and starts itself. */
import "./app/theme.js";
import "./app/menus.js";
import "./app/dialogs.js";
import "./app/search.js";
import "./app/keys.js";
import "./app/copy.js";
import "./app/toasts.js";
import "./app/fragments.js";
import "./app/polling.js";
import "./app/tables.js";
import "./app/info.js";
import "./app/figures.js";
import "./app/pageview.js";
import "./app/zones.js";
import "./app/builder.js";
import "./app/dashboard.js";
import "./app/macros.js";
