/** Figures as people read them. Inputs carry their unit in the name; outputs are text. */
const SECOND = 1000;
const minute = 60 * SECOND;
const hour = 60 * minute;
const day = 24 * hour;

/** `0.84 s`, `12.4 s`, `3 min 05 s`, `2 h 04 min` */
export function formatDuration(ms: number): string {
  if (ms < 0) return '0 s';
  if (ms < 950) return `${Math.round(ms)} ms`;
  if (ms < 99.95 * SECOND) return `${(ms / SECOND).toFixed(1)} s`;
  if (ms < hour) return `${Math.floor(ms / minute)} min ${pad(Math.floor((ms % minute) / SECOND))} s`;
  return `${Math.floor(ms / hour)} h ${pad(Math.floor((ms % hour) / minute))} min`;
}

/** Time passed, in the coarsest unit that fits; dates beyond a week. */
export function formatAgo(at: number, now: number): string {
  const ms = now - at;
  if (ms < 5 * SECOND) return 'just now';
  if (ms < minute) return `${Math.floor(ms / SECOND)} s ago`;
  if (ms < hour) return `${Math.floor(ms / minute)} min ago`;
  if (ms < day) return `${Math.floor(ms / hour)} h ago`;
  if (ms < 7 * day) return `${Math.floor(ms / day)} d ago`;
  return new Date(at).toISOString().slice(0, 10);
}

/** Decimal units: 1 kB is 1000 bytes. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let power = 0;
  let value = bytes;
  while (value >= 999.5 && power < units.length - 1) {
    value /= 1000;
    power++;
  }
  return `${power === 0 || value >= 99.5 ? Math.round(value) : value.toPrecision(value >= 10 ? 3 : 2)} ${units[power]}`;
}

/** A rate between 0 and 1 with three decimals and no leading zero, as tables of metrics print it. */
export function formatRate(rate: number): string {
  return rate.toFixed(3).replace(/^(-?)0\./, '$1.');
}

/** The change of a rate with its sign, `±.000` when nothing changed. */
export function formatChange(change: number): string {
  const text = formatRate(Math.abs(change));
  if (text === '.000') return '±.000';
  return `${change > 0 ? '+' : '−'}${text}`;
}

/** Up to three significant digits, without trailing zeros. */
export function formatNumber(value: number): string {
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString('en-US');
  if (size < 0.001) return value.toExponential(1).replace('.0', '');
  return String(Number(value.toPrecision(3)));
}

/** A setting of a recipe: a number, a word or a switch. */
export function formatSetting(value: number | string | boolean): string {
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return typeof value === 'number' ? formatNumber(value) : value;
}

/** Milliseconds of a latency: two decimals below 1, one below 100. */
export function formatLatency(ms: number): string {
  if (ms < 1) return `${ms.toFixed(2)} ms`;
  return `${ms < 100 ? ms.toFixed(1) : Math.round(ms)} ms`;
}

/** The two ends of a digest: enough to compare by eye, the whole is in the title and the copy. */
export function shortDigest(digest: string): string {
  return digest.length <= 14 ? digest : `${digest.slice(0, 8)}…${digest.slice(-4)}`;
}

/** `CamelCase` parameter names as words: `serverLearningRate` → `server learning rate`. */
export function words(name: string): string {
  return name.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase();
}

/** `1 site`, `4 sites` */
export function count(n: number, noun: string): string {
  return `${n.toLocaleString('en-US')} ${noun}${n === 1 ? '' : 's'}`;
}

function pad(n: number): string {
  return String(n).padStart(2, '0');
}
