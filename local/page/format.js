// Numbers, sizes and times as people read them.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

/** 1234567 → "1,234,567" */
export function count(number) {
  return whole.format(number ?? 0);
}

/** Rounded for display: 2.3333 → "2.3", 1499.7 → "1,500", 123456 → "123.5K" */
export function brief(number) {
  if (number >= 10_000) return short.format(number);
  return (number < 10 ? tenths : whole).format(number);
}

/** 612 → "612 B", 4567 → "4.6 kB" */
export function size(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  let number = bytes ?? 0;
  while (number >= 1000 && unit < units.length - 1) {
    number /= 1000;
    unit += 1;
  }
  return `${tenths.format(number)} ${units[unit]}`;
}

/** Unix milliseconds → "13:50:19", in the reader's own zone */
export function time(milliseconds) {
  return clock.format(milliseconds);
}

/** 1, "object" → "1 object"; 20, "object" → "20 objects" */
export function plural(number, noun) {
  return `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
}

/** The last part of a path. */
export function fileName(path) {
  return path.slice(path.lastIndexOf("/") + 1);
}
