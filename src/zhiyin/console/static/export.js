// Tables as files: CSV that a spreadsheet opens rightly and that cannot make it calculate, and JSON.

const MARK = "\ufeff";

/** One cell: quoted where it must be, and never a formula. @param {unknown} value */
export function cell(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  let text = Array.isArray(value) ? value.join(" | ") : typeof value === "object" ? JSON.stringify(value) : String(value);
  if (/^[=+\-@\t\r\n|%\uff1d\uff0b\uff0d\uff20]/.test(text)) text = `'${text}`;
  return /[",\r\n;\t]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** @param {string[]} names @param {Record<string, unknown>[]} rows */
export function csv(names, rows) {
  const lines = [names.map(cell), ...rows.map((row) => names.map((name) => cell(row[name])))];
  return `${MARK}${lines.map((line) => line.join(",")).join("\r\n")}\r\n`;
}

/** Hands a file to the reader. @param {string} name @param {string} text @param {string} media */
export function save(name, text, media) {
  const url = URL.createObjectURL(new Blob([text], { type: media }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name.replace(/[^\p{L}\p{N}._-]+/gu, "-").slice(0, 80);
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** @param {string} name @param {string[]} names @param {Record<string, unknown>[]} rows */
export const saveCsv = (name, names, rows) => save(`${name}.csv`, csv(names, rows), "text/csv;charset=utf-8");
/** @param {string} name @param {unknown} value */
export const saveJson = (name, value) => save(`${name}.json`, JSON.stringify(value, null, 2), "application/json");
