import type { RuleContext } from '../../context.ts';
import { RuleFault } from '../../errors.ts';
import { defineMatch, type MatchEvaluator } from '../../extension.ts';
import { type OptionSpec, shown } from '../../options.ts';
import {
  ALL_MONTH_DAYS,
  ALL_WEEK_DAYS,
  DAY_SEC,
  dateText,
  daytimeText,
  monthDaysText,
  parseDate,
  parseDaytime,
  parseMonthDays,
  parseWeekDays,
  weekDaysText,
} from '../parts/time-text.ts';

/** `-m time`: dates, times of day, days of the week and of the month (xt_time). */

const LAST_SECOND = DAY_SEC - 1;
/** The date that stands for "no end": the kernel's dates have 31 bits. */
const LAST_DATE = 0x7fffffff;

interface TimeValues {
  dateStart: number;
  dateStop: number;
  dayStart: number;
  dayStop: number;
  monthDays: number;
  weekDays: number;
  contiguous: boolean;
  kernelZone: boolean;
}

function dateOption(name: 'datestart' | 'datestop', field: 'dateStart' | 'dateStop') {
  const option: OptionSpec<TimeValues> = {
    name,
    args: 1,
    argument: 'YYYY[-MM[-DD[Thh[:mm[:ss]]]]]',
    help: name === 'datestart' ? 'not before this' : 'not after this',
    set: (value, [text = '']) => {
      value[field] = parseDate(text);
    },
    save: (value) => (value[field] === 0 ? null : shown(dateText(value[field]))),
  };
  return option;
}

const isWholeDay = (value: TimeValues) => value.dayStart === 0 && value.dayStop === LAST_SECOND;

function daytimeOption(name: 'timestart' | 'timestop', field: 'dayStart' | 'dayStop') {
  const option: OptionSpec<TimeValues> = {
    name,
    args: 1,
    argument: 'hh:mm[:ss]',
    help: name === 'timestart' ? 'from this time of day on' : 'up to this time of day',
    set: (value, [text = '']) => {
      value[field] = parseDaytime(text);
    },
    save: (value) => (isWholeDay(value) ? null : shown(daytimeText(value[field]))),
  };
  return option;
}

function zoneOption(name: string, kernelZone: boolean, help: string): OptionSpec<TimeValues> {
  return {
    name,
    args: 0,
    help,
    ...(!kernelZone && { excludes: ['kerneltz', 'localtz'] }),
    set: (value) => {
      if (kernelZone) value.kernelZone = true;
    },
    save: (value) => (name === 'kerneltz' && value.kernelZone ? shown('') : null),
  };
}

const options: readonly OptionSpec<TimeValues>[] = [
  daytimeOption('timestart', 'dayStart'),
  daytimeOption('timestop', 'dayStop'),
  {
    name: 'monthdays',
    args: 1,
    argument: 'DAY[,DAY...]',
    help: 'days of the month, 1 to 31',
    negatable: true,
    set: (value, [text = ''], negated) => {
      const days = parseMonthDays(text);
      value.monthDays = (negated ? days ^ ALL_MONTH_DAYS : days) >>> 0;
    },
    save: (value) =>
      value.monthDays === ALL_MONTH_DAYS ? null : shownList(monthDaysText(value.monthDays, false)),
  },
  {
    name: 'weekdays',
    args: 1,
    argument: 'DAY[,DAY...]',
    help: 'days of the week, Mon to Sun or 1 to 7',
    negatable: true,
    set: (value, [text = ''], negated) => {
      const days = parseWeekDays(text);
      value.weekDays = negated ? days ^ ALL_WEEK_DAYS : days;
    },
    save: (value) =>
      value.weekDays === ALL_WEEK_DAYS ? null : shownList(weekDaysText(value.weekDays)),
  },
  dateOption('datestart', 'dateStart'),
  dateOption('datestop', 'dateStop'),
  zoneOption('kerneltz', true, "times are those of the kernel's time zone"),
  zoneOption('localtz', true, 'old word for --kerneltz'),
  zoneOption('utc', false, 'times are UTC (the default)'),
  {
    name: 'contiguous',
    args: 0,
    help: 'a time past midnight belongs to the day before',
    set: (value) => {
      value.contiguous = true;
    },
    save: (value) => (value.contiguous ? shown('') : null),
  },
];

