import { heading } from "../parts.js";
import { t } from "../i18n.js";
/** @type {import("../pages.js").Page} */
export const page = { render(view) { view.root.append(heading(t("nav.why"), "")); } };
