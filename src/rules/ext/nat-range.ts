import { Proto } from '../../wire/index.ts';
import { formatWords, parseHostWords } from '../address.ts';
import type { NatRange, RuleContext, VerdictCode } from '../context.ts';
import { RuleFault } from '../errors.ts';
import type { ParseScope, TargetEvaluator } from '../extension.ts';
import { parseUnsigned } from '../numbers.ts';
import { type OptionSpec, shown } from '../options.ts';

/** What SNAT, DNAT, MASQUERADE and REDIRECT have in common: ranges of addresses and ports. */

export type NatValues = { -readonly [K in keyof NatRange]-?: NatRange[K] };

export const initialRange = (): NatValues => ({
  minAddress: null,
  maxAddress: null,
  minPort: 0,
  maxPort: 0,
  basePort: 0,
  random: false,
  randomFully: false,
  persistent: false,
});

/** Which of the engine's translations a target asks for. */
type Translation = 'sourceNat' | 'destinationNat' | 'masquerade' | 'redirect';

/** What each of the four targets does with its range: once a connection, so no part of the hot path. */
export class NatEvaluator implements TargetEvaluator {
  private readonly translation: Translation;
  private readonly range: NatRange;

  constructor(translation: Translation, values: NatValues) {
    this.translation = translation;
    this.range = { ...values };
  }

  apply(ctx: RuleContext): VerdictCode {
    return ctx.actions[this.translation](this.range);
  }
}

const DCCP = 33;
const withPorts: readonly number[] = [
  Proto.Tcp,
  Proto.Udp,
  Proto.Sctp,
  DCCP,
  Proto.Icmp,
  Proto.UdpLite,
];

function natPort(text: string, whole: string): number {
  const port = parseUnsigned(text, 0xffff);
  if (!port) throw new RuleFault('bad-value', `Port \`${whole}' not valid`);
  return port;
}

/** `PORT`, `PORT-PORT`, a service name, and with `withBase` also `PORT-PORT/BASE`. */
export function parseNatPorts(
  value: NatValues,
  text: string,
  scope: ParseScope,
  withBase: boolean,
): void {
  if (!withPorts.includes(scope.protocol)) {
    throw new RuleFault('bad-value', 'Need TCP, UDP, SCTP or DCCP with port specification');
  }
  const slash = text.indexOf('/');
  if (slash >= 0 && !withBase) {
    throw new RuleFault('bad-value', 'Shifted portmap ranges not supported with this kernel');
  }
  const ports = slash < 0 ? text : text.slice(0, slash);
  if (/^\d/.test(ports)) parseNumericPorts(value, ports);
  else value.maxPort = value.minPort = scope.services.port(ports, '') ?? natPort(ports, ports);
  if (slash >= 0) {
    if (!ports.includes('-')) throw garbage(text.slice(slash));
    const base = text.slice(slash + 1);
    value.basePort = scope.services.port(base, '') ?? natPort(base, base);
  }
}

const garbage = (rest: string) =>
  new RuleFault('bad-value', `Garbage after port value: \`${rest}'`);

function parseNumericPorts(value: NatValues, ports: string): void {
  if (ports.includes(':')) throw new RuleFault('bad-value', 'Invalid port:port syntax - use dash');
  const [low = '', high] = ports.split(/-(.*)/s, 2);
  const tail = /^\d+(\D.*)$/s.exec(low)?.[1];
  if (tail !== undefined && parseUnsigned(low, 0xffff) === null) throw garbage(tail);
  value.minPort = natPort(low, ports);
  value.maxPort = high === undefined ? value.minPort : natPort(high, high);
  if (value.maxPort < value.minPort) {
    throw new RuleFault('bad-value', `Port range \`${high ?? ''}' funky`);
  }
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
  if (scope.family === 4) {
    const colon = text.indexOf(':');
    if (colon < 0) return { addresses: text, ports: null };
    return { addresses: text.slice(0, colon), ports: text.slice(colon + 1) };
  }
  if (!text.startsWith('[')) {
    const onlyPorts = text.startsWith(':') && text.indexOf(':', 1) < 0;
    return onlyPorts ? { addresses: '', ports: text.slice(1) } : { addresses: text, ports: null };
  }
  const end = text.indexOf(']');
  const tail = text.slice(end + 1);
  if (end < 0 || (tail !== '' && !tail.startsWith(':'))) {
    throw new RuleFault('bad-value', 'Invalid address format');
  }
  return { addresses: text.slice(1, end), ports: tail === '' ? null : tail.slice(1) };
}

/** Reads the argument of `--to-source` and `--to-destination`. */
export function parseNatRange(
  value: NatValues,
  text: string,
  scope: ParseScope,
  withBase: boolean,
): void {
  const { addresses, ports } = splitPort(text, scope);
  if (ports !== null) parseNatPorts(value, ports, scope, withBase);
  if (addresses === '' && ports !== null) return;
  const [low = '', high] = addresses.split(/-(.*)/s, 2);
  value.minAddress = natAddress(low, scope);
  value.maxAddress = high === undefined ? value.minAddress : natAddress(high, scope);
}

/** `1024` or `1024-2048`, with `/BASE` where there is one; '' for none. */
export function formatNatPorts({ minPort, maxPort, basePort }: NatValues): string {
  if (minPort === 0) return '';
  const ports = minPort === maxPort ? `${minPort}` : `${minPort}-${maxPort}`;
  return basePort === 0 ? ports : `${ports}/${basePort}`;
}

export function formatNatRange(value: NatValues): string {
  const { minAddress, maxAddress } = value;
  let text = '';
  if (minAddress !== null && maxAddress !== null) {
    text = formatWords(minAddress);
    const last = formatWords(maxAddress);
    if (last !== text) text += `-${last}`;
    if (minAddress.length === 4 && value.minPort !== 0) text = `[${text}]`;
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

export function flagOption(name: FlagName): OptionSpec<NatValues> {
  const field = flags[name];
  return {
    name,
    args: 0,
    set: (value) => {
      value[field] = true;
    },
    save: (value) => (value[field] ? shown('') : null),
  };
}

/** `--to-ports` of MASQUERADE and REDIRECT. */
export const toPortsOption: OptionSpec<NatValues> = {
  name: 'to-ports',
  args: 1,
  set: (value, [text = ''], _negated, scope) => parseNatPorts(value, text, scope, false),
  save: (value) => (value.minPort === 0 ? null : shown(formatNatPorts(value))),
};

/** The words of -L: `head` where it is not empty, then the flags. */
export function listNat(head: string, value: NatValues): string {
  const words = head === '' ? [] : [head];
  for (const [word, field] of Object.entries(flags)) if (value[field]) words.push(word);
  return words.join(' ');
}