/** A list that may be empty still has its place in the line, as iptables prints it. */
const shownList = (text: string) => shown(text === '' ? '""' : text);

class TimeEvaluator implements MatchEvaluator {
  private readonly values: Readonly<TimeValues>;

  constructor(values: TimeValues) {
    this.values = values;
  }

  matches(ctx: RuleContext): boolean {
    const { values } = this;
    let stamp = ctx.clock.baseEpochSec + ctx.clock.sec;
    if (stamp < values.dateStart || stamp > values.dateStop) return false;
    const daytime = stamp % DAY_SEC;
    if (values.dayStart < values.dayStop) {
      if (daytime < values.dayStart || daytime > values.dayStop) return false;
    } else {
      if (daytime < values.dayStart && daytime > values.dayStop) return false;
      if (values.contiguous && daytime <= values.dayStop) stamp -= DAY_SEC;
    }
    const days = Math.floor(stamp / DAY_SEC);
    // 1 January 1970 was a Thursday, day 4 of weeks that begin with Monday, 1.
    if ((values.weekDays & (1 << (((days + 3) % 7) + 1))) === 0) return false;
    if (values.monthDays === ALL_MONTH_DAYS) return true;
    return (values.monthDays & (1 << dayOfMonth(days))) !== 0;
  }
}

/**
 * Day of the month of a day number since 1970, for years up to 2100, in which every fourth year is a
 * leap year. Years begin in March here, so that the day of a leap year is their last.
 */
export function dayOfMonth(days: number): number {
  // 1 March 1968 was 671 days before; from there on 1461 days are four years.
  const day = (days + 671) % 1461;
  const ofYear = day === 1460 ? 365 : day % 365;
  // Five months from March on have 153 days together, and the pattern repeats.
  const month = Math.floor((5 * ofYear + 2) / 153);
  return ofYear - Math.floor((153 * month + 2) / 5) + 1;
}

function finish(value: TimeValues): void {
  if (value.contiguous && value.dayStart < value.dayStop) {
    const words = 'time: --contiguous only makes sense when stoptime is smaller than starttime';
    throw new RuleFault('bad-value', words);
  }
}

function listWords(value: TimeValues): string {
  const parts = ['TIME'];
  if (!isWholeDay(value)) {
    parts.push(`from ${daytimeText(value.dayStart)} to ${daytimeText(value.dayStop)}`);
  }
  if (value.weekDays !== ALL_WEEK_DAYS) parts.push(`on ${weekDaysText(value.weekDays)}`);
  if (value.monthDays !== ALL_MONTH_DAYS) parts.push(`on ${monthDaysText(value.monthDays, true)}`);
  if (value.dateStart !== 0) parts.push(`starting from ${dateText(value.dateStart, ' ')}`);
  if (value.dateStop === 0) parts.push('until date');
  else if (value.dateStop !== LAST_DATE) parts.push(`until date ${dateText(value.dateStop, ' ')}`);
  if (!value.kernelZone) parts.push('UTC');
  if (value.contiguous) parts.push('contiguous');
  return parts.join(' ');
}

export const time = defineMatch<TimeValues>({
  name: 'time',
  options,
  initial: () => ({
    dateStart: 0,
    dateStop: LAST_DATE,
    dayStart: 0,
    dayStop: LAST_SECOND,
    monthDays: ALL_MONTH_DAYS,
    weekDays: ALL_WEEK_DAYS,
    contiguous: false,
    kernelZone: false,
  }),
  finish,
  unenforced: (value) =>
    value.kernelZone
      ? "--kerneltz: the kernel's time zone is taken to be UTC, which it is unless it was set"
      : null,
  list: listWords,
  evaluator: (values) => new TimeEvaluator({ ...values }),
});
