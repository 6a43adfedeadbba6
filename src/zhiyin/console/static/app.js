// Starts the console: words, sign-in, frame, then the page that the address names.

import { onLost, readSession, signIn, who } from "./api.js";
import { fill, h } from "./dom.js";
import { drawFrame, markCurrent, onKey, stage } from "./frame.js";
import { loadWords, onSpeak, t } from "./i18n.js";
import { PAGES } from "./pages.js";
import { empty, linkButton } from "./parts.js";
import { go, here, set, start, to } from "./router.js";
import { linkFromAddress, signInPage } from "./sign_in.js";
import { announce, failure, mountToasts } from "./toast.js";

const root = /** @type {HTMLElement} */ (document.getElementById("app"));
let visit = new AbortController();
let begun = false;

async function begin() {
  mountToasts();
  const link = linkFromAddress();
  const words = loadWords();
  let fault;
  try {
    await (link ? signIn({ link }) : readSession());
  } catch (error) { fault = error; await readSession().catch(() => {}); }
  await words;
  if (who().signed_in) enter();
  else signInPage(root, enter, fault);
}

function enter() {
  drawFrame(root);
  if (begun) { draw(); return; }
  begun = true;
  start((_, same) => { if (who().signed_in) draw(same); });
}

/** Draws the page of the address. `same`: only what it shows has changed. @param {boolean} [same] */
async function draw(same = false) {
  const name = here().page;
  const row = PAGES.find((page) => page.name === name);
  if (!name || !row) return name ? missing(name) : go(to("try"), { replace: true });
  visit.abort();
  visit = new AbortController();
  const { signal } = visit;
  markCurrent();
  document.title = `${t(`nav.${name}`)} · zhiyin`;
  if (!same) { stage.scrollTop = 0; scrollTo(0, 0); announce(t(`nav.${name}`)); }
  try {
    const { page } = await row.load();
    if (signal.aborted) return;
    const inner = h("div", { class: ["page", `page-${name}`] });
    fill(stage, inner);
    stage.dataset.page = name;
    await page.render({ root: inner, query: here().query, set, signal });
  } catch (error) {
    if (signal.aborted || (error instanceof DOMException && error.name === "AbortError")) return;
    const said = failure(error);
    fill(stage, h("div", { class: "page" }, empty("spark", said.text, said.detail, linkButton(t("frame.back_home"), to("try"), { kind: "primary" }))));
    console.error(error);
  }
}

/** @param {string} name */
function missing(name) {
  fill(stage, h("div", { class: "page" }, empty("search", t("frame.no_page"), t("frame.no_page_about", { name }), linkButton(t("frame.back_home"), to("try"), { kind: "primary" }))));
}

onSpeak(() => {
  if (!who().signed_in) signInPage(root, enter);
  else { drawFrame(root); draw(true); }
});
onLost(() => signInPage(root, enter));
addEventListener("zhiyin-signed-out", () => signInPage(root, enter));
addEventListener("zhiyin-theme", () => { if (who().signed_in) drawFrame(root); });
addEventListener("keydown", onKey);
begin().catch((error) => { fill(root, h("p", { class: "fatal" }, String(error))); console.error(error); });
