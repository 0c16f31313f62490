/**
 * Hostile clients against models of servers: whatever is sent, in whatever pieces, none of them is
 * told of a third party.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Prng } from '../../../../src/base/index.ts';
import { Outcome } from '../../../../src/engine/index.ts';
import { ftpPolicy } from '../../../support/ftp-options.ts';
import { type ControlSession, ftpSession, type NatKind } from '../ftp-session.ts';
import { servers } from './redteam-servers.ts';

const SEED = Number(process.env.PINHOLE_FTP_SEED ?? 20_261_121);
const RUNS = Number(process.env.PINHOLE_FTP_RUNS ?? 80);
const OWN = /^(10\.0\.1\.2|192\.0\.2\.1|0\.0\.0\.0):/;

/** What reaches the server of a client's segments, each copy of a byte laid over the last or under it. */
class Receiver {
  readonly first: string[] = [];
  readonly last: string[] = [];
  isReset = false;
  private readonly session: ControlSession;
  private readonly base: number;
  private readonly clientBase: number;

  constructor(session: ControlSession) {
    this.session = session;
    this.base = session.server.expected;
    this.clientBase = session.client.next;
  }

  send(at: number, payload: string, more: { flags?: string; urgent?: number } = {}): void {
    if (this.isReset) return;
    const { client } = this.session;
    const seq = (this.clientBase + at) >>> 0;
    const left = this.session.inject(client, { seq, payload, flags: 'PA', ...more });
    if (left.reason === 'ftp-reset') this.isReset = true;
    else if (left.outcome === Outcome.Forward) this.arrive(left.seen!.seq, left.seen!.text);
  }

  private arrive(seq: number, text: string): void {
    const at = (seq - this.base) | 0;
    [...text].forEach((char, i) => {
      if (at + i < 0) return;
      this.first[at + i] ??= char;
      this.last[at + i] = char;
    });
  }

  /** The server has read what is in order so far, and says so. */
  acknowledge(): void {
    const { server } = this.session;
    server.expected = (this.base + contiguous(this.first).length) >>> 0;
    this.session.inject(server, { flags: 'A', ack: server.expected });
  }

  assertNobodyObeys(sent: string): void {
    for (const copy of [this.first, this.last]) {
      const stream = contiguous(copy);
      for (const [name, obeys] of Object.entries(servers)) {
        for (const endpoint of obeys(stream)) {
          assert.match(
            endpoint,
            OWN,
            `${name} of ${JSON.stringify(stream)} for ${JSON.stringify(sent)}`,
          );
        }
      }
    }
  }
}

function contiguous(bytes: readonly (string | undefined)[]): string {
  const end = bytes.findIndex((char) => typeof char === 'undefined');
  return (end < 0 ? bytes : bytes.slice(0, end)).join('');
}

const far = 'a'.repeat(508 - 4);
const BOUNCES: readonly string[] = [
  'PORT 6,6,6,6,0,80\r\n',
  'P\xff\xfd\nORT 6,6,6,6,0,80\r\n',
  'P\xff\nORT 6,6,6,6,0,80\r\n',
  'P\xff\xfa\r\n\xff\xf0ORT 6,6,6,6,0,80\r\n',
  'PORT 6,6,6,6,0,\xff\xfb\n80\r\n',
  'NOOP\rPORT 6,6,6,6,0,80\r',
  'NOOP\r \t PORT 6,6,6,6,0,80\r',
  'NOOP\0PORT 6,6,6,6,0,80\0',
  'P\nORT 6,6,6,6,0,80\r',
  'NOOP\rP\nORT 6,6,6,6,0,80\r',
  'PORT 10,0,1,\n9,6,6\r',
  'P\rORT 6,6,6,6,0,80\r\n',
  'P\0ORT 6,6,6,6,0,80\r\n',
  'PORT 1\x000,0,1,2,200,10\r\n',
  'PORT 1\x0009,0,1,2,200,10\r\n',
  'PO\x01RT 6,6,6,6,0,80\r\n',
  '\x01PORT 6,6,6,6,0,80\r\n',
  '\xd0ORT 6,6,6,6,0,80\r\n',
  'STOR x\x8aPORT 6,6,6,6,0,80\r\n',
  'STOR x\x8dPORT 6,6,6,6,0,80\x8d',
  `CWD ${far}aaaPORT 6,6,6,6,0,80\r\n`,
  `CWD ${'a'.repeat(507)}PORT 6,6,6,6,0,80\r\n`,
  `CWD ${'a'.repeat(124)}PORT 6,6,6,6,0,80`,
  `CWD ${'a'.repeat(2045)}PORT 6,6,6,6,0,80\r\n`,
  `CWD ${'a'.repeat(4092)}PORT 6,6,6,6,0,80\r\n`,
  `CWD ${'a'.repeat(511 * 9 - 4)}PORT 6,6,6,6,0,80\r\n`,
  `CWD ${'a'.repeat(4200)}\rPORT 6,6,6,6,0,80\r`,
  `PORT ${' '.repeat(600)}6,6,6,6,0,80\r\n`,
  'PORTx6,6,6,6,0,80\r\n',
  'PORT=6,6,6,6,0,80\r\n',
  'PORT\t6,6,6,6,0,80\r\n',
  'PORT 10_9,0,1,2,0,80\r\n',
  'PORT \xd9\xa6,\xd9\xa6,\xd9\xa6,\xd9\xa6,0,80\r\n',
  'PORT 6,6,6,6,0,0_80\r\n',
  'PORT 6,6,6,6,0x0,0x50\r\n',
  'PORT 010,0,1,2,200,10\r\n',
  'PORT  010,0,1,2,200,10\r\n',
  'PORT 0x6,0x6,0x6,0x6,0,80\r\n',
  'PORT 10 9,0,1,2,200,10\r\n',
  'PORT  10\xff\xfd9,0,1,2,200,10\r\n',
  'EPRT |1|010.0.1.2|51210|\r\n',
  'EPRT |1|6.394758|80|\r\n',
  'EPRT |1|101058054|80|\r\n',
  'EPRT |1|0x6060606|80|\r\n',
  'EPRT |1|0x6.6.6.6|80|\r\n',
  'EPRT 2126.6.6.62802\r\n',
  'EPRT x1x6.6.6.6x80x\r\n',
  'EPRT |1|10_9.0.1.2|5000|\r\n',
  'P\xff\xff\xfd\x01ORT 6,6,6,6,0,80\r\n',
];
const HONEST: readonly string[] = [
  'NOOP\r\n',
  'USER x\r\n',
  'PORT 10,0,1,2,200,10\r\n',
  'EPRT |1|10.0.1.2|51211|\r\n',
  'RETR REPORT 1, 2.pdf\r\n',
  'AUTH TLS\r\n',
  'CCC\r\n',
  'EPSV ALL\r\n',
  'ABOR\r\n',
  '\xff\xf4\xff\xf2ABOR\r\n',
  'STOR \xe4\xbd\x8a.txt\r\n',
  '\r\n',
];

