/**
 * A million segments of control connections, made of what the grammar knows, of its ruins, and of
 * plain bytes, in and out of order: nothing throws, memory stays bounded, and no expectation ever
 * leads anywhere but to the ends of its control connection or a listed third party.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Prng } from '../../../../src/base/index.ts';
import type { Expectation } from '../../../../src/conntrack/index.ts';
import { formatAddress } from '../../../../src/wire/index.ts';
import { ftpPolicy } from '../../../support/ftp-options.ts';
import { buildTcp } from '../../../support/packets.ts';
import { ftpGateway, type NatKind } from '../ftp-session.ts';
import { SegmentMaker } from './segment-maker.ts';

const SEGMENTS_PER_SESSION = 160;
const SEGMENTS = Number(process.env.PINHOLE_FTP_SEGMENTS ?? 1_000_000);
const SEED = Number(process.env.PINHOLE_FTP_SEED ?? 20_261_121);
/** Far less than the hundreds of connections that end meanwhile would keep. */
const MOST_GROWTH_BYTES = 2 << 20;
const MIN_PORT = 1024;
const MAX_HOLES = 1;

const scenes = [
  { nat: 'plain', ipv6: false },
  { nat: 'snat', ipv6: false },
  { nat: 'dnat', ipv6: false },
  { nat: 'plain', ipv6: true },
  { nat: 'snat', ipv6: true },
] as const;

const THIRD_PARTY = '203.0.113.7';
const thirdParties = [{ family: 4, words: [0xcb007107 | 0, 0, 0, 0], prefixLen: 32 }] as const;

