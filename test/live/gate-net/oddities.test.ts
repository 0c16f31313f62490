/**
 * What is no plain packet, in the middle of flows that the kernel part carries: the same comes of it
 * as in the kernel. Both hosts are the test's, so that nothing is sent that it did not ask for.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Daemon } from '../daemon.ts';
import type { Lab } from '../harness.ts';
import { untilTrue } from '../until.ts';
import { RawTcp } from './raw-flows.ts';
import { type Arrival, RawHosts, type RawPacket, rawClient, rawServer } from './raw-hosts.ts';
import { gateCounters, sameAsKernel } from './twins.ts';

/** The gateway's address, and one that leads to the server, where there is translation. */
const outside = '203.0.113.1';
const published = '203.0.113.50';

const rules = `*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -i lan0 -m conntrack --ctstate NEW -j ACCEPT
COMMIT
`;
const translated = `${rules}*nat
-A PREROUTING -i lan0 -d 203.0.113.50 -j DNAT --to-destination ${rawServer[4]}
-A POSTROUTING -o wan0 -p tcp -j SNAT --to-source 203.0.113.1
-A POSTROUTING -o wan0 -p udp -j SNAT --to-source 203.0.113.1
-A POSTROUTING -o wan0 -p icmp -j SNAT --to-source 203.0.113.1
COMMIT
`;

/** Datagrams there and back until the flow is in the kernel part: it has to be two seconds old. */
async function settleUdp(hosts: RawHosts, daemon: Daemon | null, packets: readonly RawPacket[]) {
  const pair = packets.slice(0, 2).map((packet) => ({ ...packet, ttl: 60 }));
  const began = Date.now();
  await untilTrue('a flow of UDP to be carried', async () => {
    await hosts.play(pair);
    if (daemon === null) return Date.now() - began > 2_500;
    return (await gateCounters(daemon))['kernel.forwarded']! > 3;
  });
}

/** Plays packets; every flow in them must have been in the kernel part where there is one. */
async function played(lab: Lab, daemon: Daemon | null, packets: readonly RawPacket[]) {
  return RawHosts.with(lab, async (hosts) => {
    if (packets[0]?.kind === 'udp') await settleUdp(hosts, daemon, packets);
    const outcome = await hosts.play(packets);
    const counters = daemon === null ? null : await gateCounters(daemon);
    if (counters !== null) {
      assert.ok(counters['kernel.forwarded']! > 0, JSON.stringify(counters));
    }
    return describeOutcome(packets, outcome);
  });
}

async function plays(t: TestContext, name: string, text: string, packets: readonly RawPacket[]) {
  await t.test(name, async (subtest) => {
    await sameAsKernel(subtest, {
      name,
      rules: text,
      rules6: rules,
      play: (lab, daemon) => played(lab, daemon, packets),
    });
  });
}

/** Packets and what came of them, a text for each. */
function describeOutcome(packets: readonly RawPacket[], outcome: readonly Arrival[][]): string[] {
  return outcome.map((arrivals, n) =>
    [packets[n], ...arrivals].map((packet) => JSON.stringify(packet)).join('\n  -> '),
  );
}

