/**
 * What any datapath must do with an engine in it: the same packets in, the same packets out. The
 * inputs are fixed beforehand, so that a datapath that runs a whole batch (a capture file) can be
 * held to it as well as one that takes packets one by one.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { TcpFlag } from '../../src/wire/index.ts';
import { buildTcp, buildUdp, type TcpOptions } from '../support/packets.ts';
import { type SeenPacket, seen } from '../support/seen.ts';

export interface ContractSetup {
  /** IPv4 rules in the format of iptables-save. */
  readonly rules: string;
  /** The gateway's own address and prefix on each interface. There is no other route. */
  readonly interfaces: Readonly<Record<string, string>>;
}

export interface ContractInput {
  readonly interfaceName: string;
  /** An Ethernet frame as it comes in. */
  readonly frame: Uint8Array;
  /** Seconds since the first packet; never less than those of the packet before. Default 0. */
  readonly atSec?: number;
}

export type ContractOutcome = 'forward' | 'deliver' | 'drop';

export interface ContractResult {
  /** One per input. */
  readonly outcomes: readonly ContractOutcome[];
  /** All IP datagrams that were forwarded, delivered or sent as answers, in order. */
  readonly datagrams: readonly Uint8Array[];
}

export type ContractHarness = (
  setup: ContractSetup,
  inputs: readonly ContractInput[],
) => ContractResult | Promise<ContractResult>;

const interfaces = { lan: '192.168.1.1/24', wan: '198.51.100.1/24' };
const client = '192.168.1.10';
const server = '198.51.100.9';

const out = { src: client, dst: server, sport: 5000, dport: 53 };
const back = { src: server, dst: client, sport: 53, dport: 5000 };

