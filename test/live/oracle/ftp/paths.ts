/**
 * Ways through the gateway: addresses of both ends, as each sees them, and the rules behind them.
 * One rule set holds all ways; the network that the server is in says what is translated.
 */
import type { Prng } from '../../../../src/base/index.ts';
import { pick } from '../dialogue.ts';
import type { FamilyNumber, Side } from '../words.ts';

/** Dialogues at the same time. Each has addresses of its own, so that no expectation meets another's. */
export const SLOTS = 48;

export interface Path {
  readonly name: string;
  readonly family: FamilyNumber;
  /** Two clients, as they are. */
  readonly clients: readonly [string, string];
  /** The server as the clients know it. */
  readonly target: string;
  readonly targetPort: number;
  /** The server as it is. */
  readonly server: string;
  readonly serverPort: number;
  /** The clients as the server sees them; theirs where nothing is translated. */
  readonly outside: string | null;
  /** Somebody else on either side. */
  readonly strangers: Readonly<Record<Side, string>>;
}

interface Kind {
  readonly name: string;
  /** Networks, as the beginning of an address. */
  readonly target: string;
  readonly server: string;
  readonly outside: string | null;
  /** Where it is not 21: a rule for each server then, which changes the port. */
  readonly targetPort?: number;
  readonly masquerade?: boolean;
}

interface Plan {
  readonly clients: readonly string[];
  readonly strangers: Readonly<Record<Side, string>>;
  readonly kinds: readonly Kind[];
  readonly bits: string;
  /** Behind which neighbour all of a side are. */
  readonly routes: readonly (readonly [string, Side, string])[];
}

/** Lengths differ, so that translations lengthen and shorten lines, or do neither. */
const plans: Readonly<Record<FamilyNumber, Plan>> = {
  4: {
    bits: '24',
    clients: ['10.0.1.', '172.16.200.'],
    strangers: { lan: '10.0.9.', wan: '198.18.250.' },
    kinds: [
      { name: 'plain', target: '198.18.0.', server: '198.18.0.', outside: null },
      { name: 'plain', target: '5.1.1.', server: '5.1.1.', outside: null },
      { name: 'snat', target: '198.18.1.', server: '198.18.1.', outside: '203.0.113.129' },
      { name: 'snat', target: '198.18.2.', server: '198.18.2.', outside: '9.9.9.9' },
      {
        name: 'masquerade',
        target: '198.18.3.',
        server: '198.18.3.',
        outside: '203.0.113.1',
        masquerade: true,
      },
      { name: 'dnat', target: '198.19.4.', server: '5.5.4.', outside: null },
      { name: 'dnat', target: '5.9.5.', server: '198.18.105.', outside: null },
      { name: 'dnat', target: '5.9.6.', server: '5.7.6.', outside: null, targetPort: 2121 },
      { name: 'both', target: '198.19.7.', server: '198.18.7.', outside: '203.0.113.130' },
      { name: 'both', target: '5.9.8.', server: '198.18.108.', outside: '8.8.4.4' },
    ],
    routes: [
      ['10.0.0.0/16', 'lan', '192.168.77.96'],
      ['172.16.200.0/24', 'lan', '192.168.77.96'],
      ['198.18.0.0/16', 'wan', '203.0.113.96'],
      ['5.0.0.0/8', 'wan', '203.0.113.96'],
      ['192.0.2.0/24', 'wan', '203.0.113.96'],
    ],
  },
  6: {
    bits: '64',
    clients: ['fd78:2::', '2001:db8:1:2:'],
    strangers: { lan: 'fd78:9::', wan: '2001:db8:1fa::' },
    kinds: [
      { name: 'plain', target: '2001:db8:100::', server: '2001:db8:100::', outside: null },
      {
        name: 'snat',
        target: '2001:db8:101::',
        server: '2001:db8:101::',
        outside: '2001:db8:77::81',
      },
      {
        name: 'snat',
        target: '2001:db8:102::',
        server: '2001:db8:102::',
        outside: '2001:db8:7777:1234:5678:9abc:def0:1234',
      },
      {
        name: 'masquerade',
        target: '2001:db8:103::',
        server: '2001:db8:103::',
        outside: '2001:db8:77::1',
        masquerade: true,
      },
      { name: 'dnat', target: '2001:db8:204::', server: '2001:db8:104::', outside: null },
      { name: 'both', target: '2001:db8:205::', server: '2001:db8:105::', outside: 'fc00::5' },
    ],
    routes: [
      ['fd78:2::/64', 'lan', 'fd77:1::60'],
      ['fd78:9::/64', 'lan', 'fd77:1::60'],
      ['2001:db8:1::/48', 'lan', 'fd77:1::60'],
      ['2001:db8:2::/48', 'wan', '2001:db8:77::60'],
      ['2001:db8:100::/40', 'wan', '2001:db8:77::60'],
    ],
  },
};