describe('a bounce that some server may obey', () => {
  for (const bounce of BOUNCES) {
    const shown = bounce.replace(/(.)\1{20,}/gs, '$1$1...');
    for (const size of [9999, 1, 3]) {
      test(`${JSON.stringify(shown)} in pieces of ${size}`, () => {
        const session = ftpSession();
        const receiver = new Receiver(session);
        for (let at = 0; at < bounce.length; at += size) {
          receiver.send(at, bounce.slice(at, at + size));
          if (at % 7 === 0) receiver.acknowledge();
        }
        receiver.send(bounce.length, '\r\n');
        receiver.assertNobodyObeys(bounce);
      });
    }
  }
});

interface Whims {
  readonly random: Prng;
  readonly pick: <T>(of: readonly T[]) => T;
}

function hostileStream({ random, pick }: Whims): string {
  let stream = '';
  const count = 1 + random.below(4);
  for (let i = 0; i < count; i++) {
    if (random.below(5) < 2) stream += pick(HONEST);
    else stream += pick(BOUNCES);
    if (random.below(3) === 0) {
      const at = random.below(stream.length + 1);
      const odd = pick([
        '\r',
        '\n',
        '\0',
        '\xff',
        '\xff\xfd',
        '\xff\xf1',
        '\xff\xfa',
        ' ',
        '\t',
        '\x8a',
        '\x01',
        ',',
        '0',
        '_',
      ]);
      stream = stream.slice(0, at) + odd + stream.slice(at);
    }
  }
  return stream;
}

/** Sends the stream in pieces: again, out of order, with other bytes, behind holes. */
function sendAtRandom(receiver: Receiver, stream: string, { random, pick }: Whims): void {
  const width = pick([2, 8, 40, 300, 1400]);
  const waiting: { at: number; text: string }[] = [];
  for (let at = 0; at < stream.length; ) {
    const text = stream.slice(at, at + 1 + random.below(width));
    waiting.push({ at, text });
    at += text.length;
  }
  for (let budget = 3 * waiting.length + 40; waiting.length > 0 && budget > 0; budget--) {
    const index = random.below(4) === 0 ? random.below(Math.min(4, waiting.length)) : 0;
    const { at, text } = waiting[index]!;
    const isLost = random.below(12) === 0;
    const isOther = random.below(10) === 0;
    const payload = isOther ? pick(BOUNCES).slice(0, text.length + random.below(9)) : text;
    const flags = pick(['PA', 'PA', 'PA', 'A', 'PAU']);
    if (!isLost)
      receiver.send(at, payload, {
        flags,
        ...(flags === 'PAU' ? { urgent: random.below(6) } : {}),
      });
    if (random.below(3) > 0) waiting.splice(index, 1);
    if (random.below(3) === 0) receiver.acknowledge();
  }
  for (let at = 0; at < stream.length; at += 500) {
    receiver.send(at, stream.slice(at, at + 500));
    receiver.acknowledge();
  }
  receiver.send(stream.length, '', { flags: 'FA' });
}

const REPLIES = [
  '200 ok\r\n',
  '234 go\r\n',
  '500 no\r\n',
  '211-a\r\n',
  '211 b\r\n',
  '421 x\r\n',
  '\r\n',
];

describe('random hostile streams', () => {
  for (const nat of ['plain', 'snat'] as const satisfies readonly NatKind[]) {
    for (const deny of [[], ['SITE']]) {
      test(`${nat}, ${deny.length} denied`, () => {
        const random = new Prng(SEED);
        const pick = <T>(of: readonly T[]) => of[random.below(of.length)]!;
        for (let run = 0; run < RUNS; run++) {
          const session = ftpSession({
            nat,
            ...(deny.length > 0 ? { ftp: ftpPolicy({ deny }) } : {}),
          });
          const stream = hostileStream({ random, pick });
          const receiver = new Receiver(session);
          if (random.below(4) === 0) session.serverSays(pick(REPLIES));
          sendAtRandom(receiver, stream, { random, pick });
          receiver.assertNobodyObeys(stream);
          for (const expected of session.expected())
            assert.match(expected, />(10\.0\.1\.2|192\.0\.2\.1):/);
        }
      });
    }
  }
});