/** Declares the tests that the datapath behind `run` must pass. */
export function datapathContract(name: string, run: ContractHarness): void {
  async function seenOf(rules: string, inputs: readonly ContractInput[]) {
    const { outcomes, datagrams } = await run({ rules, interfaces }, inputs);
    return { outcomes, packets: datagrams.map((datagram) => seen(datagram, 'raw')) };
  }

  describe(`datapath contract: ${name}`, () => {
    test('forwards what a rule accepts, with one hop less to live', async () => {
      const { outcomes, packets } = await seenOf(filter('-A FORWARD -i lan -j ACCEPT'), [
        lan(buildUdp({ ...out, ttl: 9, payload: 'question' })),
      ]);
      assert.deepEqual(outcomes, ['forward']);
      assert.deepEqual(ends(packets[0]), [`${client}:5000`, `${server}:53`]);
      assert.equal(packets[0]?.ttl, 8);
      assert.equal(packets[0]?.text, 'question');
    });

    test('drops by policy, silently', async () => {
      const { outcomes, packets } = await seenOf(filter(''), [lan(buildUdp(out))]);
      assert.deepEqual(outcomes, ['drop']);
      assert.equal(packets.length, 0);
    });

    test('keeps Ethernet padding out of the datagram', async () => {
      const { packets } = await seenOf(filter('-A FORWARD -j ACCEPT'), [
        lan(buildUdp({ ...out, payload: 'x', padTo: 60 })),
      ]);
      assert.equal(packets[0]?.datagram.length, 29);
    });

    test('delivers what is for the gateway itself', async () => {
      const { outcomes, packets } = await seenOf(filter('-A INPUT -i lan -j ACCEPT'), [
        lan(buildUdp({ ...out, dst: '192.168.1.1', ttl: 9 })),
      ]);
      assert.deepEqual(outcomes, ['deliver']);
      assert.equal(packets[0]?.ttl, 9);
    });

    test('translates a packet and, back again, its answer', async () => {
      const rules = `*nat\n-A POSTROUTING -o wan -j MASQUERADE\nCOMMIT\n${filter(
        '-A FORWARD -i lan -j ACCEPT\n-A FORWARD -m state --state ESTABLISHED -j ACCEPT',
      )}`;
      const { outcomes, packets } = await seenOf(rules, [
        lan(buildUdp(out)),
        wan(buildUdp({ ...back, dst: '198.51.100.1', payload: 'answer' })),
      ]);
      assert.deepEqual(outcomes, ['forward', 'forward']);
      assert.deepEqual(ends(packets[0]), ['198.51.100.1:5000', `${server}:53`]);
      assert.deepEqual(ends(packets[1]), [`${server}:53`, `${client}:5000`]);
    });

    test('sends the reset that a rule asks for', async () => {
      const rules = filter('-A FORWARD -p tcp -j REJECT --reject-with tcp-reset');
      const { outcomes, packets } = await seenOf(rules, [
        lan(buildTcp({ ...out, flags: 'S', seq: 77 })),
      ]);
      assert.deepEqual(outcomes, ['drop']);
      assert.deepEqual(ends(packets[0]), [`${server}:53`, `${client}:5000`]);
      assert.equal(packets[0]?.tcpFlags, TcpFlag.Rst | TcpFlag.Ack);
      assert.equal(packets[0]?.ack, 78);
    });

    test('opens an FTP pinhole for the announced connection and for no other', async () => {
      const rules = filter(
        '-A FORWARD -i lan -p tcp --dport 21 -j ACCEPT\n' +
          '-A FORWARD -m state --state ESTABLISHED,RELATED -j ACCEPT',
      );
      const dataSyn = { ...back, sport: 20, flags: 'S', seq: 5 };
      const { outcomes } = await seenOf(rules, [
        ...greeted(),
        lan(control({ flags: 'PA', payload: 'PORT 192,168,1,10,200,10\r\n' })),
        wan(buildTcp({ ...dataSyn, dport: 51_211 })),
        wan(buildTcp({ ...dataSyn, dport: 51_210 })),
        wan(buildTcp({ ...dataSyn, sport: 19, dport: 51_210 })),
      ]);
      assert.deepEqual(outcomes.slice(0, -3), Array(5).fill('forward'));
      assert.deepEqual(outcomes.slice(-3), ['drop', 'forward', 'drop']);
    });

    test('rewrites the announcement under translation', async () => {
      const rules = '*nat\n-A POSTROUTING -o wan -j SNAT --to-source 198.51.100.1\nCOMMIT\n';
      const { packets } = await seenOf(rules, [
        ...greeted('198.51.100.1'),
        lan(control({ flags: 'PA', payload: 'PORT 192,168,1,10,200,10\r\n' })),
      ]);
      assert.equal(packets.at(-1)?.text, 'PORT 198,51,100,1,200,10\r\n');
    });

    test('time moves with the packets: an answer that comes too late is a stranger', async () => {
      const rules = filter(
        '-A FORWARD -i lan -j ACCEPT\n-A FORWARD -m state --state ESTABLISHED -j ACCEPT',
      );
      const { outcomes } = await seenOf(rules, [
        lan(buildUdp(out)),
        { ...wan(buildUdp(back)), atSec: 29 },
        { ...wan(buildUdp(back)), atSec: 90 },
      ]);
      assert.deepEqual(outcomes, ['forward', 'forward', 'drop']);
    });
  });
}

function filter(lines: string): string {
  return `*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n${lines}\nCOMMIT\n`;
}

function lan(frame: Uint8Array): ContractInput {
  return { interfaceName: 'lan', frame };
}

function wan(frame: Uint8Array): ContractInput {
  return { interfaceName: 'wan', frame };
}

function ends(packet: SeenPacket | undefined): string[] {
  return packet ? [`${packet.src}:${packet.sport}`, `${packet.dst}:${packet.dport}`] : [];
}

const GREETING = '220 hello\r\n';

/** The beginning of a control connection; the server knows the client as `clientSeenAs`. */
function greeted(clientSeenAs = client): ContractInput[] {
  const ofServer = { src: server, dst: clientSeenAs, sport: 21, dport: 40_000, ack: 101 };
  const greeting = { flags: 'PA', seq: 901, payload: GREETING };
  return [
    lan(control({ flags: 'S', seq: 100, ack: 0 })),
    wan(buildTcp({ ...ofServer, flags: 'SA', seq: 900 })),
    lan(control({ flags: 'A', ack: 901 })),
    wan(buildTcp({ ...ofServer, ...greeting })),
  ];
}

/** A segment of the client's, behind the greeting unless it says otherwise. */
function control(more: Partial<TcpOptions>): Uint8Array {
  const ends = { src: client, dst: server, sport: 40_000, dport: 21 };
  return buildTcp({ ...ends, seq: 101, ack: 901 + GREETING.length, ...more });
}
