/**
 * After conntrack_sctp_collision.sh: both ends begin an association at the same time, and the answer to
 * the first INIT is late. It comes when all is settled, with a tag that no longer means anything, and
 * must not put the association out.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Outcome } from '../../../src/engine/index.ts';
import { Proto } from '../../../src/wire/index.ts';
import { buildSctp, initChunk, type SctpChunk } from '../../support/sctp.ts';
import { back, ctStateOf, entryOf, entryText, gatewayOf, MASQUERADE, places } from './play.ts';

const INIT = 1;
const INIT_ACK = 2;
const DATA: SctpChunk = { type: 0, flags: 3, body: new Uint8Array(16) };
const SACK: SctpChunk = { type: 3, body: new Uint8Array(12) };
const COOKIE_ECHO: SctpChunk = { type: 10, body: new Uint8Array(8) };
const COOKIE_ACK: SctpChunk = { type: 11 };

const CLIENT_TAG = 0x7111_0001;
const SERVER_TAG = 0x4622_0002;
const LATE_TAG = 0x0933_0003;

const DROP = `*filter
-A FORWARD -m state --state INVALID,UNTRACKED -j DROP
COMMIT
`;

/**
 * Who sends, under which verification tag, what; then the state of the packet and whether it passes. The
 * state of the entry never moves: nobody answers an INIT in the direction that the table knows.
 */
const steps: readonly (readonly ['client' | 'server', number, SctpChunk, string, boolean])[] = [
  ['client', 0, initChunk(INIT, CLIENT_TAG), 'NEW', true],
  ['server', 0, initChunk(INIT, SERVER_TAG), 'ESTABLISHED', true],
  ['client', SERVER_TAG, initChunk(INIT_ACK, CLIENT_TAG), 'ESTABLISHED', true],
  ['server', CLIENT_TAG, COOKIE_ECHO, 'ESTABLISHED', true],
  ['client', SERVER_TAG, COOKIE_ACK, 'ESTABLISHED', true],
  ['server', CLIENT_TAG, initChunk(INIT_ACK, LATE_TAG), 'INVALID', false],
  ['client', SERVER_TAG, DATA, 'ESTABLISHED', true],
  ['server', CLIENT_TAG, SACK, 'ESTABLISHED', true],
  ['server', CLIENT_TAG, DATA, 'ESTABLISHED', true],
  ['client', SERVER_TAG, SACK, 'ESTABLISHED', true],
];

for (const family of [4, 6] as const) {
  for (const [way, nat] of [
    ['routed', ''],
    ['masqueraded', MASQUERADE],
  ] as const) {
    test(`conntrack_sctp_collision (IPv${family}, ${way})`, () => {
      const gateway = gatewayOf(nat + DROP);
      const at = places[family];
      const inside = { src: at.client, dst: at.server, sport: 1234, dport: 1234 };
      const outside = nat === '' ? inside : { ...inside, src: at.outside };
      for (const [index, [from, tag, chunk, ctState, passes]] of steps.entries()) {
        const isClient = from === 'client';
        const ends = isClient ? inside : back(outside);
        const left = gateway.inject(
          isClient ? 'lan' : 'wan',
          buildSctp({ ...ends, tag, chunks: [chunk] }),
        );
        const became = {
          passes: left.outcome === Outcome.Forward,
          ctState: ctStateOf(gateway),
          entry: entryText(entryOf(gateway, inside, Proto.Sctp)),
        };
        const entry = index === 0 ? 'CLOSED 10 UNREPLIED' : 'CLOSED 10';
        assert.deepEqual(became, { passes, ctState, entry }, `packet ${index + 1}`);
      }
    });
  }
}
