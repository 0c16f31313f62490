/**
 * What a talk goes through: rules, settings of the kernel, and how each side then sees the other.
 * The state of each packet is written into its type of service, so that it can be read from outside.
 */
import { allWords, type Words } from '../oracle/words.ts';
import type { Line } from './talk.ts';

/** The ends as the client means them. */
export type Ends = Line;

export interface Scene {
  readonly name: string;
  readonly family: 4 | 6;
  readonly rules: string;
  /** net.netfilter.nf_conntrack_NAME other than the defaults. */
  readonly sysctls?: Readonly<Record<string, number>>;
  /** The ends as the server sees them. */
  atServer(ends: Ends): Ends;
  /** All talks at the same time, with pauses of 2.1 seconds in which connections grow old or end. */
  readonly slow?: boolean;
  readonly hosts: { readonly clients: readonly string[]; readonly servers: readonly string[] };
}

/** Marks of xt_DSCP: the state, and 8 more for the reply direction. */
const stateMarks = [
  ['NEW', 1],
  ['ESTABLISHED', 2],
  ['RELATED', 3],
  ['INVALID', 4],
  ['UNTRACKED', 5],
] as const;

/** The gateway itself keeps silent: its answers to what is for it are not compared. */
const silence = '*raw\n-A OUTPUT -j DROP\nCOMMIT\n';

/** POSTROUTING of mangle says by the DSCP what conntrack says of a packet. */
const showState = [
  '*mangle',
  ...stateMarks.flatMap(([state, mark]) => {
    const direction = state === 'NEW' || state === 'ESTABLISHED' || state === 'RELATED';
    const rule = `-A POSTROUTING -m conntrack --ctstate ${state}`;
    if (!direction) return [`${rule} -j DSCP --set-dscp ${mark}`];
    return [
      `${rule} --ctdir ORIGINAL -j DSCP --set-dscp ${mark}`,
      `${rule} --ctdir REPLY -j DSCP --set-dscp ${mark + 8}`,
    ];
  }),
  'COMMIT',
  '',
].join('\n');

const nat = (...rules: string[]) => `*nat\n${rules.join('\n')}\nCOMMIT\n`;
const filter = (...rules: string[]) => `*filter\n${rules.join('\n')}\nCOMMIT\n`;
const dropInvalid = filter('-A FORWARD -m conntrack --ctstate INVALID -j DROP');

const same = (ends: Ends) => ends;

function scenesOf(words: Words): Scene[] {
  const { family, gateway } = words;
  const prefix = `IPv${family}`;
  const virtual = words.at('wan', 131);
  const other = words.at('wan', 129);
  const real = words.hosts.wan[0]!;
  const hosts = { clients: words.hosts.lan, servers: words.hosts.wan };
  const toVirtual = { ...hosts, servers: [virtual] };
  const toReal = (ends: Ends) => ({ ...ends, dst: real });
  const scene = (name: string, rules: string, rest: Partial<Scene> = {}): Scene => ({
    name: `${prefix}: ${name}`,
    family,
    // Without a nat table the kernel would not even decide that nothing is translated.
    rules: (rules.includes('*nat') ? rules : nat() + rules) + silence + showState,
    atServer: same,
    hosts,
    ...rest,
  });
  return [
    scene('routed', ''),
    scene('routed, INVALID dropped', dropInvalid),
    scene('masqueraded', nat(`-A POSTROUTING -o wan0 -j MASQUERADE`), {
      atServer: (ends) => ({ ...ends, src: gateway.wan }),
    }),
    scene('source translated', nat(`-A POSTROUTING -o wan0 -j SNAT --to-source ${other}`), {
      atServer: (ends) => ({ ...ends, src: other }),
    }),
    scene('destination translated', nat(`-A PREROUTING -d ${virtual} -j DNAT --to ${real}`), {
      atServer: toReal,
      hosts: toVirtual,
    }),
    scene(
      'both translated, INVALID dropped',
      nat(
        `-A PREROUTING -d ${virtual} -j DNAT --to ${real}`,
        `-A POSTROUTING -o wan0 -j SNAT --to-source ${other}`,
      ) + dropInvalid,
      { atServer: (ends) => ({ ...toReal(ends), src: other }), hosts: toVirtual },
    ),
    scene('be_liberal', dropInvalid, { sysctls: { tcp_be_liberal: 1 } }),
    scene('not loose', dropInvalid, { sysctls: { tcp_loose: 0 } }),
    scene('no retransmissions, resets ignored', '', {
      sysctls: { tcp_max_retrans: 0, tcp_ignore_invalid_rst: 1 },
    }),
    scene('other timeouts, checksums not looked at', '', {
      sysctls: {
        checksum: 0,
        tcp_timeout_syn_sent: 33,
        tcp_timeout_established: 2000,
        tcp_timeout_max_retrans: 44,
        tcp_timeout_unacknowledged: 55,
        udp_timeout: 66,
        icmp_timeout: 77,
        icmpv6_timeout: 78,
        generic_timeout: 88,
        gre_timeout: 99,
      },
    }),
    scene('pauses', '', { slow: true }),
    scene('pauses and short timeouts', '', {
      slow: true,
      sysctls: {
        tcp_timeout_syn_sent: 3,
        tcp_timeout_syn_recv: 1,
        tcp_timeout_established: 3,
        tcp_timeout_close: 1,
        tcp_timeout_time_wait: 3,
        udp_timeout: 1,
        udp_timeout_stream: 3,
        icmp_timeout: 1,
        icmpv6_timeout: 3,
      },
    }),
    scene(
      'some new connections dropped',
      filter('-A FORWARD -m conntrack --ctstate NEW -m length --length 0:48 -j DROP'),
    ),
  ];
}

export const scenes: readonly Scene[] = [...scenesOf(allWords[4]), ...scenesOf(allWords[6])];
