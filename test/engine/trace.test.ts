import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { makeGateway } from '../support/gateway.ts';
import { buildTcp, buildUdp } from '../support/packets.ts';

const ends = { src: '192.168.1.10', dst: '198.51.100.9', sport: 5000, dport: 53 };

/** The places that a packet's TRACE lines name, in order. */
function traced(rules: string, frame = buildUdp(ends)): string[] {
  const gateway = makeGateway({ rules });
  gateway.inject('lan', frame);
  return gateway
    .eventTexts('logged')
    .filter((line) => line.startsWith('TRACE: '))
    .map((line) => line.slice(7).split(' ')[0]!);
}

const raw = '*raw\n-A PREROUTING -p udp -j TRACE\nCOMMIT\n';

/** Places and their order are those of Linux 6.18 for the same rules. */
describe('TRACE', () => {
  test('every rule that matches, returns, policies', () => {
    const rules = `${raw}*filter\n:u - [0:0]\n-A FORWARD -p tcp\n-A FORWARD -p udp\n-A FORWARD -j u\n-A u -p udp -j RETURN\nCOMMIT\n`;
    assert.deepEqual(traced(rules), [
      'raw:PREROUTING:policy:2',
      'filter:FORWARD:rule:2',
      'filter:FORWARD:rule:3',
      'filter:u:rule:1',
      'filter:FORWARD:policy:4',
    ]);
  });

  test('the end of a chain returns; so does a RETURN without conditions', () => {
    const rules = `${raw}*filter\n:u - [0:0]\n-A FORWARD -j u\n-A u -p tcp -j ACCEPT\nCOMMIT\n`;
    assert.deepEqual(traced(rules).slice(1), [
      'filter:FORWARD:rule:1',
      'filter:u:return:2',
      'filter:FORWARD:policy:2',
    ]);
    const explicit = rules.replace(
      '-A u -p tcp -j ACCEPT\n',
      '-A u -p tcp -j ACCEPT\n-A u -j RETURN\n-A u -p tcp\n',
    );
    assert.deepEqual(traced(explicit).slice(1), [
      'filter:FORWARD:rule:1',
      'filter:u:return:2',
      'filter:FORWARD:policy:2',
    ]);
  });

  test('ends where the packet ends', () => {
    const rules = `${raw}*filter\n-A FORWARD -p udp -j DROP\n-A FORWARD -j ACCEPT\nCOMMIT\n`;
    assert.deepEqual(traced(rules), ['raw:PREROUTING:policy:2', 'filter:FORWARD:rule:1']);
  });

  test('a verdict without conditions is called a policy (get_chainname_rulenum)', () => {
    const rules = `${raw}*filter\n-A FORWARD -j DROP\nCOMMIT\n`;
    assert.deepEqual(traced(rules), ['raw:PREROUTING:policy:2', 'filter:FORWARD:policy:1']);
  });

  test('a packet that no TRACE rule met leaves no line', () => {
    const rules = `${raw}*filter\n-A FORWARD -j DROP\nCOMMIT\n`;
    assert.deepEqual(traced(rules, buildTcp({ ...ends, flags: 'S' })), []);
  });
});
