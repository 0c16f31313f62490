import { listAddressMatch } from '../../address.ts';
import { RuleFault } from '../../errors.ts';
import { defineMatch, type ListView } from '../../extension.ts';
import { formatPortRange } from '../../numbers.ts';
import { type OptionSpec, type Printed, shown } from '../../options.ts';
import { ConntrackEvaluator } from '../parts/conntrack-evaluator.ts';
import {
  type ConntrackValues,
  formatDirection,
  formatStatuses,
  type HostCondition,
  parseCtProtocol,
  parseDirection,
  parseStatuses,
} from '../parts/conntrack-values.ts';
import { formatHostMask, parseHostMask } from '../parts/host-mask.ts';
import { formatRange, MAX_UINT32, readRange } from '../parts/option-values.ts';
import { resolvePortRange } from '../parts/ports.ts';
import { formatStates, parseStates, plainStateAnswer, StateEvaluator } from '../parts/states.ts';

/** `-m conntrack`: state, tuples, status and lifetime of the packet's connection. */

type HostField = 'originalSource' | 'originalDestination' | 'replySource' | 'replyDestination';
type PortField = `${HostField}Port`;

const hosts: readonly (readonly [string, HostField, string])[] = [
  ['ctorigsrc', 'originalSource', 'source of the first packet'],
  ['ctorigdst', 'originalDestination', 'destination of the first packet'],
  ['ctreplsrc', 'replySource', 'source of the answers'],
  ['ctrepldst', 'replyDestination', 'destination of the answers'],
];

function hostOption([name, field, help]: (typeof hosts)[number]): OptionSpec<ConntrackValues> {
  return {
    name,
    args: 1,
    argument: 'ADDRESS[/MASK]',
    help,
    negatable: true,
    set: (value, [text = ''], negated, scope) => {
      value[field] = { ...parseHostMask(text, scope.family), negated };
    },
    save: (value) => printed(value[field], formatHostMask),
  };
}

function portOption([host, field, help]: (typeof hosts)[number]): OptionSpec<ConntrackValues> {
  const name = `${host}port`;
  const portField: PortField = `${field}Port`;
  return {
    name,
    args: 1,
    argument: 'PORT[:PORT]',
    help: help.replace(/^(source|destination)/, '$1 port'),
    negatable: true,
    set: (value, [text = ''], negated, scope) => {
      value[portField] = { ...resolvePortRange('conntrack', name, text, scope), negated };
    },
    save: (value) => printed(value[portField], formatPortRange),
  };
}

function printed<T extends { readonly negated: boolean }>(
  condition: T | null,
  format: (condition: T) => string,
): Printed | null {
  return condition === null ? null : shown(format(condition), condition.negated);
}

const options: readonly OptionSpec<ConntrackValues>[] = [
  {
    name: 'ctstate',
    args: 1,
    argument: 'STATE[,STATE…]',
    help: 'INVALID, NEW, RELATED, ESTABLISHED, UNTRACKED, SNAT or DNAT',
    negatable: true,
    set: (value, [text = ''], negated) => {
      value.state = { mask: parseStates(text, 'ctstate'), negated };
    },
    save: ({ state }) => printed(state, ({ mask }) => formatStates(mask)),
  },
  {
    name: 'ctproto',
    args: 1,
    argument: 'PROTOCOL',
    help: 'protocol of the connection, by name or number',
    negatable: true,
    set: (value, [text = ''], negated) => {
      value.protocol = { number: parseCtProtocol(text), negated };
    },
    save: ({ protocol }) => printed(protocol, ({ number }) => String(number)),
  },
  ...hosts.map(hostOption),
  ...hosts.map(portOption),
  {
    name: 'ctstatus',
    args: 1,
    argument: 'STATUS[,STATUS…]',
    help: 'NONE, EXPECTED, SEEN_REPLY, ASSURED or CONFIRMED',
    negatable: true,
    set: (value, [text = ''], negated) => {
      value.status = { mask: parseStatuses(text), negated };
    },
    save: ({ status }) => printed(status, ({ mask }) => formatStatuses(mask)),
  },
  {
    name: 'ctexpire',
    args: 1,
    argument: 'SECONDS[:SECONDS]',
    help: 'what is left of its lifetime',
    negatable: true,
    set: (value, [text = ''], negated) => {
      value.expire = { ...readRange('conntrack', 'ctexpire', text, MAX_UINT32), negated };
    },
    save: ({ expire }) => printed(expire, formatRange),
  },
  {
    name: 'ctdir',
    args: 1,
    argument: 'ORIGINAL|REPLY',
    help: 'which way the packet goes',
    set: (value, [text = '']) => {
      value.direction = parseDirection(text);
    },
    save: ({ direction }) => (direction === null ? null : shown(formatDirection(direction))),
  },
];

const isEmpty = (value: ConntrackValues) => Object.values(value).every((part) => part === null);
const asksStateOnly = (value: ConntrackValues) =>
  Object.entries(value).every(([key, part]) => (key === 'state') === (part !== null));

/** In -L an address is shown as -L shows addresses; all else reads as in iptables-save. */
function listHost(condition: HostCondition, view: ListView): string {
  return listAddressMatch(condition, view.numeric, view.family);
}

export const conntrack = defineMatch<ConntrackValues>({
  name: 'conntrack',
  options,
  initial: () => ({
    state: null,
    protocol: null,
    originalSource: null,
    originalDestination: null,
    replySource: null,
    replyDestination: null,
    originalSourcePort: null,
    originalDestinationPort: null,
    replySourcePort: null,
    replyDestinationPort: null,
    status: null,
    expire: null,
    direction: null,
  }),
  finish: (value) => {
    if (isEmpty(value)) {
      throw new RuleFault('missing-option', 'conntrack: At least one option is required');
    }
  },
  list: (value, view) => {
    const words = options.flatMap((option) => {
      const found = option.save?.(value) ?? null;
      if (found === null) return [];
      const host = hosts.find(([name]) => name === option.name);
      const condition = host === undefined ? null : value[host[1]];
      const text = condition === null ? found.text : listHost(condition, view);
      return [`${found.negated ? '! ' : ''}${option.name} ${text}`];
    });
    return words.join(' ');
  },
  // All but the time to live of a connection is fixed once it is established and its status final.
  steady: ({ expire }) => expire === null,
  plainAnswer: (value) =>
    value.state !== null && asksStateOnly(value) ? plainStateAnswer(value.state) : null,
  evaluator: (value) => {
    // Most rules ask for the state alone: that is one comparison.
    if (value.state !== null && asksStateOnly(value)) return new StateEvaluator(value.state);
    return new ConntrackEvaluator(value);
  },
});
