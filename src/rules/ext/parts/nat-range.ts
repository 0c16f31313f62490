import { Proto } from '../../../wire/index.ts';
import { formatWords, parseHostWords } from '../../address.ts';
import type { NatRange, RuleContext, VerdictCode } from '../../context.ts';
import { RuleFault } from '../../errors.ts';
import type { ParseScope, TargetEvaluator } from '../../extension.ts';
import { parseUnsigned } from '../../numbers.ts';
import { type OptionSpec, shown } from '../../options.ts';

/** What SNAT, DNAT, MASQUERADE and REDIRECT have in common: ranges of addresses and ports. */

export type NatValues = { -readonly [K in keyof NatRange]-?: NatRange[K] } & {
  /** True where ports were given, be they 0. */
  hasPorts: boolean;
  /** True where `/BASE` was given. */
  isShifted: boolean;
};

/**
 * What becomes of `/BASE` behind a range of ports: taken as it is, printed as 0 (its structure in the
 * kernel has no place for it), or refused.
 */
export type BaseUse = 'taken' | 'lost' | 'refused';

export const initialRange = (): NatValues => ({
  minAddress: null,
  maxAddress: null,
  minPort: 0,
  maxPort: 0,
  basePort: 0,
  random: false,
  randomFully: false,
  persistent: false,
  hasPorts: false,
  isShifted: false,
});

/** Which of the engine's translations a target asks for. */
type Translation = 'sourceNat' | 'destinationNat' | 'masquerade' | 'redirect';

/** What each of the four targets does with its range: once a connection, so no part of the hot path. */
export class NatEvaluator implements TargetEvaluator {
  private readonly translation: Translation;
  private readonly range: NatRange;

  constructor(translation: Translation, values: NatValues) {
    this.translation = translation;
    const { hasPorts: _hasPorts, isShifted: _isShifted, ...range } = values;
    this.range = range;
  }

  apply(ctx: RuleContext): VerdictCode {
    return ctx.actions[this.translation](this.range);
  }
}

const DCCP = 33;
/** UDP-Lite and ICMPv6 are not among them, in either family. */
const withPorts: readonly number[] = [Proto.Tcp, Proto.Udp, Proto.Sctp, DCCP, Proto.Icmp];

const notValid = (text: string) => new RuleFault('bad-value', `Port \`${text}' not valid`);

/** The number that a text begins with, as strtoul finds it, and what follows; null for neither. */
function leadingPort(text: string): { port: number; rest: string } | null {
  const [digits] = /^(0[xX][0-9a-fA-F]+|\d+)/.exec(text) ?? [];
  const port = digits === undefined ? null : parseUnsigned(digits, 0xffff);
  if (digits === undefined || port === null) return null;
  return { port, rest: text.slice(digits.length) };
}

/** `PORT`, `PORT-PORT`, a service name, and with a base also `PORT-PORT/BASE`. */
function parseNatPorts(value: NatValues, text: string, scope: ParseScope, base: BaseUse): void {
  if (!withPorts.includes(scope.protocol)) {
    throw new RuleFault('bad-value', 'Need TCP, UDP, SCTP or DCCP with port specification');
  }
  value.hasPorts = true;
  const first = leadingPort(text);
  if (first === null) {
    const named = scope.services.port(text, '');
    if (named === null) throw notValid(text);
    value.minPort = value.maxPort = named;
    return;
  }
  value.minPort = value.maxPort = first.port;
  if (first.rest === '') return;
  if (first.rest.startsWith(':')) {
    throw new RuleFault('bad-value', 'Invalid port:port syntax - use dash');
  }
  if (!first.rest.startsWith('-')) {
    throw new RuleFault('bad-value', `Garbage after port value: \`${first.rest}'`);
  }
  const tail = parseRangeEnd(value, first.rest.slice(1));
  if (tail !== '') parseBase(value, tail, scope, base);
}

/** Reads the second port; returns what follows it. */
function parseRangeEnd(value: NatValues, text: string): string {
  const last = leadingPort(text);
  if (last === null) throw notValid(text);
  value.maxPort = last.port;
  if (value.maxPort < value.minPort) {
    throw new RuleFault('bad-value', `Port range \`${text}' funky`);
  }
  return last.rest;
}

function parseBase(value: NatValues, tail: string, scope: ParseScope, use: BaseUse): void {
  if (!tail.startsWith('/')) {
    throw new RuleFault('bad-value', `Garbage after port range: \`${tail}'`);
  }
  const text = tail.slice(1);
  const port = leadingPort(text)?.port ?? scope.services.port(text, '');
  if (!port) throw notValid(text);
  if (use === 'refused') {
    throw new RuleFault('bad-value', 'Shifted portmap ranges not supported with this kernel');
  }
  value.isShifted = true;
  value.basePort = use === 'taken' ? port : 0;
}

