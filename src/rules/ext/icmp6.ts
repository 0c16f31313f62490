import { Proto } from '../../wire/index.ts';
import { defineMatch } from '../extension.ts';
import {
  type IcmpDialect,
  IcmpEvaluator,
  type IcmpValues,
  icmpBounds,
  icmpOption,
  listIcmp,
} from './icmp-types.ts';

/** `-m icmp6`. Where two names mean the same, the first is printed. */
const dialect: IcmpDialect = {
  option: 'icmpv6-type',
  family: 'ICMPv6',
  label: 'ipv6-icmp',
  hasAny: false,
  names: [
    ['destination-unreachable', 1, 0, 255],
    ['no-route', 1, 0, 0],
    ['communication-prohibited', 1, 1, 1],
    ['beyond-scope', 1, 2, 2],
    ['address-unreachable', 1, 3, 3],
    ['port-unreachable', 1, 4, 4],
    ['failed-policy', 1, 5, 5],
    ['reject-route', 1, 6, 6],
    ['packet-too-big', 2, 0, 255],
    ['time-exceeded', 3, 0, 255],
    ['ttl-exceeded', 3, 0, 255],
    ['ttl-zero-during-transit', 3, 0, 0],
    ['ttl-zero-during-reassembly', 3, 1, 1],
    ['parameter-problem', 4, 0, 255],
    ['bad-header', 4, 0, 0],
    ['unknown-header-type', 4, 1, 1],
    ['unknown-option', 4, 2, 2],
    ['echo-request', 128, 0, 255],
    ['ping', 128, 0, 255],
    ['echo-reply', 129, 0, 255],
    ['pong', 129, 0, 255],
    ['router-solicitation', 133, 0, 255],
    ['router-advertisement', 134, 0, 255],
    ['neighbour-solicitation', 135, 0, 255],
    ['neighbor-solicitation', 135, 0, 255],
    ['neighbour-advertisement', 136, 0, 255],
    ['neighbor-advertisement', 136, 0, 255],
    ['redirect', 137, 0, 255],
  ],
};

export const icmp6 = defineMatch<IcmpValues>({
  name: 'icmp6',
  families: [6],
  protocol: Proto.Icmpv6,
  options: [icmpOption(dialect)],
  initial: () => ({ type: 0, min: 0, max: 255, negated: false }),
  list: (value, view) => listIcmp(value, dialect, view),
  bounds: (value) => icmpBounds(value, dialect),
  evaluator: (value) => new IcmpEvaluator(value, dialect),
});
