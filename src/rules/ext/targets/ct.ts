import { Proto } from '../../../wire/index.ts';
import {
  type RuleContext,
  type TimeoutPolicy,
  Verdict,
  type VerdictCode,
  ZoneSide,
  type ZoneSideCode,
} from '../../context.ts';
import { NO_SUCH_NAME, RuleFault } from '../../errors.ts';
import { type CheckPlace, defineTarget, type TargetEvaluator } from '../../extension.ts';
import type { Rule } from '../../model.ts';
import { parseUnsigned } from '../../numbers.ts';
import { type OptionSpec, shown } from '../../options.ts';
import { isKernelHelper, kernelHasHelper } from '../parts/kernel-helpers.ts';
import { refused } from '../parts/match-place.ts';
import { cutText } from '../parts/option-values.ts';

/** `-j CT`: how a connection that begins here is tracked, and its old spelling `-j NOTRACK`. */

interface CtValues {
  notrack: boolean;
  helper: string;
  timeout: string;
  events: readonly string[];
  expectEvents: readonly string[];
  zone: number;
  zoneFromMark: boolean;
  zoneOriginal: boolean;
  zoneReply: boolean;
}

const initial = (): CtValues => ({
  notrack: false,
  helper: '',
  timeout: '',
  events: [],
  expectEvents: [],
  zone: 0,
  zoneFromMark: false,
  zoneOriginal: false,
  zoneReply: false,
});

class CtEvaluator implements TargetEvaluator {
  private readonly notrack: boolean;
  private readonly helper: string;
  private readonly comment: string;
  private readonly policy: TimeoutPolicy | null;
  private readonly zone: number;
  private readonly zoneFromMark: boolean;
  private readonly side: ZoneSideCode;

  constructor(values: CtValues, policy: TimeoutPolicy | null, comment: string) {
    this.notrack = values.notrack;
    this.helper = isKernelHelper(values.helper) ? '' : values.helper;
    this.comment = comment;
    this.policy = policy;
    this.zone = values.zone;
    this.zoneFromMark = values.zoneFromMark;
    this.side = sideOf(values);
  }

  apply(ctx: RuleContext): VerdictCode {
    const { actions } = ctx;
    if (ctx.templated) return Verdict.Continue;
    ctx.templated = true;
    if (this.notrack) {
      // xt_ct_tg_check builds no template for untracked packets: the rest is not reached.
      actions.notrack();
      return Verdict.Continue;
    }
    if (this.zoneFromMark) actions.assignZone(ctx.mark & 0xffff, this.side);
    else if (this.zone !== 0) actions.assignZone(this.zone, this.side);
    if (this.helper !== '') actions.assignHelper(this.helper, this.comment);
    if (this.policy !== null) actions.assignTimeouts(this.policy);
    return Verdict.Continue;
  }
}

/** Both together are no direction: the zone is for both (xt_ct_flags_to_dir). */
function sideOf({ zoneOriginal, zoneReply }: CtValues): ZoneSideCode {
  if (zoneOriginal === zoneReply) return ZoneSide.Both;
  return zoneOriginal ? ZoneSide.Original : ZoneSide.Reply;
}

const eventNames = [
  'new',
  'related',
  'destroy',
  'reply',
  'assured',
  'protoinfo',
  'helper',
  'mark',
  'natseqinfo',
  'secmark',
];

/** The names in their fixed order, whatever order they were written in. */
function parseEvents(text: string, known: readonly string[]): readonly string[] {
  const words = text.split(',');
  for (const word of words) {
    if (!known.includes(word)) {
      throw new RuleFault('bad-value', `Unknown event type "${word}"`);
    }
  }
  return known.filter((name) => words.includes(name));
}

function setZone(values: CtValues, text: string): void {
  if (text === 'mark') {
    values.zoneFromMark = true;
    return;
  }
  const zone = parseUnsigned(text, 0xffff);
  if (zone === null) throw new RuleFault('bad-value', `Cannot parse ${text} as a zone ID`);
  values.zone = zone;
}

function zoneOption(
  name: string,
  help: string,
  flags: Partial<CtValues>,
  side: ZoneSideCode,
): OptionSpec<CtValues> {
  return {
    name,
    args: 1,
    argument: 'ID|mark',
    help,
    set: (values, [text = '']) => {
      setZone(values, text);
      Object.assign(values, flags);
    },
    save: (values) => {
      if (sideOf(values) !== side) return null;
      if (values.zoneFromMark) return shown('mark');
      return values.zone === 0 ? null : shown(String(values.zone));
    },
  };
}

