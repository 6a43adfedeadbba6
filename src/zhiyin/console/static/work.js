// Work that runs beside the service: started, watched until it ends, its result fetched.

import { del, get, part, post, postRaw } from "./api.js";
import { fill, h } from "./dom.js";
import { ago, number, say, t } from "./i18n.js";
import { button } from "./parts.js";
import { fail } from "./toast.js";

/** @typedef {{id: string, kind: string, state: string, at: number, ended_at: number | null, stage: string, done: number, of: number, detail: string, request: any}} Job */

const LOOK_EVERY_MS = 400;

/** Whether a job is over. @param {Job} job */
export const over = (job) => ["done", "failed", "cancelled"].includes(job.state);

/** Waits until a job is over. @param {string} id @param {AbortSignal} signal @param {(job: Job) => void} [told] @returns {Promise<Job>} */
export async function ended(id, signal, told) {
  for (;;) {
    const job = await get(`/v1/jobs/${part(id)}`, {}, signal);
    told?.(job);
    if (over(job)) return job;
    await pause(LOOK_EVERY_MS, signal);
  }
}

/** @param {number} ms @param {AbortSignal} signal */
export function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => { clearTimeout(timer); reject(new DOMException("left", "AbortError")); };
    const timer = setTimeout(() => { signal.removeEventListener("abort", stop); resolve(undefined); }, ms);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
}

/** The newest job of a kind that is done, with its result; null where there is none. @param {string} kind @param {AbortSignal} signal */
export async function newest(kind, signal) {
  const { jobs } = await get("/v1/jobs", { kind }, signal);
  const job = jobs.find((/** @type {Job} */ one) => one.state === "done");
  return { job: job ?? null, running: jobs.find((/** @type {Job} */ one) => !over(one)) ?? null, result: job ? await resultOf(job.id, signal) : null, jobs };
}

/** @param {string} id @param {AbortSignal} [signal] */
export const resultOf = (id, signal) => get(`/v1/jobs/${part(id)}/result`, {}, signal);

/**
 * Starts a job and shows how far it is, with a way to end it; the result, or null when it was ended or failed.
 * @param {HTMLElement} place @param {Record<string, any> | Job} request a job that runs already is only watched @param {AbortSignal} signal
 * @returns {Promise<{job: Job, result: any} | null>}
 */
export async function work(place, request, signal) {
  const words = h("p", { role: "status" }, t("work.begins"));
  const track = h("progress", { max: 1, "aria-label": t("work.progress") });
  /** @type {Job | null} */
  let job = null;
  const stop = button(t("work.stop"), { kind: "small", on: () => { if (job) del(`/v1/jobs/${part(job.id)}`).catch(fail); } });
  fill(place, h("div", { class: "work" }, words, track, stop));
  try {
    job = "id" in request ? /** @type {Job} */ (request) : await post("/v1/jobs", request, signal);
    const last = await ended(/** @type {Job} */ (job).id, signal, (now) => {
      words.textContent = [say("work", now.kind), say("stage", now.stage) || t("work.begins")].join(" · ");
      if (now.of > 0) track.value = now.done / now.of;
      else track.removeAttribute("value");
    });
    if (last.state === "done") { fill(place); return { job: last, result: await resultOf(last.id, signal) }; }
    fill(place, h("p", { class: "note", role: "alert" }, last.state === "cancelled" ? t("work.cancelled") : t("work.failed", { detail: last.detail })));
  } catch (error) { fill(place); fail(error); }
  return null;
}

/** When a result was made and how long that took. @param {Job} job */
export const made = (job) => t("work.made", { ago: ago(job.ended_at ?? job.at), seconds: number(Math.max(0, (job.ended_at ?? job.at) - job.at), 0) });

const PIECE = 4 << 20;

/** Sends a file in pieces; its id at the service. @param {File} file @param {AbortSignal} signal @param {(share: number) => void} told */
export async function sendFile(file, signal, told) {
  let id = "";
  for (let offset = 0; offset === 0 || offset < file.size; offset += PIECE) {
    const piece = file.slice(offset, offset + PIECE);
    const found = await postRaw(id ? `/v1/uploads/${part(id)}?offset=${offset}` : `/v1/uploads?name=${encodeURIComponent(file.name)}`, piece, signal);
    id = found.id;
    told(Math.min(1, (offset + PIECE) / Math.max(1, file.size)));
  }
  return id;
}
