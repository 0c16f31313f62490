/** Directives of rule files in a whole gateway: which control connections they hold for, and since when. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { makeGateway, type TestGateway } from '../../../support/gateway.ts';
import { ControlSession } from '../ftp-session.ts';
import { PASV, R227 } from './play.ts';

/** 10.0.1.1:21 leads to 192.0.2.2; the other server is 192.0.2.3. */
const NAT = `*nat
-A PREROUTING -d 10.0.1.1 -p tcp --dport 21 -j DNAT --to-destination 192.0.2.2
COMMIT
`;
const HELPER = `*raw
-A PREROUTING -s 10.0.1.2 -p tcp --dport 21 -m comment --comment "ftp in" -j CT --helper ftp
COMMIT
`;

function gatewayWith(directives: readonly string[], rules = NAT): TestGateway {
  return makeGateway({ ...topology, rules: textOf(directives, rules) });
}

function textOf(directives: readonly string[], rules = NAT): string {
  return `${directives.map((text) => `# pinhole: ftp ${text}\n`).join('')}${rules}`;
}

const topology = { interfaces: { lan: '10.0.1.1/24', wan: '192.0.2.1/24' } } as const;

let port = 50_000;
/** A control connection, to the server or to its public address. */
function session(gateway: TestGateway, nat: 'plain' | 'dnat' = 'plain', from = '10.0.1.2') {
  return new ControlSession(gateway, { nat }, { clientAddress: from, clientPort: port++ });
}

function isDenied(control: ControlSession, line = 'DELE a'): boolean {
  const isTaken = control.step('C', `${line}\r\n`) !== 'pass';
  control.step('S', '200 ok\r\n');
  return isTaken;
}

describe('scopes', () => {
  test('all', () => {
    const gateway = gatewayWith(['deny=DELE']);
    assert.deepEqual(
      [isDenied(session(gateway)), isDenied(session(gateway, 'dnat'))],
      [true, true],
    );
  });
  test('a server by its real address, however the client reaches it', () => {
    const gateway = gatewayWith(['server=192.0.2.2 deny=DELE']);
    assert.deepEqual(
      [isDenied(session(gateway)), isDenied(session(gateway, 'dnat'))],
      [true, true],
    );
  });
  test('a server by the public address that clients know', () => {
    const gateway = gatewayWith(['server=10.0.1.1 deny=DELE']);
    assert.deepEqual(
      [isDenied(session(gateway)), isDenied(session(gateway, 'dnat'))],
      [false, true],
    );
  });
  test('another server', () => {
    const gateway = gatewayWith(['server=192.0.2.3 deny=DELE']);
    assert.deepEqual(
      [isDenied(session(gateway)), isDenied(session(gateway, 'dnat'))],
      [false, false],
    );
  });
  test('the rule that gave the helper, by its comment', () => {
    const gateway = gatewayWith(['rule="ftp in" deny=DELE'], HELPER + NAT);
    assert.equal(isDenied(session(gateway)), true);
    assert.equal(isDenied(session(gateway, 'plain', '10.0.1.3')), false, 'by its port alone');
  });
  test('the narrower one wins, key by key', () => {
    const gateway = gatewayWith(
      ['deny=DELE denied=drop', 'server=192.0.2.0/24 deny=MKD', 'rule="ftp in" deny=RMD'],
      HELPER + NAT,
    );
    const byRule = session(gateway);
    assert.deepEqual(
      ['DELE a', 'MKD a', 'RMD a'].map((line) => isDenied(byRule, line)),
      [false, false, true],
    );
    assert.equal(gateway.refusals.at(-1)!.action, 'drop');
    const byServer = session(gateway, 'plain', '10.0.1.3');
    assert.deepEqual(
      ['DELE a', 'MKD a', 'RMD a'].map((line) => isDenied(byServer, line)),
      [false, true, false],
    );
  });
});

describe('directives that change', () => {
  test('hold from the next line of a living session on', () => {
    const gateway = gatewayWith([]);
    const control = session(gateway);
    assert.equal(isDenied(control), false);
    gateway.reload(textOf(['deny=DELE']));
    assert.equal(isDenied(control), true);
    gateway.reload(textOf(['deny=MKD passive-range=50000:50010']));
    assert.deepEqual([isDenied(control), isDenied(control, 'MKD a')], [false, true]);
    control.step('C', PASV);
    control.step('S', R227);
    assert.deepEqual(control.expected(), []);
    gateway.reload(textOf([]));
    assert.equal(isDenied(control, 'MKD a'), false);
    control.step('C', PASV);
    control.step('S', R227);
    assert.equal(control.expected().length, 1);
  });
  test('between the pieces of a line: a verb that has gone cannot be taken back', () => {
    const gateway = gatewayWith([]);
    const control = session(gateway);
    assert.equal(control.step('C', 'DELE im'), 'pass');
    gateway.reload(textOf(['deny=DELE']));
    assert.equal(control.step('C', 'portant\r\n'), 'reset');
  });
  test('a line that is being held back goes by the new ones', () => {
    const gateway = gatewayWith(['deny=DELE']);
    const control = session(gateway);
    assert.equal(control.step('C', 'DELE a'), 'hold');
    gateway.reload(textOf([]));
    assert.equal(control.step('C', '\r\n'), 'DELE a\r\n');
    assert.equal(isDenied(control), false);
  });
});
