import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MemoryDatapath } from '../../../src/datapath/memory/index.ts';
import { Outcome } from '../../../src/engine/index.ts';
import { LinkType, MAX_FRAME_BYTES } from '../../../src/wire/index.ts';
import { makeGateway } from '../../support/gateway.ts';
import { buildUdp } from '../../support/packets.ts';

const out = { src: '192.168.1.10', dst: '198.51.100.9', sport: 5000, dport: 53 };
const rejecting = '*filter\n-A FORWARD -j REJECT\nCOMMIT\n';

describe('what inject gives back', () => {
  test('forwarded: the frame as it left, and where', () => {
    const { datapath } = makeGateway();
    const frame = buildUdp({ ...out, payload: 'x', padTo: 60 });
    const passed = datapath.inject('lan', frame);
    assert.equal(passed.outcome, Outcome.Forward);
    assert.equal(passed.interfaceName, 'wan');
    assert.equal(passed.frame.length, 60);
    assert.deepEqual(passed.frame.slice(0, 14), frame.slice(0, 14));
  });

  test('delivered: no way out', () => {
    const passed = makeGateway().datapath.inject('lan', buildUdp({ ...out, dst: '192.168.1.1' }));
    assert.deepEqual([passed.outcome, passed.interfaceName], [Outcome.Deliver, '']);
  });

  test('dropped: no bytes', () => {
    const passed = makeGateway({ rules: rejecting }).datapath.inject('lan', buildUdp(out));
    assert.deepEqual([passed.outcome, passed.frame.length], [Outcome.Drop, 0]);
  });

  test('the frame is a copy: the next packet does not change it', () => {
    const { datapath } = makeGateway();
    const first = datapath.inject('lan', buildUdp({ ...out, payload: 'first' })).frame;
    const kept = first.slice();
    datapath.inject('lan', buildUdp({ ...out, payload: 'other' }));
    assert.deepEqual(first, kept);
  });

  test('the caller’s frame stays as it was', () => {
    const frame = buildUdp(out);
    const kept = frame.slice();
    makeGateway().datapath.inject('lan', frame);
    assert.deepEqual(frame, kept);
  });

  test('other link types', () => {
    const raw = buildUdp({ ...out, link: 'raw' });
    const passed = makeGateway().datapath.inject('lan', raw, LinkType.RawIp);
    assert.equal(passed.outcome, Outcome.Forward);
    assert.equal(passed.frame.length, raw.length);
  });
});

test('answers are collected in order, until the caller empties them', () => {
  const { datapath } = makeGateway({ rules: rejecting });
  for (const sport of [1, 2, 3]) datapath.inject('lan', buildUdp({ ...out, sport }));
  assert.deepEqual(
    datapath.sent.map(({ interfaceName }) => interfaceName),
    ['lan', 'lan', 'lan'],
  );
  // Quoted: ICMP header, then the IP header, then the source port.
  const quoted = datapath.sent.map(({ datagram }) => datagram[20 + 8 + 20 + 1]);
  assert.deepEqual(quoted, [1, 2, 3]);
});

test('an interface is known from its first use', () => {
  const { datapath, engine } = makeGateway();
  datapath.inject('eth7', buildUdp(out));
  assert.equal(datapath.interfaces.name(engine.flight.inIf), 'eth7');
});

test('a frame longer than the cursor is the caller’s mistake', () => {
  const { datapath } = makeGateway();
  assert.throws(() => datapath.inject('lan', new Uint8Array(MAX_FRAME_BYTES + 1)), RangeError);
  assert.throws(
    () => datapath.injectOutput('wan', new Uint8Array(MAX_FRAME_BYTES + 1)),
    RangeError,
  );
});

test('without an engine nothing passes', () => {
  assert.throws(() => new MemoryDatapath().inject('lan', buildUdp(out)), /attach an engine first/);
});
