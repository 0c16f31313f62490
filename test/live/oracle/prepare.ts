/** What a lab's gateway needs so that nothing but the rules decides, and nothing but the test talks. */
import { type Lab, mustRunIn, type Place } from '../harness.ts';
import { allWords, macs, type Side } from './words.ts';

const devices = ['lan0', 'wan0'] as const;
const sides = { lan0: ['lan', macs.client], wan0: ['wan', macs.server] } as const satisfies Record<
  string,
  readonly [Side, string]
>;

/** Nothing that rations answers, doubts sources or says a better way. */
const gatewaySettings = [
  'ipv4/conf/all/rp_filter=0',
  'ipv4/conf/all/send_redirects=0',
  ...devices.flatMap((device) => [
    `ipv4/conf/${device}/rp_filter=0`,
    `ipv4/conf/${device}/send_redirects=0`,
  ]),
  'ipv4/icmp_echo_ignore_all=1',
  'ipv6/icmp/echo_ignore_all=1',
  'ipv4/icmp_ratemask=0',
  'ipv6/icmp/ratelimit=0',
  'ipv4/icmp_msgs_per_sec=1000000',
  'ipv4/icmp_msgs_burst=1000000',
  // Fragments of incomplete datagrams wait until the lab is gone, however slow the machine is.
  'ipv4/ipfrag_time=3600',
  'netfilter/nf_conntrack_frag6_timeout=3600',
];

/**
 * IPv6 begins anew with reports that come within milliseconds, not in the middle of a test, and
 * without link-local addresses. The ends have none at all: the test speaks for them.
 */
const quietIpv6 = devices.flatMap((device) => [
  `ipv6/conf/${device}/disable_ipv6=1`,
  `ipv6/conf/${device}/addr_gen_mode=1`,
  `ipv6/conf/${device}/mldv1_unsolicited_report_interval=1`,
  `ipv6/conf/${device}/mldv2_unsolicited_report_interval=1`,
  `ipv6/conf/${device}/disable_ipv6=0`,
]);

async function configure(lab: Lab, place: Place, settings: readonly string[]): Promise<void> {
  const lines = settings.map((text) => text.replace(/^(.*)=(.*)$/, 'echo $2 > /proc/sys/net/$1'));
  await mustRunIn(lab, place, ['sh', '-e'], { input: `${lines.join('\n')}\n` });
}

async function ip(lab: Lab, place: Place, lines: readonly string[]): Promise<void> {
  await mustRunIn(lab, place, ['ip', '-batch', '-'], { input: `${lines.join('\n')}\n` });
}

/** Neighbours that need no asking, all behind one link address a side. */
const neighbours = [4, 6].flatMap((family) =>
  devices.flatMap((device) => {
    const [side, mac] = sides[device];
    const hosts = allWords[family === 4 ? 4 : 6].neighbours(side);
    return hosts.map((host) => `neigh replace ${host} lladdr ${mac} dev ${device} nud permanent`);
  }),
);

/** Forgets connections, and what errors to the gateway itself have taught it of paths (icmpv6_err). */
export async function forgetTraffic(lab: Lab): Promise<void> {
  const lines = ['conntrack -F', 'ip route flush cache', 'ip -6 route flush cache'];
  await mustRunIn(lab, 'gateway', ['sh', '-e'], { input: `${lines.join('\n')}\n` });
}

export async function prepareGateway(lab: Lab): Promise<void> {
  await configure(lab, 'client', ['ipv6/conf/eth0/disable_ipv6=1']);
  await configure(lab, 'server', ['ipv6/conf/eth0/disable_ipv6=1']);
  await ip(lab, 'client', [`link set dev eth0 address ${macs.client}`]);
  await ip(lab, 'server', [`link set dev eth0 address ${macs.server}`]);
  await ip(lab, 'gateway', [
    `link set dev lan0 address ${macs.lan}`,
    `link set dev wan0 address ${macs.wan}`,
  ]);
  for (const device of devices) {
    // What the kernel answers itself is to have its checksums on the wire.
    await mustRunIn(lab, 'gateway', ['ethtool', '-K', device, 'tx', 'off']);
  }
  await configure(lab, 'gateway', [...gatewaySettings, ...quietIpv6]);
  await ip(lab, 'gateway', [
    `address add ${allWords[6].gateway.lan}/64 dev lan0 nodad`,
    `address add ${allWords[6].gateway.wan}/64 dev wan0 nodad`,
    ...neighbours,
  ]);
}