const hosts = {
  4: { client: '10.0.1.2', server: '192.0.2.2', outside: '192.0.2.1', known: '10.0.1.1' },
  6: {
    client: '2001:db8:1::2',
    server: '2001:db8:2::2',
    outside: '2001:db8:2::1',
    known: '2001:db8:1::1',
  },
} as const;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function memoryInUse(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

describe('fuzz', () => {
  for (const [index, scene] of scenes.entries()) {
    const name = `${scene.ipv6 ? 'IPv6' : 'IPv4'}, ${scene.nat}`;
    test(name, (context) => {
      const share = Math.ceil(SEGMENTS / scenes.length);
      const run = new FuzzRun(scene.nat, scene.ipv6, SEED + index);
      run.play(share / 4);
      const before = memoryInUse();
      run.play(share);
      const grown = memoryInUse() - before;
      assert.ok(grown < MOST_GROWTH_BYTES, `${grown} bytes more in use`);
      context.diagnostic(
        `${run.segments} segments, ${run.sessions} sessions, ${run.opened} expectations, seed ${SEED + index}`,
      );
      assert.ok(run.opened > share / 1000, 'the dialogues are good enough to open something');
    });
  }
});

/** Books of one end: where its stream stands, and what it has sent, to be sent again. */
interface End {
  next: number;
  readonly past: { readonly seq: number; readonly text: string }[];
}

class FuzzRun {
  segments = 0;
  sessions = 0;
  opened = 0;
  private readonly gateway;
  private readonly random: Prng;
  private readonly maker: SegmentMaker;
  private readonly ends;
  private readonly family: 4 | 6;
  private readonly nat: NatKind;

  constructor(nat: NatKind, ipv6: boolean, seed: number) {
    this.nat = nat;
    this.family = ipv6 ? 6 : 4;
    this.ends = hosts[this.family];
    this.random = new Prng(seed);
    this.maker = new SegmentMaker(this.random, this.family, this.ends);
    const policy = ftpPolicy({ thirdParties, repair: this.random.below(2) === 1 });
    this.gateway = ftpGateway({ nat, ipv6, ftp: policy });
    this.gateway.engine.listener = {
      ...this.gateway.engine.listener!,
      expectationNew: (expectation) => this.check(expectation),
    };
  }

  play(segments: number): void {
    while (this.segments < segments) this.session();
  }

  private check(expectation: Expectation): void {
    this.opened++;
    const { client, server, outside, known } = this.ends;
    const at = (words: readonly [number, number, number, number]) =>
      formatAddress(expectation.family, ...words);
    assert.ok(
      ([client, server] as string[]).includes(at(expectation.src)),
      `from ${at(expectation.src)}`,
    );
    const places: string[] = [client, server, outside, known, THIRD_PARTY];
    assert.ok(places.includes(at(expectation.dst)), `to ${at(expectation.dst)}`);
    assert.ok(places.includes(at(expectation.savedAddress)), `at ${at(expectation.savedAddress)}`);
    assert.ok(expectation.dport >= MIN_PORT && expectation.savedPort >= MIN_PORT);
    assert.equal(expectation.family, this.family);
    const { expectations } = this.gateway.engine.tracking.conntrack;
    assert.ok(expectations.ofMaster(expectation.masterRow).length <= MAX_HOLES);
  }

  /** One control connection, from its handshake to a reset. */
  private session(): void {
    this.sessions++;
    const sport = 1024 + (this.sessions % 60_000);
    const client: End = { next: this.random.next(), past: [] };
    const server: End = { next: this.random.next(), past: [] };
    const send = (from: 'C' | 'S', seq: number, flags: string, payload = '') => {
      this.segments++;
      this.inject(from, sport, seq, from === 'C' ? server.next : client.next, flags, payload);
    };
    send('C', client.next++, 'S');
    send('S', server.next++, 'SA');
    send('C', client.next, 'A');
    this.maker.begin();
    for (let i = 0; i < SEGMENTS_PER_SESSION; i++) {
      const from = this.random.below(2) === 0 ? 'C' : 'S';
      const end = from === 'C' ? client : server;
      this.say(from, end, send);
    }
    send('C', client.next, 'R');
    this.gateway.clock.set(this.gateway.clock.sec + 11, 0);
    this.gateway.engine.sweep(4096);
    this.gateway.events.length = 0;
    this.gateway.refusals.length = 0;
    const { tracking } = this.gateway.engine;
    assert.ok(tracking.conntrack.table.count <= 2000, 'connections end');
  }

  private say(
    from: 'C' | 'S',
    end: End,
    send: (from: 'C' | 'S', seq: number, flags: string, payload?: string) => void,
  ): void {
    const { random } = this;
    const whim = random.below(100);
    const flags = random.below(60) === 0 ? 'PAU' : 'PA';
    if (whim < 6 && end.past.length > 0) {
      const again = end.past[random.below(end.past.length)]!;
      const cut = random.below(again.text.length + 1);
      const text = random.below(3) === 0 ? this.maker.segment(from) : again.text.slice(cut);
      send(from, again.seq + (random.below(2) === 0 ? cut : 0), flags, text);
      return;
    }
    const text = this.maker.segment(from);
    if (whim < 9) {
      send(from, end.next + random.below(300), flags, text);
      return;
    }
    send(from, end.next, flags, text);
    end.past.push({ seq: end.next, text });
    if (end.past.length > 8) end.past.shift();
    end.next = (end.next + text.length) | 0;
  }

  private inject(
    from: 'C' | 'S',
    sport: number,
    seq: number,
    ack: number,
    flags: string,
    payload: string,
  ): void {
    const { client, server, outside, known } = this.ends;
    const isClient = from === 'C';
    const frame = buildTcp({
      src: isClient ? client : server,
      dst: isClient
        ? this.nat === 'dnat'
          ? known
          : server
        : this.nat === 'snat'
          ? outside
          : client,
      sport: isClient ? sport : 21,
      dport: isClient ? 21 : sport,
      seq: seq >>> 0,
      ack: flags === 'S' ? 0 : ack >>> 0,
      flags,
      payload,
    });
    this.gateway.datapath.inject(isClient ? 'lan' : 'wan', frame);
  }
}