function natAddress(text: string, scope: ParseScope): readonly number[] {
  // A NAT address is written in full; only -s and -d take short forms.
  const whole = scope.family === 6 || text.split('.').length === 4;
  const words = whole ? parseHostWords(text, scope.family) : null;
  if (words === null) throw new RuleFault('bad-address', `Bad IP address "${text}"`);
  return words;
}

/** Takes `1.1.1.1-1.1.1.9:80`, `[2001:db8::1]:80` or `2001:db8::1` apart at the port. */
function splitPort(text: string, scope: ParseScope): { addresses: string; ports: string | null } {
  const open = text.indexOf('[');
  if (open >= 0) {
    const end = text.indexOf(']', open);
    if (end < 0 || scope.family === 4) {
      throw new RuleFault('bad-value', 'Invalid address format');
    }
    // What stands before the bracket, and between it and the colon, is passed over.
    const colon = text.indexOf(':', end);
    return {
      addresses: text.slice(open + 1, end),
      ports: colon < 0 ? null : text.slice(colon + 1),
    };
  }
  const colon = text.indexOf(':');
  if (colon < 0 || text.includes(':', colon + 1)) return { addresses: text, ports: null };
  return { addresses: text.slice(0, colon), ports: text.slice(colon + 1) };
}

/** Reads the argument of `--to-source` and `--to-destination`. */
function parseNatRange(value: NatValues, text: string, scope: ParseScope, base: BaseUse): void {
  const { addresses, ports } = splitPort(text, scope);
  if (ports !== null) parseNatPorts(value, ports, scope, base);
  if (addresses === '' && ports !== null) return;
  const [low = '', high] = addresses.split(/-(.*)/s, 2);
  value.minAddress = natAddress(low, scope);
  value.maxAddress = high === undefined ? value.minAddress : natAddress(high, scope);
}

/** `1024` or `1024-2048`, with `/BASE` where there is one; '' for none. */
export function formatNatPorts(value: NatValues): string {
  const { hasPorts, minPort, maxPort, isShifted, basePort } = value;
  if (!hasPorts) return '';
  const ports = minPort === maxPort ? `${minPort}` : `${minPort}-${maxPort}`;
  return isShifted ? `${ports}/${basePort}` : ports;
}

export function formatNatRange(value: NatValues): string {
  const { minAddress, maxAddress } = value;
  let text = '';
  if (minAddress !== null && maxAddress !== null) {
    text = formatWords(minAddress);
    const last = formatWords(maxAddress);
    if (last !== text) text += `-${last}`;
    if (minAddress.length === 4 && value.hasPorts) text = `[${text}]`;
  }
  const ports = formatNatPorts(value);
  return ports === '' ? text : `${text}:${ports}`;
}

const flags = {
  random: 'random',
  'random-fully': 'randomFully',
  persistent: 'persistent',
} as const;
type FlagName = keyof typeof flags;

const flagHelp: Readonly<Record<FlagName, string>> = {
  random: 'choose source ports at random',
  'random-fully': 'choose source ports wholly at random',
  persistent: 'give a client the same address for all its connections',
};

export function flagOption(name: FlagName): OptionSpec<NatValues> {
  const field = flags[name];
  return {
    name,
    args: 0,
    help: flagHelp[name],
    set: (value) => {
      value[field] = true;
    },
    save: (value) => (value[field] ? shown('') : null),
  };
}

/** `--to-source` and `--to-destination`. */
export function toRangeOption(name: string, what: string, base: BaseUse): OptionSpec<NatValues> {
  const ports = base === 'taken' ? 'PORT[-PORT[/PORT]]' : 'PORT[-PORT]';
  return {
    name,
    args: 1,
    argument: `[ADDRESS[-ADDRESS]][:${ports}]`,
    help: `${what} address and ports to translate to`,
    required: true,
    set: (value, [text = ''], _negated, scope) => parseNatRange(value, text, scope, base),
    save: (value) => shown(formatNatRange(value)),
  };
}

/** `--to-ports` of MASQUERADE and REDIRECT. */
export function toPortsOption(help: string, base: BaseUse): OptionSpec<NatValues> {
  return {
    name: 'to-ports',
    args: 1,
    argument: 'PORT[-PORT]',
    help,
    set: (value, [text = ''], _negated, scope) => parseNatPorts(value, text, scope, base),
    save: (value) => (value.hasPorts ? shown(formatNatPorts(value)) : null),
  };
}

/** The words of -L: `head` where it is not empty, then the flags. */
export function listNat(head: string, value: NatValues): string {
  const words = head === '' ? [] : [head];
  for (const [word, field] of Object.entries(flags)) if (value[field]) words.push(word);
  return words.join(' ');
}
