import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Outcome } from '../../src/engine/index.ts';
import { ftpWith } from '../support/ftp-options.ts';
import { makeGateway } from '../support/gateway.ts';
import { buildTcp } from '../support/packets.ts';
import { hasFlags, TcpSession } from '../support/tcp-session.ts';
import { filter, nat, server } from './ftp-rules.ts';

describe('bounce policies in the engine', () => {
  const bounced = (bounce: 'reject' | 'drop' | 'reset' | 'pass') => {
    const gateway = makeGateway({ rules: filter, settings: { ftp: ftpWith({ bounce }) } });
    const ftp = new TcpSession(gateway).connect();
    return { gateway, ftp, left: ftp.clientSays('PORT 10,9,9,9,200,10\r\n') };
  };

  test('drop', () => {
    const { gateway, ftp, left } = bounced('drop');
    assert.equal(left.outcome, Outcome.Hold);
    assert.equal(ftp.server.received, '');
    assert.equal(gateway.expectations, 0);
    assert.deepEqual(gateway.eventTexts('refused'), ['address-mismatch']);
  });

  test('pass', () => {
    const { gateway, ftp } = bounced('pass');
    assert.equal(ftp.server.received, 'PORT 10,9,9,9,200,10\r\n');
    assert.equal(gateway.expectations, 0);
  });

  test('reset: both ends, in numbers they accept, and the connection is gone', () => {
    const { gateway, ftp, left } = bounced('reset');
    assert.equal(left.reason, 'ftp-reset');
    const [forth, back] = left.answers;
    assert.equal(left.answers.length, 2);
    assert.equal(forth?.interfaceName, 'wan');
    assert.ok(hasFlags(forth?.seen, 'RA'));
    assert.deepEqual([forth?.seen.dst, forth?.seen.seq], [server, ftp.server.expected]);
    assert.equal(back?.interfaceName, 'lan');
    assert.ok(hasFlags(back?.seen, 'R'));
    assert.deepEqual([back?.seen.dst, back?.seen.seq], ['192.168.1.10', ftp.client.expected]);
    assert.equal(gateway.connections, 0);
    assert.equal(gateway.eventTexts('destroy').length, 1);
  });

  test('reset under translation and after a rewritten line', () => {
    const gateway = makeGateway({
      rules: nat('-A POSTROUTING -o wan -j SNAT --to-source 203.0.113.1') + filter,
      settings: { ftp: ftpWith({ bounce: 'reset' }) },
    });
    const ftp = new TcpSession(gateway).connect().greet();
    ftp.clientSays('PORT 192,168,1,10,200,10\r\n');
    ftp.serverSays('200 ok\r\n');
    const left = ftp.clientSays('PORT 10,9,9,9,200,10\r\n');
    const [forth, back] = left.answers.map(({ seen }) => seen);
    assert.deepEqual([forth?.src, forth?.dst], ['203.0.113.1', server]);
    assert.equal(forth?.seq, ftp.server.expected);
    assert.equal(forth?.ack, ftp.server.next);
    assert.deepEqual([back?.src, back?.dst], [server, '192.168.1.10']);
    assert.equal(back?.seq, ftp.client.expected);
  });

  test('reset after the server’s line was rewritten: each end in its own numbers', () => {
    const gateway = makeGateway({
      rules: nat('-A PREROUTING -i wan -p tcp -j DNAT --to-destination 192.168.1.20') + filter,
      settings: { ftp: ftpWith({ bounce: 'reset' }) },
    });
    const ftp = new TcpSession(gateway, {
      client: { interfaceName: 'wan', address: server },
      server: { interfaceName: 'lan', address: '192.168.1.20' },
      target: { address: '203.0.113.1', port: 21 },
    })
      .connect()
      .greet();
    ftp.clientSays('PASV\r\n');
    ftp.serverSays('227 Entering Passive Mode (192,168,1,20,117,48).\r\n');
    assert.notEqual(ftp.client.expected, ftp.server.next);
    const left = ftp.clientSays('PORT 10,9,9,9,200,10\r\n');
    const [forth, back] = left.answers.map(({ seen }) => seen);
    assert.deepEqual([forth?.dst, forth?.ack], ['192.168.1.20', ftp.server.next]);
    assert.deepEqual([back?.src, back?.sport], ['203.0.113.1', 21]);
    assert.equal(back?.seq, ftp.client.expected);
  });

  test('reset of a connection picked up in mid-stream: no destroy event without a new one', () => {
    const gateway = makeGateway({ settings: { ftp: ftpWith({ bounce: 'reset' }) } });
    const ends = { src: '192.168.1.10', dst: server, sport: 40_000, dport: 21 };
    const payload = 'PORT 10,9,9,9,200,10\r\n';
    const left = gateway.inject('lan', buildTcp({ ...ends, flags: 'PA', ack: 5, payload }));
    assert.equal(left.reason, 'ftp-reset');
    assert.equal(gateway.connections, 0);
    assert.deepEqual(gateway.eventTexts('destroy'), []);
  });
});
