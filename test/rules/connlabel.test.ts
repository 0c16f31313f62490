import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { connectionDto } from '../../src/control/index.ts';
import { makeGateway } from '../support/gateway.ts';
import { buildUdp } from '../support/packets.ts';

const ends = { src: '192.168.1.10', dst: '203.0.113.9', sport: 5000, dport: 53 };

/** Rules of mangle FORWARD, numbered from 1, that only count. */
function gatewayWith(...rules: string[]) {
  const lines = rules.map((rule) => `-A FORWARD -m connlabel ${rule}`);
  const gateway = makeGateway({ rules: ['*mangle', ...lines, 'COMMIT', ''].join('\n') });
  const met = () => rules.map((_, i) => gateway.count('mangle', 'FORWARD', i + 1));
  const pass = () => gateway.inject('lan', buildUdp(ends));
  return { gateway, met, pass };
}

describe('connlabel', () => {
  test('a label is set once and stays with the connection', () => {
    const { gateway, met, pass } = gatewayWith('--label 3', '--label 3 --set', '--label 3');
    pass();
    assert.deepEqual(met(), [0, 1, 1]);
    pass();
    assert.deepEqual(met(), [1, 2, 2]);
    assert.deepEqual(connectionDto(gateway.engine, gateway.engine.flight.row).labels, [3]);
  });

  test('negated: matches where the label is not, and a label that is set is there', () => {
    const { met, pass } = gatewayWith('! --label 3', '! --label 3 --set', '! --label 3');
    pass();
    assert.deepEqual(met(), [1, 0, 0]);
  });

  test('a new connection tells its labels with NEW, one that exists with an UPDATE', () => {
    const { gateway, pass } = gatewayWith('--label 3 --set');
    pass();
    assert.deepEqual(gateway.eventTexts('update'), []);
    gateway.reload('*mangle\n-A FORWARD -m connlabel --label 4 --set\nCOMMIT\n');
    for (let i = 0; i < 3; i++) pass();
    assert.equal(gateway.eventTexts('update').length, 1);
  });

  test('without a connection only the negated rule matches', () => {
    const { gateway } = gatewayWith('--label 3', '! --label 3');
    const rules =
      '*raw\n-A PREROUTING -j NOTRACK\nCOMMIT\n*mangle\n-A FORWARD -m connlabel --label 3 --set\n';
    gateway.reload(`${rules}-A FORWARD -m connlabel ! --label 3\nCOMMIT\n`);
    gateway.inject('lan', buildUdp(ends));
    assert.equal(gateway.count('mangle', 'FORWARD', 1), 0);
    assert.equal(gateway.count('mangle', 'FORWARD', 2), 1);
  });
});
