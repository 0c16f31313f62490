import { Direction, type DirectionCode, Status } from '../../../conntrack/index.ts';
import { RuleFault } from '../../errors.ts';
import type { PortRange } from '../../numbers.ts';
import { parseProtocol } from '../../protocols.ts';
import type { HostMask } from './host-mask.ts';
import { badOptionValue, type NumberRange } from './option-values.ts';

/** What `-m conntrack` keeps of its options, and their words. */

export interface Masked {
  readonly mask: number;
  readonly negated: boolean;
}

export type HostCondition = HostMask & { readonly negated: boolean };
export type PortsCondition = PortRange & { readonly negated: boolean };

export interface ConntrackValues {
  state: Masked | null;
  protocol: { readonly number: number; readonly negated: boolean } | null;
  originalSource: HostCondition | null;
  originalDestination: HostCondition | null;
  replySource: HostCondition | null;
  replyDestination: HostCondition | null;
  originalSourcePort: PortsCondition | null;
  originalDestinationPort: PortsCondition | null;
  replySourcePort: PortsCondition | null;
  replyDestinationPort: PortsCondition | null;
  status: Masked | null;
  expire: (NumberRange & { readonly negated: boolean }) | null;
  direction: DirectionCode | null;
}

/** NONE, which has no bit, is printed where nothing else is. */
const statusBits: readonly (readonly [string, number])[] = [
  ['NONE', 0],
  ['EXPECTED', Status.Expected],
  ['SEEN_REPLY', Status.SeenReply],
  ['ASSURED', Status.Assured],
  ['CONFIRMED', Status.Confirmed],
];

/** Reads `ASSURED,CONFIRMED`; a beginning of a name will do, as in iptables. */
export function parseStatuses(text: string): number {
  return text.split(',').reduce((mask, word) => {
    const upper = word.toUpperCase();
    const found = statusBits.find(([name]) => word !== '' && name.startsWith(upper));
    if (found === undefined) throw new RuleFault('bad-value', `Bad ctstatus "${word}"`);
    return mask | found[1];
  }, 0);
}

export function formatStatuses(mask: number): string {
  const names = statusBits.filter(([, bit]) => (mask & bit) !== 0).map(([name]) => name);
  return names.length === 0 ? 'NONE' : names.join(',');
}

const directionNames: readonly (readonly [string, DirectionCode])[] = [
  ['ORIGINAL', Direction.Original],
  ['REPLY', Direction.Reply],
];

export function parseDirection(text: string): DirectionCode {
  const found = directionNames.find(([name]) => name === text.toUpperCase());
  if (found === undefined) throw badOptionValue('conntrack', 'ctdir', text);
  return found[1];
}

export const formatDirection = (direction: DirectionCode) => directionNames[direction]![0];

/** A protocol; 0 fits no connection, and is refused as iptables 1.8.10 and later do. */
export function parseCtProtocol(text: string): number {
  const number = parseProtocol(text);
  if (number === 0) throw new RuleFault('bad-value', 'conntrack: rule would never match protocol');
  return number;
}
