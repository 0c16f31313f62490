import { RuleFault } from '../../errors.ts';

/** Dates, times of day and days of `-m time`, read as loosely as iptables reads them. */

export const DAY_SEC = 86_400;
/** Bits 1..31 and 1..7. */
export const ALL_MONTH_DAYS = 0xfffffffe;
export const ALL_WEEK_DAYS = 0xfe;

const weekDays = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

const isDigits = (text: string) => /^\d+$/.test(text);

/** Seconds since midnight of `hh:mm[:ss]`; parts may be empty, which is 0. */
export function parseDaytime(text: string): number {
  // strtoul: blanks and a sign may stand before a number, and nothing may be one.
  const number = /^[ \t]*\+?(\d*)$/;
  const bad = (near: string) => {
    const words = `invalid time "${near}" specified, should be hh:mm[:ss] format and within the boundaries`;
    return new RuleFault('bad-value', words);
  };
  const [hours = '', afterHours] = text.split(/:(.*)/s, 2);
  const hour = number.exec(hours);
  if (afterHours === undefined || hour === null || Number(hour[1]) > 23) throw bad(text);
  const [minutes = '', afterMinutes] = afterHours.split(/:(.*)/s, 2);
  const minute = number.exec(minutes);
  if (minute === null || Number(minute[1]) > 59) throw bad(afterHours);
  const second = number.exec(afterMinutes ?? '');
  if (second === null || Number(second[1]) > 59) throw bad(afterMinutes ?? '');
  return Number(hour[1]) * 3600 + Number(minute[1]) * 60 + Number(second[1]);
}

/** Seconds since 1970, UTC, of `YYYY[-MM[-DD[Thh[:mm[:ss]]]]]`; a missing number counts as 0. */
export function parseDate(text: string): number {
  const form = /^\s*\+?(\d{1,4})(?:-(\d*)(?:-(\d*)(?:T(\d*)(?::(\d*)(?::(\d*))?)?)?)?)?$/;
  const parts = form.exec(text);
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0] =
    parts?.slice(1).map((part) => (part === undefined ? undefined : Number(part))) ?? [];
  const isValid =
    parts !== null &&
    year >= 1970 &&
    year <= 2038 &&
    month <= 12 &&
    day <= 31 &&
    hour <= 23 &&
    minute <= 59 &&
    second <= 59;
  if (!isValid) {
    const words = `Invalid date "${text}" specified. Should be YYYY[-MM[-DD[Thh[:mm[:ss]]]]]`;
    throw new RuleFault('bad-value', words);
  }
  // As mktime does, days beyond the month run on into the next, and day or month 0 is the one before.
  return Math.max(0, Date.UTC(year, month - 1, day, hour, minute, second) / 1000);
}

/** Bit mask of the days of a month. No more than two characters of a day are read. */
export function parseMonthDays(text: string): number {
  let mask = 0;
  for (const item of text.split(/[, ]*,[, ]*/)) {
    const day = item.replace(/^\s+/, '').slice(0, 2);
    const isNumber = day === '' || isDigits(day);
    const isOctal = /^0[89]/.test(day);
    if (!isNumber || isOctal || Number(day) > 31) {
      throw new RuleFault('bad-value', `${day} is not a valid day for --monthdays`);
    }
    if (day !== '') mask |= 1 << Number(day);
  }
  return mask >>> 0;
}

/** Bit mask of the days of a week, Monday being 1. Numbers above 7 are days that never come. */
export function parseWeekDays(text: string): number {
  let mask = 0;
  const items = text.split(',');
  if (items.at(-1) === '') items.pop();
  for (const item of items) {
    const day = item.slice(0, 3);
    // Two letters decide, whatever the third one is.
    const start = day.slice(0, 2);
    const named = start.length < 2 ? -1 : weekDays.findIndex((name) => name.startsWith(start));
    if (named >= 0) {
      mask |= 2 << named;
      continue;
    }
    if (day !== '' && !isDigits(day)) {
      throw new RuleFault('bad-value', `${day} is not a valid day specifier`);
    }
    if (Number(day) === 0) {
      throw new RuleFault('bad-value', 'No, the week does NOT begin with Sunday.');
    }
    if (Number(day) <= 7) mask |= 1 << Number(day);
  }
  return mask;
}

const two = (value: number) => String(value).padStart(2, '0');

export function daytimeText(seconds: number): string {
  const hour = Math.floor(seconds / 3600);
  return `${two(hour)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}

/** `2010-02-03T04:05:06`, with another `separator` between day and time where asked for. */
export function dateText(epochSec: number, separator = 'T'): string {
  const date = new Date(epochSec * 1000).toISOString();
  return `${date.slice(0, 10)}${separator}${date.slice(11, 19)}`;
}

const daysOf = (mask: number, last: number) =>
  Array.from({ length: last }, (_, i) => i + 1).filter((day) => (mask & (1 << day)) !== 0);

export const weekDaysText = (mask: number) =>
  daysOf(mask, 7)
    .map((day) => weekDays[day - 1])
    .join(',');

/** `1,2,3`, or as -L has it `1st,2nd,3rd` (and, as iptables 1.8.9 does, `11st`). */
export function monthDaysText(mask: number, ordinal: boolean): string {
  const endings = ['th', 'st', 'nd', 'rd'];
  return daysOf(mask, 31)
    .map((day) => (ordinal ? `${day}${endings[day % 10] ?? 'th'}` : String(day)))
    .join(',');
}
