/** Packets of the gateway itself in a datapath that only sees them go. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Outcome } from '../../src/engine/index.ts';
import { LinkType } from '../../src/wire/index.ts';
import { makeGateway, type TestGateway } from '../support/gateway.ts';
import { buildTcp, buildUdp } from '../support/packets.ts';

const gatewayOutside = '203.0.113.1';
const peer = '198.51.100.9';
const guarded = `*filter
:INPUT DROP [0:0]
-A INPUT -p tcp --dport 21 -j ACCEPT
-A INPUT -m state --state ESTABLISHED,RELATED -j ACCEPT
COMMIT
`;

function observe(gateway: TestGateway, frame: Uint8Array): void {
  const { packet, interfaces } = gateway.datapath;
  assert.ok(packet.load(frame, LinkType.Ethernet));
  gateway.engine.observeOutput(packet, interfaces.id('wan'));
}

test('the answer to a packet seen on its way out is known', () => {
  const gateway = makeGateway({ rules: guarded });
  const answer = buildUdp({ src: peer, dst: gatewayOutside, sport: 53, dport: 5000 });
  assert.equal(gateway.inject('wan', answer).reason, 'policy');
  observe(gateway, buildUdp({ src: gatewayOutside, dst: peer, sport: 5000, dport: 53 }));
  observe(gateway, buildUdp({ src: gatewayOutside, dst: peer, sport: 5000, dport: 53 }));
  assert.equal(gateway.connections, 1);
  assert.deepEqual(gateway.eventTexts('new'), [`${gatewayOutside}:5000>${peer}:53`]);
  assert.equal(gateway.inject('wan', answer).outcome, Outcome.Deliver);
});

test('NOTRACK in raw OUTPUT is heeded', () => {
  const rules = '*raw\n-A OUTPUT -p udp -j NOTRACK\nCOMMIT\n';
  const gateway = makeGateway({ rules });
  observe(gateway, buildUdp({ src: gatewayOutside, dst: peer, sport: 5000, dport: 53 }));
  assert.equal(gateway.connections, 0);
});

describe('FTP', () => {
  const there = { src: peer, dst: gatewayOutside, sport: 40_000, dport: 21 };
  const back = { src: gatewayOutside, dst: peer, sport: 21, dport: 40_000 };

  test('a server on the gateway: its 227 opens the pinhole', () => {
    const gateway = makeGateway({ rules: guarded });
    gateway.inject('wan', buildTcp({ ...there, flags: 'S', seq: 100 }));
    observe(gateway, buildTcp({ ...back, flags: 'SA', seq: 900, ack: 101 }));
    gateway.inject('wan', buildTcp({ ...there, flags: 'A', seq: 101, ack: 901 }));
    observe(gateway, buildTcp({ ...back, flags: 'PA', seq: 901, ack: 101, payload: '220 hi\r\n' }));
    gateway.inject(
      'wan',
      buildTcp({ ...there, flags: 'PA', seq: 101, ack: 909, payload: 'PASV\r\n' }),
    );
    const payload = '227 Entering Passive Mode (203,0,113,1,117,48).\r\n';
    observe(gateway, buildTcp({ ...back, flags: 'PA', seq: 909, ack: 107, payload }));
    const syn = { src: peer, dst: gatewayOutside, sport: 40_001, dport: 30_000, flags: 'S' };
    assert.equal(gateway.inject('wan', buildTcp({ ...syn, dport: 30_001 })).reason, 'policy');
    assert.equal(gateway.inject('wan', buildTcp(syn)).outcome, Outcome.Deliver);
  });

  test('a server on the gateway: a bounce that comes in is struck out all the same', () => {
    const gateway = makeGateway({ rules: guarded });
    gateway.inject('wan', buildTcp({ ...there, flags: 'S', seq: 100 }));
    observe(gateway, buildTcp({ ...back, flags: 'SA', seq: 900, ack: 101 }));
    gateway.inject('wan', buildTcp({ ...there, flags: 'A', seq: 101, ack: 901 }));
    const payload = 'PORT 10,9,9,9,200,10\r\n';
    const left = gateway.inject(
      'wan',
      buildTcp({ ...there, flags: 'PA', seq: 101, ack: 901, payload }),
    );
    assert.equal(left.seen?.text, 'XXXX 10,9,9,9,200,10\r\n');
  });

  test('a redirected server: its 227 cannot be rewritten, so it opens nothing', () => {
    const rules = '*nat\n-A PREROUTING -p tcp --dport 2121 -j REDIRECT --to-ports 21\nCOMMIT\n';
    const gateway = makeGateway({ rules });
    const odd = { ...there, dport: 2121 };
    gateway.inject('wan', buildTcp({ ...odd, flags: 'S', seq: 100 }));
    observe(gateway, buildTcp({ ...back, flags: 'SA', seq: 900, ack: 101 }));
    gateway.inject('wan', buildTcp({ ...odd, flags: 'A', seq: 101, ack: 901 }));
    observe(gateway, buildTcp({ ...back, flags: 'PA', seq: 901, ack: 101, payload: '220 hi\r\n' }));
    gateway.inject(
      'wan',
      buildTcp({ ...odd, flags: 'PA', seq: 101, ack: 909, payload: 'PASV\r\n' }),
    );
    const payload = '227 Entering Passive Mode (203,0,113,1,117,48).\r\n';
    observe(gateway, buildTcp({ ...back, flags: 'PA', seq: 909, ack: 107, payload }));
    assert.equal(gateway.connections, 1);
    assert.equal(gateway.expectations, 0);
  });

  test('a client on the gateway: its PORT opens the pinhole', () => {
    const gateway = makeGateway({ rules: guarded });
    const own = { src: gatewayOutside, dst: peer, sport: 40_000, dport: 21 };
    const its = { src: peer, dst: gatewayOutside, sport: 21, dport: 40_000 };
    observe(gateway, buildTcp({ ...own, flags: 'S', seq: 100 }));
    gateway.inject('wan', buildTcp({ ...its, flags: 'SA', seq: 900, ack: 101 }));
    observe(gateway, buildTcp({ ...own, flags: 'A', seq: 101, ack: 901 }));
    gateway.inject(
      'wan',
      buildTcp({ ...its, flags: 'PA', seq: 901, ack: 101, payload: '220 hi\r\n' }),
    );
    const payload = 'PORT 203,0,113,1,200,10\r\n';
    observe(gateway, buildTcp({ ...own, flags: 'PA', seq: 101, ack: 909, payload }));
    const syn = { src: peer, dst: gatewayOutside, sport: 20, dport: 51_210, flags: 'S' };
    assert.equal(gateway.inject('wan', buildTcp(syn)).outcome, Outcome.Deliver);
  });
});
