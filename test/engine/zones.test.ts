import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { connectionDto } from '../../src/control/index.ts';
import { Outcome } from '../../src/engine/index.ts';
import { compileRuleSet, loadRuleFiles } from '../../src/rules/index.ts';
import { makeGateway } from '../support/gateway.ts';
import { buildTcp, buildUdp } from '../support/packets.ts';

const tenants = {
  a: '10.0.0.1/24',
  b: '10.0.0.1/24',
  wan: '203.0.113.1/24',
} as const;
const query = { src: '10.0.0.9', dst: '198.51.100.9', sport: 5000, dport: 53 };

describe('CT --zone', () => {
  test('two tenants with the same addresses are two connections', () => {
    const gateway = makeGateway({
      interfaces: tenants,
      rules: '*raw\n-A PREROUTING -i a -j CT --zone 1\n-A PREROUTING -i b -j CT --zone 2\nCOMMIT\n',
    });
    gateway.inject('a', buildUdp(query));
    const row = gateway.engine.flight.row;
    gateway.inject('b', buildUdp(query));
    assert.equal(gateway.connections, 2);
    assert.equal(connectionDto(gateway.engine, row).zone, 1);
    assert.equal(connectionDto(gateway.engine, gateway.engine.flight.row).zone, 2);
    gateway.inject('a', buildUdp(query));
    assert.equal(gateway.engine.flight.row, row);
  });

  test('--zone-orig with masquerading: one public port each, and both get their answers', () => {
    const gateway = makeGateway({
      interfaces: tenants,
      rules:
        '*raw\n-A PREROUTING -i a -j CT --zone-orig 1\n-A PREROUTING -i b -j CT --zone-orig 2\nCOMMIT\n' +
        '*nat\n-A POSTROUTING -o wan -j MASQUERADE\nCOMMIT\n',
    });
    const rows: number[] = [];
    const ports = ['a', 'b'].map((name) => {
      const left = gateway.inject(name, buildUdp(query));
      assert.equal(left.outcome, Outcome.Forward);
      rows.push(gateway.engine.flight.row);
      return left.seen!.sport!;
    });
    assert.notEqual(ports[0], ports[1], 'unique in the zone of the answers');
    for (const [i, port] of ports.entries()) {
      const answer = { src: query.dst, dst: '203.0.113.1', sport: 53, dport: port };
      const left = gateway.inject('wan', buildUdp(answer));
      assert.equal(left.seen?.dst, query.src);
      assert.equal(left.seen?.dport, query.sport);
      assert.equal(gateway.engine.flight.row, rows[i]);
    }
    assert.equal(connectionDto(gateway.engine, rows[0]!).zone, 0, 'not of the whole connection');
  });

  test('two zones keep the same translated port: they cannot be confused', () => {
    const gateway = makeGateway({
      interfaces: tenants,
      rules:
        '*raw\n-A PREROUTING -i a -j CT --zone 1\n-A PREROUTING -i b -j CT --zone 2\nCOMMIT\n' +
        '*nat\n-A POSTROUTING -o wan -j MASQUERADE\nCOMMIT\n',
    });
    assert.equal(gateway.inject('a', buildUdp(query)).seen?.sport, 5000);
    assert.equal(gateway.inject('b', buildUdp(query)).seen?.sport, 5000);
  });
});

test('CT --timeout: the policy of the script holds for the connection', () => {
  const script =
    '#!/bin/sh\nnfct add timeout short inet tcp syn_sent 3 established 50\n' +
    'iptables -t raw -A PREROUTING -p tcp -j CT --timeout short\n';
  const { ruleSet, errors } = loadRuleFiles(['fw.sh'], () => script);
  assert.ok(ruleSet, errors.map((error) => error.format()).join('\n'));
  const gateway = makeGateway();
  const { engine, datapath } = gateway;
  engine.setRules(compileRuleSet(ruleSet, datapath.interfaces));
  const ends = { src: '192.168.1.9', dst: '198.51.100.9', sport: 5000, dport: 80 };
  const back = { src: ends.dst, dst: ends.src, sport: 80, dport: 5000 };
  const left = [
    ['lan', buildTcp({ ...ends, flags: 'S' })],
    ['wan', buildTcp({ ...back, flags: 'SA' })],
    ['lan', buildTcp({ ...ends, flags: 'A' })],
  ] as const;
  const seconds = left.map(([name, frame]) => {
    gateway.inject(name, frame);
    return engine.context.connection.expiresIn;
  });
  assert.deepEqual(seconds, [3, 60, 50]);
});