test('TCP: what is outside the windows, urgent, probing or ending', async (t) => {
  const packets: RawPacket[] = [];
  const settled = (sport: number): RawTcp => {
    const tcp = new RawTcp(sport);
    packets.push(...tcp.open(), ...tcp.settle());
    return tcp;
  };

  const probed = settled(2001);
  // A closed window, its probes, its opening again; keep-alives with and without a byte.
  packets.push(probed.client('A', { window: 0 }));
  for (let n = 0; n < 2; n++) {
    packets.push(
      probed.server('A', { seq: probed.serverSeq - 1 }),
      probed.client('A', { window: 0 }),
    );
  }
  packets.push(probed.server('A', { bytes: 1 }), probed.client('A', { window: 500 }));
  packets.push(probed.serverSays(1400), probed.client('A'));
  packets.push(probed.client('A', { seq: probed.clientSeq - 1 }), probed.server('A'));
  packets.push(probed.client('A', { seq: probed.clientSeq - 1, bytes: 1 }), probed.server('A'));
  // Urgent data, and a segment without ACK.
  packets.push(probed.clientSays(5, 'PAU', { urgent: 5 }), probed.server('A'));
  packets.push(probed.client('P', { bytes: 3 }), probed.client('', { bytes: 3 }));
  packets.push(probed.client('FSPAU'), probed.client('SR'));
  // Data far outside; an acknowledgement of what was never sent; SYN in the middle.
  packets.push(probed.client('PA', { seq: probed.clientSeq + 90_000_000, bytes: 8 }));
  packets.push(probed.client('A', { ack: probed.serverSeq + 90_000_000 }));
  packets.push(probed.client('PA', { seq: probed.clientSeq - 90_000_000, bytes: 8 }));
  packets.push(probed.client('S', { seq: probed.clientSeq }), probed.server('A'));
  packets.push(probed.clientSays(8), probed.serverSays(8));

  const reset = settled(2002);
  packets.push(reset.server('R', { seq: reset.serverSeq + 90_000_000 }));
  packets.push(reset.clientSays(8), reset.serverSays(8));
  packets.push(reset.server('R'), reset.clientSays(8), reset.serverSays(8));

  const resetByClient = settled(2003);
  packets.push(resetByClient.client('RA'), resetByClient.serverSays(8));
  packets.push(...new RawTcp(2003).open());

  const half = settled(2004);
  packets.push(half.clientSays(0, 'FA'), half.server('A'));
  for (let n = 0; n < 12; n++) packets.push(half.serverSays(1400), half.client('A'));
  packets.push(half.clientSays(10), half.serverSays(0, 'FA'), half.client('A'));
  packets.push(half.clientSays(10), half.server('A', { seq: half.serverSeq - 1 }));
  // TIME_WAIT, and the same ports anew.
  const again = new RawTcp(2004);
  again.clientSeq = half.clientSeq + 100_000;
  again.serverSeq = half.serverSeq + 100_000;
  packets.push(...again.open(), ...again.settle());

  const both = settled(2005);
  packets.push(both.client('FA'), both.server('FA'));
  both.clientSeq++;
  both.serverSeq++;
  packets.push(both.client('A'), both.server('A'), both.serverSays(8), both.clientSays(8));

  // SYNs from both ends.
  const met = new RawTcp(2006);
  packets.push(met.client('S'), met.server('S'));
  met.clientSeq++;
  met.serverSeq++;
  packets.push(
    met.server('SA', { seq: met.serverSeq - 1 }),
    met.client('SA', { seq: met.clientSeq - 1 }),
  );
  packets.push(...met.settle());

  // A retransmission and what was sent out of order, with SACK.
  const mixed = settled(2007);
  const hole = mixed.serverSeq;
  packets.push(mixed.serverSays(1000), mixed.serverSays(1000));
  const edges = [hole + 1000, hole + 2000].map((n) => n.toString(16).padStart(8, '0')).join('');
  packets.push(mixed.client('A', { ack: hole, tcpOptions: `0101050a${edges}` }));
  packets.push(mixed.server('PA', { seq: hole, bytes: 1000 }), mixed.client('A'));
  packets.push(mixed.server('PA', { seq: hole, bytes: 1000, times: 2 }));
  packets.push(mixed.clientSays(30, 'PAC'), mixed.serverSays(30, 'PAE'));
  // A corrupt segment: veth does not look, the tracker does.
  packets.push(mixed.clientSays(30, 'PA', { ttl: 1 }), mixed.clientSays(30, 'PA', { ttl: 2 }));

  const through = packets.map((packet) =>
    packet.from === 'server' ? { ...packet, dst: outside } : { ...packet, dst: published },
  );
  await plays(t, 'tcp', rules, packets);
  await plays(t, 'tcpnat', translated, through);
});

/** A flow of UDP: settled, then these. */
function udpFlow(sport: number, family: 4 | 6, then: (there: Maker, back: Maker) => RawPacket[]) {
  const ends = { client: rawClient[family], server: rawServer[family] };
  const there: Maker = (more = {}) => ({
    ...{ from: 'client', kind: 'udp', src: ends.client, dst: ends.server },
    ...{ sport, dport: 53, bytes: 40, ...more },
  });
  const back: Maker = (more = {}) => ({
    ...{ from: 'server', kind: 'udp', src: ends.server, dst: ends.client },
    ...{ sport: 53, dport: sport, bytes: 60, ...more },
  });
  return [there(), back(), there(), back(), there(), back(), ...then(there, back)];
}
type Maker = (more?: Partial<RawPacket>) => RawPacket;

/** The IP header and eight bytes of a datagram as the server got it, for an error about it. */
function quote4(src: string, dst: string, protocol: number, sport: number, dport: number): string {
  const hex = (text: string): string =>
    text
      .split('.')
      .map((part) => Number(part).toString(16).padStart(2, '0'))
      .join('');
  const port = (n: number): string => n.toString(16).padStart(4, '0');
  const head = `45000044000040003f${protocol.toString(16).padStart(2, '0')}`;
  const ends = hex(src) + hex(dst);
  return `${head}${headerSum(`${head}0000${ends}`)}${ends}${port(sport)}${port(dport)}00300000`;
}