/** A name that is printed as it is, without quotes. */
function nameOption(
  field: 'helper' | 'timeout',
  maxBytes: number,
  help: string,
): OptionSpec<CtValues> {
  return {
    name: field,
    args: 1,
    argument: 'NAME',
    help,
    set: (values, [text = '']) => {
      values[field] = cutText(text, maxBytes);
    },
    save: (values) => (values[field] === '' ? null : shown(values[field])),
  };
}

function eventOption(
  name: string,
  field: 'events' | 'expectEvents',
  known: readonly string[],
  help: string,
): OptionSpec<CtValues> {
  return {
    name,
    args: 1,
    argument: 'EVENT[,EVENT...]',
    help,
    set: (values, [text = '']) => {
      values[field] = parseEvents(text, known);
    },
    save: (values) => (values[field].length === 0 ? null : shown(values[field].join(','))),
  };
}

const options: readonly OptionSpec<CtValues>[] = [
  {
    name: 'notrack',
    args: 0,
    help: 'do not track the connection',
    set: (values) => {
      values.notrack = true;
    },
    save: (values) => (values.notrack ? shown('') : null),
  },
  // Lengths of the fields in xt_ct_target_info_v1, less the closing NUL.
  nameOption('helper', 15, 'connection tracking helper to use'),
  nameOption('timeout', 31, 'timeout policy to use'),
  eventOption('ctevents', 'events', eventNames, 'events of the connection to report'),
  eventOption('expevents', 'expectEvents', ['new'], 'events of expectations to report'),
  zoneOption('zone', 'zone of the connection', {}, ZoneSide.Both),
  zoneOption(
    'zone-orig',
    'zone of the original direction',
    { zoneOriginal: true },
    ZoneSide.Original,
  ),
  zoneOption('zone-reply', 'zone of the reply direction', { zoneReply: true }, ZoneSide.Reply),
];

function checkHelper(helper: string, rule: Rule, place: CheckPlace): void {
  // xt_ct_find_proto: no protocol, or a negated one, is none.
  const protocol = rule.protocol === null || rule.protocol.negated ? 0 : rule.protocol.number;
  if (place.helpers.includes(helper)) {
    if (protocol === Proto.Tcp) return;
    throw new RuleFault('unknown-helper', NO_SUCH_NAME, `CT --helper ${helper} needs -p tcp`);
  }
  if (kernelHasHelper(helper, rule.family, protocol)) return;
  const detail = isKernelHelper(helper)
    ? `CT --helper ${helper} does not exist for this -p`
    : `CT: helpers known here: ${place.helpers.join(', ')}`;
  throw new RuleFault('unknown-helper', NO_SUCH_NAME, detail);
}

function checkTimeout(name: string, rule: Rule, place: CheckPlace): void {
  const { protocol } = rule;
  if (protocol === null || protocol.negated) {
    throw refused(`CT --timeout ${name} needs a -p`);
  }
  const policy = place.timeouts.get(name);
  if (policy === undefined) {
    throw new RuleFault('unknown-helper', NO_SUCH_NAME, `CT: no timeout policy ${name}`);
  }
  // nf_ct_set_timeout: a policy is for one protocol over one family.
  if (policy.family === rule.family && policy.protocol === protocol.number) return;
  const detail = `CT: timeout policy ${name} is for another protocol`;
  throw refused(detail);
}

export const ct = defineTarget<CtValues>({
  name: 'CT',
  tables: ['raw'],
  options,
  initial,
  check: ({ helper, timeout, notrack }, rule, place) => {
    if (notrack) return;
    if (helper !== '') checkHelper(helper, rule, place);
    if (timeout !== '') checkTimeout(timeout, rule, place);
  },
  list: (values) => {
    const words = ['CT'];
    for (const option of options) {
      const printed = option.save?.(values) ?? null;
      if (printed !== null) words.push(`${option.name} ${printed.text}`.trimEnd());
    }
    return words.join(' ');
  },
  unenforced: ({ helper, events, expectEvents, notrack }) => {
    if (notrack) return null;
    if (isKernelHelper(helper)) {
      return `there is no helper ${helper} here: connections are tracked without one`;
    }
    if (events.length === 0 && expectEvents.length === 0) return null;
    return '--ctevents and --expevents narrow nothing here: listeners choose what they see';
  },
  // Of a connection that is there a template says no more than its zone.
  steady: ({ notrack }) => !notrack,
  evaluator: (values, { timeouts, comment }) =>
    new CtEvaluator(values, timeouts.get(values.timeout) ?? null, comment),
});

export const notrack = defineTarget<Record<string, never>>({
  name: 'NOTRACK',
  // The kernel knows it as CT; -L prints that name.
  listName: 'CT',
  tables: ['raw'],
  options: [],
  initial: () => ({}),
  list: () => 'NOTRACK',
  evaluator: () => new CtEvaluator({ ...initial(), notrack: true }, null, ''),
});
