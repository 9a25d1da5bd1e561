/** How often a schedule of EventBridge fires in a month of 730 hours, a twelfth of a year. */
import { InvalidInputError } from './errors.ts';

export const HOURS_PER_MONTH = 730;
const MINUTES: Readonly<Record<string, number>> = { minute: 1, hour: 60, day: 1440 };
const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const DAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];
/** Four years with one leap day among them, whose days of the week fall evenly enough. */
const CYCLE = { from: Date.UTC(2025, 0, 1), years: 4 } as const;
const DAY_MILLIS = 86_400_000;

/** @throws InvalidInputError for an expression that the scheduler would refuse. */
export function runsPerMonth(expression: string): number {
  const rate = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(expression);
  if (rate !== null) return (HOURS_PER_MONTH * 60) / (Number(rate[1]) * (MINUTES[rate[2] ?? ''] ?? 1));
  const fields = /^cron\((.*)\)$/.exec(expression)?.[1]?.split(' ') ?? [];
  const [minute = '', hour = '', dayOfMonth = '', month = '', dayOfWeek = ''] = fields;
  const refuse = () =>
    new InvalidInputError(`"${expression}" is no schedule; write rate(1 hour) or cron(0 2 ? * SUN *)`);
  if (fields.length !== 6) throw refuse();
  const perDay = numbersIn(minute, [0, 59], [], refuse).size * numbersIn(hour, [0, 23], [], refuse).size;
  const months = numbersIn(month, [1, 12], MONTHS, refuse);
  const fits = dayTest(dayOfMonth, dayOfWeek, refuse);
  let days = 0;
  for (let at: number = CYCLE.from; new Date(at).getUTCFullYear() < 2025 + CYCLE.years; at += DAY_MILLIS) {
    const date = new Date(at);
    if (months.has(date.getUTCMonth() + 1) && fits(date)) days += 1;
  }
  return (perDay * days) / (CYCLE.years * 12);
}

type Refuse = () => Error;

/** One of the two fields is `?`; the other may name the last day, a nearest weekday or the n-th weekday of the month: one day a month. */
function dayTest(dayOfMonth: string, dayOfWeek: string, refuse: Refuse): (date: Date) => boolean {
  const isOnce = /^(L|LW|\d+W|L-\d+)$/.test(dayOfMonth) || /^(\w{1,3}L|\w{1,3}#[1-5])$/.test(dayOfWeek);
  if (isOnce) return (date) => date.getUTCDate() === 1;
  if (dayOfWeek === '?') {
    const days = numbersIn(dayOfMonth, [1, 31], [], refuse);
    return (date) => days.has(date.getUTCDate());
  }
  if (dayOfMonth !== '?' && dayOfMonth !== '*') throw refuse();
  const days = numbersIn(dayOfWeek, [1, 7], DAYS, refuse);
  return (date) => days.has(date.getUTCDay() + 1);
}

/** Of a field such as `*`, `0/15`, `MON-FRI` or `1,15`; names stand for numbers from the lowest on, and a range may run over the end. */
function numbersIn(
  field: string,
  [low, high]: readonly [number, number],
  names: readonly string[],
  refuse: Refuse,
): ReadonlySet<number> {
  const numberOf = (text: string): number => {
    const named = names.indexOf(text.toUpperCase());
    const number = named >= 0 ? low + named : Number(/^\d+$/.test(text) ? text : Number.NaN);
    if (!(number >= low && number <= high)) throw refuse();
    return number;
  };
  const found = new Set<number>();
  for (const part of field.split(',')) {
    const [range = '', step, ...more] = part.split('/');
    if (more.length > 0 || (step !== undefined && !/^[1-9]\d*$/.test(step))) throw refuse();
    const [from, to] = boundsOf(range, step !== undefined, [low, high], numberOf);
    const length = to >= from ? to - from : to - from + (high - low + 1);
    for (let offset = 0; offset <= length; offset += Number(step ?? 1))
      found.add(low + ((from - low + offset) % (high - low + 1)));
  }
  return found;
}

function boundsOf(
  range: string,
  hasStep: boolean,
  whole: readonly [number, number],
  numberOf: (text: string) => number,
): readonly [number, number] {
  if (range === '*') return whole;
  const [first = '', last] = range.split('-');
  const from = numberOf(first);
  if (last !== undefined) return [from, numberOf(last)];
  return [from, hasStep ? whole[1] : from];
}