function headerSum(header: string): string {
  let sum = 0;
  for (let at = 0; at < header.length; at += 4)
    sum += Number.parseInt(header.slice(at, at + 4), 16);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return (~sum & 0xffff).toString(16).padStart(4, '0');
}

test('last hops, options, fragments and ICMP errors in the middle of a flow', async (t) => {
  const packets = (seenFrom: string): RawPacket[] => [
    ...udpFlow(3001, 4, (there, back) => [
      there({ ttl: 1 }),
      there({ ttl: 2 }),
      there({ ttl: 0 }),
      back({ dst: seenFrom, ttl: 1 }),
      back({ dst: seenFrom, ttl: 2 }),
      // A recorded route that is full; router alert; a damaged option; pointers that lead astray.
      there({ ipOptions: '070708c0a8010101' }),
      there({ ipOptions: '0707030000000001' }),
      there({ ipOptions: '0707060000000001' }),
      there({ ipOptions: '4403050144020000' }),
      there({ ipOptions: '9402000001010101' }),
      there({ ipOptions: '94040000' }),
      there({ ipOptions: '07ff0400' }),
      // A way that the sender chooses, loose and strict.
      there({ ipOptions: '830704c0a84d0a00' }),
      there({ ipOptions: '890704c0a84d0a00' }),
      // In two pieces, the second one first; a third without the rest.
      there({ bytes: 1200, id: 71, piece: [608, 1208] }),
      there({ bytes: 1200, id: 71, piece: [0, 608], more: true }),
      there({ bytes: 1200, id: 72, piece: [0, 608], more: true }),
      there({ bytes: 1200, id: 72, piece: [608, 1208] }),
      there({ bytes: 1200, id: 73, piece: [0, 608], more: true }),
      there(),
      back({ dst: seenFrom, bytes: 1300, id: 9, piece: [0, 1000], more: true }),
      back({ dst: seenFrom, bytes: 1300, id: 9, piece: [1000, 1308] }),
      // Errors about what the client has sent: from the host itself, and from a router behind it.
      errorAbout(seenFrom, 17, 3001, 53, { type: 3, code: 3 }),
      errorAbout(seenFrom, 17, 3001, 53, { type: 11, code: 0, src: '203.0.113.99' }),
      errorAbout(seenFrom, 17, 3001, 53, { type: 3, code: 4, rest: 1200, src: '203.0.113.99' }),
      // About nothing that is known.
      errorAbout(seenFrom, 17, 3999, 53, { type: 3, code: 3 }),
      there(),
      back({ dst: seenFrom }),
    ]).map((packet) => (packet.from === 'server' ? { ...packet, dst: seenFrom } : packet)),
  ];
  await plays(t, 'odd', rules, packets(rawClient[4]));
  await plays(t, 'oddnat', translated, packets(outside));
});

function errorAbout(
  seenFrom: string,
  protocol: number,
  sport: number,
  dport: number,
  more: Partial<RawPacket>,
): RawPacket {
  const quote = quote4(seenFrom, rawServer[4], protocol, sport, dport);
  return { from: 'server', kind: 'icmp', src: rawServer[4], dst: seenFrom, quote, ...more };
}

test('the same over IPv6', async (t) => {
  const packets = udpFlow(3001, 6, (there, back) => [
    there({ ttl: 1 }),
    there({ ttl: 2 }),
    back({ ttl: 1 }),
    there({ bytes: 1200, id: 71, piece: [608, 1208] }),
    there({ bytes: 1200, id: 71, piece: [0, 608], more: true }),
    there({ bytes: 1200, id: 72, piece: [0, 608], more: true }),
    there({ bytes: 1200, id: 72, piece: [608, 1208] }),
    there(),
    back(),
    // Neighbour discovery that would go through: no rule lets it.
    back({ kind: 'icmp', type: 135, ttl: 255, bytes: 20 }),
    back({ kind: 'icmp', type: 136, ttl: 255, bytes: 20 }),
  ]);
  const tcp = new RawTcp(2001, { family: 6 });
  packets.push(...tcp.open(), ...tcp.settle(), tcp.clientSays(8, 'PAU', { urgent: 8 }));
  packets.push(tcp.server('R', { seq: tcp.serverSeq + 90_000_000 }), tcp.clientSays(8));
  packets.push(tcp.clientSays(8, 'PA', { ttl: 1 }), tcp.serverSays(1400), tcp.client('A'));
  packets.push(
    tcp.clientSays(0, 'FA'),
    tcp.serverSays(9),
    tcp.serverSays(0, 'FA'),
    tcp.client('A'),
  );
  await plays(t, 'odd6', rules, packets);
});
