/** Figures and tables for a person's eyes. */

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** `1536` → `1.5 KiB`. */
export function showBytes(bytes: number): string {
  let amount = bytes;
  let unit = 0;
  // 1023.95 would be shown as 1024.0.
  while (amount >= 1023.95 && unit < UNITS.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? amount : amount.toFixed(1)} ${UNITS[unit]}`;
}

/** `12345` → `12,345`. Not by `toLocaleString`, whose first call loads the languages of the world. */
export function showCount(count: number): string {
  return String(count).replace(/(?<!\.\d*)\B(?=(\d{3})+(?!\d))/g, ',');
}

/** A count with its noun: `1 entry`, `2 entries`. */
export function counted(count: number, one: string, many: string): string {
  return `${showCount(count)} ${count === 1 ? one : many}`;
}

/** `12.35 USD`; of less than a cent two digits that say something: `0.00042 USD`. */
export function showUsd(usd: number): string {
  if (usd === 0 || usd >= 0.01) {
    const [whole, cents] = usd.toFixed(2).split('.');
    return `${showCount(Number(whole))}.${cents} USD`;
  }
  return `${usd.toLocaleString('en-US', { maximumSignificantDigits: 2, maximumFractionDigits: 20 })} USD`;
}

/** Seconds → `0.4 s`, `12 s`, `3 min 20 s`, `5 h 10 min`, `2 d 3 h`. */
export function showSeconds(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return pair(whole, 60, 'min', 's');
  if (whole < 86_400) return pair(Math.floor(whole / 60), 60, 'h', 'min');
  return pair(Math.floor(whole / 3600), 24, 'd', 'h');
}

function pair(amount: number, size: number, large: string, small: string): string {
  const rest = amount % size;
  return rest === 0
    ? `${Math.floor(amount / size)} ${large}`
    : `${Math.floor(amount / size)} ${large} ${rest} ${small}`;
}

/** ISO-8601 UTC → `2026-11-25 10:22:09 UTC`. */
export function showTime(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`;
}

/** Text that holds control characters (a path, a message of a store) made safe for a terminal. */
export function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (c) =>
    [...Buffer.from(c)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join(''),
  );
}

/** How many columns a text takes, near enough: wide East Asian letters and emoji take two, marks that combine none. */
export function widthOf(text: string): number {
  if (/^[ -~]*$/.test(text)) return text.length;
  let width = 0;
  for (const letter of text) {
    if (/\p{Mn}|\p{Me}|\u200d|\ufe0f/u.test(letter)) continue;
    width +=
      /\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60]/u.test(
        letter,
      )
        ? 2
        : 1;
  }
  return width;
}

/** The text cut to so many columns, ending with `…` when something was cut. */
export function shorten(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  let cut = '';
  let width = 0;
  for (const letter of text) {
    const next = width + widthOf(letter);
    if (next > columns - 1) break;
    cut += letter;
    width = next;
  }
  return `${cut}…`;
}

/** One column of a table: numbers stand to the right. */
export interface Column {
  readonly title: string;
  readonly right?: true;
}

/** Lines of a table with its heading, aligned, each cut to `columns` when that is given. */
export function table(heading: readonly Column[], rows: readonly (readonly string[])[], columns?: number): string[] {
  const all = [heading.map((column) => column.title), ...rows];
  const widths = heading.map((_, index) => Math.max(...all.map((row) => widthOf(row[index] ?? ''))));
  return all.map((row) => {
    const cells = heading.map((column, index) => {
      const cell = row[index] ?? '';
      const space = ' '.repeat((widths[index] ?? 0) - widthOf(cell));
      return column.right === true ? space + cell : cell + space;
    });
    const line = cells.join('  ').trimEnd();
    return columns === undefined ? line : shorten(line, columns);
  });
}

/** Lines `name   value` with the values under each other. */
export function pairs(rows: readonly (readonly [name: string, value: string])[]): string[] {
  const width = Math.max(0, ...rows.map(([name]) => widthOf(name)));
  return rows.map(([name, value]) => `${name}${' '.repeat(width - widthOf(name))}  ${value}`);
}
