// The HTTP interface, as any program uses it; errors are those of problem+json.

import { language } from "./i18n.js";

/** Who is signed in. @type {{signed_in: boolean, key_id: string, name: string, scopes: string[], expires_at: number | null, csrf: string, version: string}} */
let session = { signed_in: false, key_id: "", name: "", scopes: [], expires_at: null, csrf: "", version: "" };
/** @type {() => void} */
let lost = () => {};

/** What the service refused or could not do. */
export class ApiError extends Error {
  /** @param {any} problem */
  constructor(problem) {
    super(problem.detail || problem.title || problem.code);
    this.status = problem.status ?? 0;
    this.code = problem.code ?? "unreachable";
    this.title = problem.title ?? "";
    this.detail = problem.detail ?? "";
    this.hint = problem.hint ?? "";
    this.path = problem.path ?? "";
    this.requestId = problem.request_id ?? "";
    this.retryAfter = problem.retry_after_s ?? 0;
  }
}

/** @returns {Readonly<typeof session>} */
export const who = () => session;

/** Whether the session may do what needs `scope`. @param {string} scope */
export function may(scope) {
  return session.scopes.includes(scope) || (session.scopes.includes("admin") && scope !== "erase");
}

/** Called when the session has ended. @param {() => void} fn */
export function onLost(fn) { lost = fn; }

/** @param {string} path @param {Record<string, any>} [params] @param {AbortSignal} [signal] */
export const get = (path, params, signal) => ask("GET", path + query(params), undefined, signal);
/** @param {string} path @param {unknown} [body] @param {AbortSignal} [signal] */
export const post = (path, body, signal) => ask("POST", path, body, signal);
/** A file or a piece of one. @param {string} path @param {Blob} body @param {AbortSignal} [signal] */
export const postRaw = (path, body, signal) => ask("POST", path, body, signal);
/** @param {string} path @param {unknown} body */
export const put = (path, body) => ask("PUT", path, body);
/** @param {string} path @param {unknown} body */
export const patch = (path, body) => ask("PATCH", path, body);
/** @param {string} path @param {unknown} [body] */
export const del = (path, body) => ask("DELETE", path, body);

/** An id as a part of a path. @param {string} id */
export const part = (id) => (/^\.+$/.test(id) ? id.replace(/\./g, "%2E") : encodeURIComponent(id));

/** @param {Record<string, any>} [params] */
function query(params = {}) {
  const found = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    for (const one of [value].flat()) if (one !== undefined && one !== null && one !== "") found.append(name, String(one));
  }
  return found.size ? `?${found}` : "";
}

/** @param {string} method @param {string} path @param {unknown} [body] @param {AbortSignal} [signal] @returns {Promise<any>} */
async function ask(method, path, body, signal) {
  /** @type {Record<string, string>} */
  const headers = { accept: "application/json", "accept-language": language() };
  const raw = body instanceof Blob;
  if (body !== undefined) headers["content-type"] = raw ? "application/octet-stream" : "application/json";
  if (method !== "GET" && session.csrf) headers["x-csrf-token"] = session.csrf;
  let answer;
  try {
    answer = await fetch(path, { method, headers, body: body === undefined || raw ? /** @type {any} */ (body) : JSON.stringify(body), signal, credentials: "same-origin" });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError({ code: "unreachable" });
  }
  const kind = answer.headers.get("content-type") ?? "";
  const said = answer.status === 204 ? null : kind.includes("json") ? await answer.json() : await answer.text();
  if (answer.ok) return said;
  const problem = new ApiError(said && typeof said === "object" ? said : { status: answer.status, code: "unreadable" });
  if (answer.status === 401 && session.signed_in) { session = { ...session, signed_in: false, csrf: "", scopes: [] }; lost(); }
  throw problem;
}

/** Asks who is signed in. */
export async function readSession() { session = await get("/v1/session"); return session; }

/** @param {{key?: string, link?: string}} proof */
export async function signIn(proof) { session = await post("/v1/session", proof); return session; }

/** Ends the session, here and at the service. */
export async function signOut() {
  await del("/v1/session");
  session = { ...session, signed_in: false, csrf: "", scopes: [], name: "", key_id: "" };
}
