import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CtStateBit } from '../../src/conntrack/index.ts';
import { decodeFrame, type Packet, verifyTrackedChecksum } from '../../src/wire/index.ts';
import { bytesPerRound } from '../support/allocation.ts';
import { buildIcmp, buildIp, loadPacket } from '../support/packets.ts';
import { buildSctp, initChunk, type SctpChunk } from '../support/sctp.ts';
import { Bench, ends4 } from './script.ts';

const LIMIT_BYTES = 0.1;
const back = { src: ends4.dst, dst: ends4.src };
// Tags with the highest bit set, as half of all are.
const CLIENT_TAG = 0x9abcdef0;
const SERVER_TAG = 0xfedcba98;

function fromClient(tag: number, ...chunks: SctpChunk[]): Uint8Array {
  return buildSctp({ ...ends4, sport: 40000, dport: 7, tag, chunks });
}

function fromServer(tag: number, ...chunks: SctpChunk[]): Uint8Array {
  return buildSctp({ ...back, sport: 7, dport: 40000, tag, chunks });
}

const data: SctpChunk = { type: 0, body: new Uint8Array(16).fill(7) };

/** By name: how the connection is set up, then one packet of each direction. */
const flows: Readonly<Record<string, readonly Uint8Array[]>> = {
  sctp: [
    fromClient(0, initChunk(1, CLIENT_TAG)),
    fromServer(CLIENT_TAG, initChunk(2, SERVER_TAG)),
    fromClient(SERVER_TAG, { type: 10 }),
    fromServer(CLIENT_TAG, { type: 11 }),
    fromClient(SERVER_TAG, { type: 4 }, { type: 3 }, data),
    fromServer(CLIENT_TAG, { type: 3 }, data),
  ],
  gre: [buildIp(ends4, 47, new Uint8Array(8)), buildIp(back, 47, new Uint8Array(8))],
  icmp: [buildIcmp({ ...ends4, type: 8 }), buildIcmp({ ...back, type: 0 })],
};

describe('bytes allocated per packet', () => {
  for (const [name, frames] of Object.entries(flows)) {
    test(`${name}: decoded, verified and tracked`, () => {
      const bench = new Bench();
      bench.conntrack.listen(null);
      for (const frame of frames) assert.ok(bench.send(frame) >= 0);
      const forth = loadPacket(frames.at(-2)!);
      const answer = loadPacket(frames.at(-1)!);
      let established = 0;
      const bytes = bytesPerRound((n) => {
        const packet: Packet = (n & 1) === 0 ? forth : answer;
        bench.clock.set(1_000_001 + (n >>> 15), n & 0x7fff);
        decodeFrame(packet);
        verifyTrackedChecksum(packet);
        bench.conntrack.track(packet);
        if (bench.conntrack.state === CtStateBit.Established) established++;
      }, 20_000);
      assert.ok(established > 20_000);
      assert.ok(bytes < LIMIT_BYTES, `${bytes} bytes`);
    });
  }
});
