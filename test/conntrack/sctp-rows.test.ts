import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Field, SctpWord, sctpStateNames } from '../../src/conntrack/index.ts';
import { Bench, ends4 } from './script.ts';
import { sctp } from './sctp-script.ts';

/**
 * Every row of the state machine in both directions. Rows: what each chunk makes of the states NONE
 * to HEARTBEAT_SENT, '--' for INVALID. Measured at a gateway with Linux 6.18: entries of every state
 * made with `conntrack -I`, then the chunk sent through it.
 */
const measured = {
  original: `
    INIT              CL CL CW CE ES CL CL SA CW
    INIT_ACK          CL CL CW CE ES SS SR SA CL
    ABORT             CL CL CL CL CL CL CL CL CL
    SHUTDOWN          CL CL CW CE SS SS SR SA CL
    SHUTDOWN_ACK      SA CL CW CE ES SA SA SA SA
    ERROR             CL CL CW CE ES SS SR SA CL
    COOKIE_ECHO       CL CL CE CE ES SS SR SA CL
    COOKIE_ACK        CL CL CW ES ES SS SR SA CL
    SHUTDOWN_COMPLETE CL CL CW CE ES SS SR CL CL
    HEARTBEAT         HS CL CW CE ES SS SR SA HS
    HEARTBEAT_ACK     CL CL CW CE ES SS SR SA HS
    DATA              NO CL CW CE ES SS SR SA HS
    RE_CONFIG         NO CL CW CE ES SS SR SA HS`,
  reply: `
    INIT              -- CL CW CE ES SS SR SA --
    INIT_ACK          -- CW CW CE ES SS SR SA --
    ABORT             -- CL CL CL CL CL CL CL --
    SHUTDOWN          -- CL CW CE SR SS SR SA --
    SHUTDOWN_ACK      -- CL CW CE ES SA SA SA --
    ERROR             -- CL CW CL ES SS SR SA --
    COOKIE_ECHO       -- CL CE CE ES SS SR SA --
    COOKIE_ACK        -- CL CW ES ES SS SR SA --
    SHUTDOWN_COMPLETE -- CL CW CE ES SS SR CL --
    HEARTBEAT         -- CL CW CE ES SS SR SA HS
    HEARTBEAT_ACK     -- CL CW CE ES SS SR SA ES
    DATA              NO CL CW CE ES SS SR SA HS
    RE_CONFIG         NO CL CW CE ES SS SR SA HS`,
};

const codes = ['NO', 'CL', 'CW', 'CE', 'ES', 'SS', 'SR', 'SA', 'HS'];
const seconds = [10, 10, 3, 3, 210, 3, 3, 3, 30];
const TAG = { original: 0x55, reply: 0x66 };

/** The state after a chunk, and how long it lasts, '--' where the packet was INVALID. */
function after(chunk: string, state: number, isReply: boolean): string {
  const bench = new Bench();
  const { table } = bench;
  const row = bench.send(sctp(ends4, true, 'INIT', new Map([['init', TAG.reply]])));
  table.set(row, Field.State, state);
  table.set(row, SctpWord.TagOriginal, TAG.original);
  bench.at(1);
  const tag = chunk === 'INIT' ? 0 : isReply ? TAG.reply : TAG.original;
  const init = isReply ? TAG.original : TAG.reply;
  const ends = isReply ? { src: ends4.dst, dst: ends4.src } : ends4;
  const options = new Map([
    ['tag', tag],
    ['init', init],
  ]);
  bench.track(sctp(ends, !isReply, chunk, options));
  if (bench.conntrack.row < 0) {
    assert.equal(table.get(row, Field.State), state, 'an invalid chunk changes no state');
    return '--';
  }
  const now = table.get(row, Field.State);
  // Knocking at a closed door does not keep it: an INIT sent again leaves the 10 s as they were.
  const knocks = chunk === 'INIT' && state === 1 && now === 1;
  assert.equal(bench.left(row), knocks ? 9 : seconds[now], `${chunk} in ${sctpStateNames[state]}`);
  return codes[now]!;
}

for (const direction of ['original', 'reply'] as const) {
  describe(`SCTP, ${direction} direction`, () => {
    for (const line of measured[direction].trim().split('\n')) {
      const [chunk, ...expected] = line.trim().split(/\s+/);
      test(chunk!, () => {
        const found = expected.map((_, state) => after(chunk!, state, direction === 'reply'));
        assert.deepEqual(found, expected);
      });
    }
  });
}