/** Networks that the gateway reaches through a neighbour. */
export const routesOf = (family: FamilyNumber) => plans[family].routes;

/** A way for the dialogue in a slot. */
export function randomPath(random: Prng, slot: number): Path {
  const family = random.below(3) === 0 ? 6 : 4;
  const plan = plans[family];
  const kind = pick(random, plan.kinds);
  // Last parts of different lengths.
  const last = slot + 1 + 100 * random.below(2);
  const at = (net: string) => address(net, last);
  const first = random.below(plan.clients.length);
  return {
    name: `IPv${family} ${kind.name}`,
    family,
    clients: [at(plan.clients[first]!), at(plan.clients[1 - first]!)],
    target: at(kind.target),
    targetPort: kind.targetPort ?? 21,
    server: at(kind.server),
    serverPort: 21,
    outside: kind.outside,
    strangers: { lan: at(plan.strangers.lan), wan: at(plan.strangers.wan) },
  };
}

/** `2001:db8:1:2:` is the first half of a whole address. */
function address(net: string, last: number): string {
  if (!net.includes(':') || net.endsWith('::')) return `${net}${last}`;
  return `${net}1111:2222:3333:${last}`;
}

const networkOf = (net: string, bits: string) => {
  const isFour = !net.includes(':');
  return `${net}${isFour ? '0' : net.endsWith('::') ? '' : ':'}/${bits}`;
};

/** The rules of a family: translation by the server's network, the helper, and who may go through. */
export function rulesOf(family: FamilyNumber): string {
  const { kinds, bits } = plans[family];
  const before: string[] = [];
  const after: string[] = [];
  for (const { target, server, outside, targetPort, masquerade } of kinds) {
    if (targetPort !== undefined) {
      for (const last of lastParts) {
        before.push(
          `-d ${target}${last} -p tcp --dport ${targetPort} -j DNAT --to ${server}${last}:21`,
        );
      }
    } else if (target !== server) {
      before.push(`-d ${networkOf(target, bits)} -j NETMAP --to ${networkOf(server, bits)}`);
    }
    const how = masquerade === true ? 'MASQUERADE' : `SNAT --to-source ${outside}`;
    if (outside !== null) after.push(`-o wan0 -d ${networkOf(server, bits)} -j ${how}`);
  }
  after.push(recordedRule(family));
  return [
    '*raw',
    '-A PREROUTING -p tcp -m multiport --dports 21,2121 -j CT --helper ftp',
    // The gateway itself keeps silent.
    '-A OUTPUT -j DROP',
    'COMMIT',
    // The state of a packet, and whether it belongs to the helper, are seen from outside.
    '*mangle',
    '-A POSTROUTING -m helper --helper ftp -j DSCP --set-dscp 5',
    '-A POSTROUTING -m conntrack --ctstate RELATED -j DSCP --set-dscp 3',
    '-A POSTROUTING -m conntrack --ctstate RELATED -m helper --helper ftp -j DSCP --set-dscp 4',
    'COMMIT',
    '*nat',
    ...before.map((rule) => `-A PREROUTING ${rule}`),
    ...after.map((rule) => `-A POSTROUTING ${rule}`),
    'COMMIT',
    '*filter',
    ':FORWARD DROP [0:0]',
    '-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT',
    '-A FORWARD -p tcp --dport 21 -m conntrack --ctstate NEW -j ACCEPT',
    'COMMIT',
    '',
  ].join('\n');
}

const lastParts = Array.from({ length: 2 * SLOTS }, (_, i) =>
  i < SLOTS ? i + 1 : i - SLOTS + 101,
);

/** Ends of the recorded dialogues; those with source NAT are told by the client's port. */
export const recorded = {
  4: { client: '10.0.1.2', server: '192.0.2.2', outside: '192.0.2.1' },
  6: { client: '2001:db8:1::2', server: '2001:db8:2::2', outside: '2001:db8:2::1' },
  plainPort: 40_000,
  translatedPort: 50_000,
} as const;

function recordedRule(family: FamilyNumber): string {
  const { server, outside } = recorded[family];
  const ports = `${recorded.translatedPort}:65535`;
  return `-d ${server} -p tcp --sport ${ports} -j SNAT --to-source ${outside}`;
}
