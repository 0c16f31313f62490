/** Files in the format of iptables-save as they stand on gateways. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ruleSpec } from '../../src/rules/index.ts';
import { block, errorOf, ruleSetOf } from './support.ts';

describe('rule files', () => {
  test('no chain has the name of a verdict', () => {
    for (const name of ['ACCEPT', 'DROP', 'QUEUE', 'RETURN']) {
      const { message } = errorOf(block('filter', `:${name} - [0:0]`));
      assert.equal(message, `error creating chain '${name}':File exists`);
    }
    assert.ok(ruleSetOf(block('filter', ':LOG - [0:0]')));
  });

  test('ICMP type 255 is any where it has all codes', () => {
    const forms = { any: 'any', '255': 'any', '255/0:255': 'any', '255/255': '255/255' };
    for (const [type, shown] of Object.entries(forms)) {
      const set = ruleSetOf(block('filter', `-A INPUT -p icmp --icmp-type ${type} -j DROP`));
      const rule = set.table(4, 3)!.chains.get('INPUT')!.rules[0]!;
      assert.equal(ruleSpec(rule).trim(), `-p icmp -m icmp --icmp-type ${shown} -j DROP`);
    }
  });

  test('IPv6 addresses that hold one of IPv4 end in it', () => {
    const forms = {
      '::ffff:10.0.0.1': '::ffff:10.0.0.1/128',
      '::a00:1': '::10.0.0.1/128',
      '::1': '::1/128',
      '::ffff:0:a00:1': '::ffff:0:a00:1/128',
      '::ffff:0:0/96': '::ffff:0.0.0.0/96',
    };
    for (const [given, shown] of Object.entries(forms)) {
      const set = ruleSetOf(block('filter', `-A INPUT -s ${given} -j DROP`), { family: 6 });
      const rule = set.table(6, 3)!.chains.get('INPUT')!.rules[0]!;
      assert.equal(ruleSpec(rule).trim(), `-s ${shown} -j DROP`);
    }
  });

  test('a file that begins with a table is no script, whatever stands in it', () => {
    const error = errorOf('*filter\niptables -A INPUT -j DROP\nCOMMIT\n', {}, 'rules.v4');
    assert.deepEqual([error.line, error.message], [2, "Bad argument `iptables'"]);
  });
});
