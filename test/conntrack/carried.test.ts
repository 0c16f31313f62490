/** Connections of which segments pass without the tracker: what is watched over there. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Direction, TcpSideFlag } from '../../src/conntrack/index.ts';
import { Bench, play, tcp } from './script.ts';

describe('whether the windows are checked elsewhere', () => {
  const checks = (bench: Bench) => bench.conntrack.carried.checksWindows(bench.conntrack.row);

  test('those of a connection whose beginning was seen', () => {
    const bench = new Bench();
    play(tcp, '0 > S seq=0 | NEW SYN_SENT 120 [NEW]', bench);
    assert.equal(checks(bench), true);
  });

  test('not those of one that was picked up in mid-stream', () => {
    const bench = new Bench();
    play(tcp, '0 > A seq=100 ack=500 len=10 | NEW ESTABLISHED 300 [NEW]', bench);
    assert.equal(checks(bench), false);
  });

  // The kernel calls a segment outside of the window of the first side INVALID.
  test('those of one that was picked up, and of which one side has begun anew', () => {
    const bench = new Bench();
    for (const line of ['> A seq=100 ack=500 len=10', '< A seq=500 ack=110', '> A seq=110 ack=500'])
      send(bench, line);
    assert.equal(checks(bench), false);
    for (const line of ['> S seq=70000', '< SA seq=90000 ack=70001']) send(bench, line);
    const { row, trackers } = bench.conntrack;
    const believed = ([Direction.Original, Direction.Reply] as const).map(
      (direction) => (trackers.tcp.flags(row, direction) & TcpSideFlag.BeLiberal) !== 0,
    );
    assert.deepEqual(believed, [false, true]);
    assert.equal(checks(bench), true);
  });
});

/** One line of a script, whatever comes of it. */
function send(bench: Bench, line: string): void {
  const [arrow, what, ...rest] = line.split(' ');
  const fromClient = arrow === '>';
  const [src, dst] = fromClient ? ['10.0.1.2', '192.0.2.2'] : ['192.0.2.2', '10.0.1.2'];
  const options = new Map(rest.map((text) => [text.split('=')[0]!, Number(text.split('=')[1])]));
  bench.send(tcp({ src: src!, dst: dst! }, fromClient, what!, options));
}
