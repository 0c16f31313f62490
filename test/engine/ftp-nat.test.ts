import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CtStateBit } from '../../src/conntrack/index.ts';
import { makeGateway } from '../support/gateway.ts';
import { buildTcp } from '../support/packets.ts';
import { TcpSession } from '../support/tcp-session.ts';
import { activeData, filter, nat, server } from './ftp-rules.ts';

describe('under source NAT', () => {
  const rules = nat('-A POSTROUTING -o wan -j SNAT --to-source 203.0.113.1') + filter;

  test('PORT shrinks, and traffic goes on both ways with right numbers', () => {
    const gateway = makeGateway({ rules });
    const ftp = new TcpSession(gateway, { client: { address: '192.168.1.100' } }).connect().greet();
    const commands = ['USER x\r\n', 'PORT 192,168,1,100,200,10\r\n', 'LIST\r\n', 'NOOP\r\n'];
    for (const command of commands) {
      ftp.clientSays(command);
      ftp.serverSays('200 ok\r\n');
      ftp.clientAcks();
    }
    assert.equal(ftp.server.received, 'USER x\r\nPORT 203,0,113,1,200,10\r\nLIST\r\nNOOP\r\n');
    assert.equal(ftp.client.received, `220 hello\r\n${'200 ok\r\n'.repeat(4)}`);
    ftp.close();
  });

  test('PORT grows, again and again, across the wrap of the sequence space', () => {
    const grow = nat('-A POSTROUTING -o wan -j SNAT --to-source 203.100.113.101') + filter;
    const gateway = makeGateway({ rules: grow });
    const iss = 0xffff_ff80;
    const ftp = new TcpSession(gateway, { client: { iss } }).connect().greet();
    for (let i = 0; i < 20; i++) {
      ftp.clientSays(`PORT 192,168,1,10,200,${i}\r\n`);
      ftp.serverSays(`200 command ${i} ok\r\n`);
    }
    const lines = ftp.server.received.split('\r\n');
    assert.deepEqual(
      lines.slice(0, 20),
      [...lines.keys()].slice(0, 20).map((i) => `PORT 203,100,113,101,200,${i}`),
    );
    assert.equal(gateway.expectations, 1, 'one for each control connection');
    ftp.close();
    assert.equal(gateway.expectations, 0);
  });

  test('a retransmitted PORT is rewritten the same way and counted once', () => {
    const gateway = makeGateway({ rules });
    const ftp = new TcpSession(gateway).connect().greet();
    const text = 'PORT 192,168,1,10,200,10\r\n';
    const segment = { payload: text, flags: 'PA' };
    const again = ftp.client.segment(segment);
    const first = ftp.clientSays(text);
    for (let i = 0; i < 3; i++) {
      const repeated = gateway.inject('lan', again);
      assert.equal(repeated.seen?.text, first.seen?.text);
      assert.equal(repeated.seen?.seq, first.seen?.seq);
    }
    ftp.clientSays('LIST\r\n');
    ftp.serverSays('200 ok\r\n');
    assert.equal(gateway.expectations, 1);
    assert.equal(ftp.server.received, 'PORT 203,0,113,1,200,10\r\nLIST\r\n');
  });

  test('the server’s selective acknowledgements speak the client’s numbers', () => {
    const gateway = makeGateway({ rules });
    const ftp = new TcpSession(gateway, { client: { address: '192.168.1.100' } }).connect().greet();
    ftp.clientSays('PORT 192,168,1,100,200,10\r\n');
    const before = ftp.client.next;
    const edge = ftp.server.expected;
    const options = new Uint8Array([1, 1, 5, 10, 0, 0, 0, 0, 0, 0, 0, 0]);
    new DataView(options.buffer).setUint32(4, edge + 10);
    new DataView(options.buffer).setUint32(8, edge + 30);
    const left = ftp.inject(ftp.server, { options });
    const seen = new DataView(left.seen!.options.buffer, left.seen!.options.byteOffset);
    assert.equal(left.seen?.ack, before);
    assert.deepEqual([seen.getUint32(4), seen.getUint32(8)], [before + 10, before + 30]);
  });

  test('the next connection in the same row knows nothing of the one before', () => {
    const gateway = makeGateway({ rules });
    const first = new TcpSession(gateway, { client: { address: '192.168.1.100' } })
      .connect()
      .greet();
    first.clientSays('PORT 192,168,1,100,200,10\r\n');
    gateway.inject('lan', first.client.segment({ flags: 'R' }));
    gateway.now(60);
    assert.equal(gateway.connections, 0);
    // The same numbers again: an edit or a shift that was kept would show.
    const second = new TcpSession(gateway, { client: { address: '192.168.1.100' } })
      .connect()
      .greet();
    second.clientSays('STAT 192,168,1,100,200,10\r\n');
    second.serverSays('500\r\n');
    second.clientSays('QUIT\r\n');
    second.clientSays('PORT 192,168,1,100,200,11\r\n');
    second.clientSays('LIST\r\n');
    const text = 'STAT 192,168,1,100,200,10\r\nQUIT\r\nPORT 203,0,113,1,200,11\r\nLIST\r\n';
    assert.equal(second.server.received, text);
  });

  test('damaged options on an adjusted connection are dropped', () => {
    const gateway = makeGateway({ rules });
    const ftp = new TcpSession(gateway).connect().greet();
    ftp.clientSays('PORT 192,168,1,10,200,10\r\n');
    const left = ftp.inject(ftp.server, { options: Uint8Array.of(5, 1, 0, 0) });
    assert.equal(left.reason, 'damaged-tcp-options');
  });

  test('the data connection follows its master, past the nat table', () => {
    const gateway = makeGateway({
      rules:
        nat('-A PREROUTING -j ACCEPT', '-A POSTROUTING -o wan -j SNAT --to-source 203.0.113.1') +
        filter,
    });
    const ftp = new TcpSession(gateway).connect().greet();
    ftp.clientSays('PORT 192,168,1,10,200,10\r\n');
    const consulted = [
      gateway.count('nat', 'PREROUTING', 1),
      gateway.count('nat', 'POSTROUTING', 1),
    ];
    const syn = activeData(gateway, ftp.server.received);
    assert.deepEqual([syn.seen?.dst, syn.seen?.dport], ['192.168.1.10', 51_210]);
    assert.deepEqual([syn.seen?.src, syn.seen?.sport], [server, 20]);
    const back = { src: '192.168.1.10', dst: server, sport: 51_210, dport: 20 };
    const answer = gateway.inject('lan', buildTcp({ ...back, flags: 'SA', seq: 9, ack: 2 }));
    assert.deepEqual([answer.seen?.src, answer.seen?.sport], ['203.0.113.1', 51_210]);
    assert.deepEqual(
      [gateway.count('nat', 'PREROUTING', 1), gateway.count('nat', 'POSTROUTING', 1)],
      consulted,
    );
  });

  test('rules see that the data connection is translated, from its first packet', () => {
    const related = '*filter\n-A FORWARD -m conntrack --ctstate DNAT\nCOMMIT\n';
    const source = nat('-A POSTROUTING -o wan -j SNAT --to-source 203.0.113.1');
    const gateway = makeGateway({ rules: source + related });
    const ftp = new TcpSession(gateway).connect().greet();
    ftp.clientSays('PORT 192,168,1,10,200,10\r\n');
    assert.equal(gateway.count('filter', 'FORWARD', 1), 0);
    activeData(gateway, ftp.server.received);
    assert.equal(gateway.count('filter', 'FORWARD', 1), 1);
  });

  test('two clients announce one port: the second gets another, both are reached', () => {
    const gateway = makeGateway({ rules });
    const lines = [10, 11].map((i) => {
      const ftp = new TcpSession(gateway, { client: { address: `192.168.1.${i}` } })
        .connect()
        .greet();
      ftp.clientSays(`PORT 192,168,1,${i},200,10\r\n`);
      return ftp.server.received;
    });
    assert.notEqual(lines[0], lines[1]);
    const reached = lines.map((line) => activeData(gateway, line).seen);
    assert.deepEqual(
      reached.map((seen) => `${seen?.dst}:${seen?.dport}`),
      ['192.168.1.10:51210', '192.168.1.11:51210'],
    );
  });

  test('passive: nothing is rewritten, the client’s data connection is translated', () => {
    const gateway = makeGateway({ rules });
    const ftp = new TcpSession(gateway).connect().greet();
    ftp.clientSays('PASV\r\n');
    ftp.serverSays('227 Entering Passive Mode (198,51,100,9,117,48).\r\n');
    assert.match(ftp.client.received, /\(198,51,100,9,117,48\)/);
    const ends = { src: '192.168.1.10', dst: server, sport: 40_001, dport: 30_000 };
    const syn = gateway.inject('lan', buildTcp({ ...ends, flags: 'S' }));
    assert.equal(syn.seen?.src, '203.0.113.1');
    assert.equal(gateway.expectations, 0);
  });
});

describe('under destination NAT', () => {
  const rules =
    nat('-A PREROUTING -i wan -p tcp --dport 21 -j DNAT --to-destination 192.168.1.20') + filter;
  const inside = {
    client: { interfaceName: 'wan', address: server },
    server: { interfaceName: 'lan', address: '192.168.1.20' },
    target: { address: '203.0.113.1', port: 21 },
  };

  test('227 names the public address, and the data connection arrives inside', () => {
    const gateway = makeGateway({ rules });
    const ftp = new TcpSession(gateway, inside).connect().greet();
    ftp.clientSays('PASV\r\n');
    ftp.serverSays('227 Entering Passive Mode (192,168,1,20,117,48).\r\n');
    assert.match(ftp.client.received, /\n227 Entering Passive Mode \(203,0,113,1,117,48\)\.\r\n$/);
    ftp.clientSays('RETR x\r\n');
    ftp.serverSays('150 go\r\n');
    const ends = { src: server, dst: '203.0.113.1', sport: 40_001, dport: 30_000 };
    const syn = gateway.inject('wan', buildTcp({ ...ends, flags: 'S' }));
    assert.deepEqual([syn.seen?.dst, syn.seen?.dport], ['192.168.1.20', 30_000]);
    assert.equal(gateway.engine.flight.ctState, CtStateBit.Related);
    assert.equal(gateway.count('nat', 'PREROUTING', 1), 1);
    ftp.close();
  });

  test('active: the server’s data connection comes from the public address, port 20', () => {
    const gateway = makeGateway({ rules });
    const ftp = new TcpSession(gateway, inside).connect().greet();
    ftp.clientSays('PORT 198,51,100,9,200,10\r\n');
    assert.equal(ftp.server.received, 'PORT 198,51,100,9,200,10\r\n');
    const ends = { src: '192.168.1.20', dst: server, sport: 20, dport: 51_210 };
    const syn = gateway.inject('lan', buildTcp({ ...ends, flags: 'S' }));
    assert.deepEqual([syn.seen?.src, syn.seen?.sport], ['203.0.113.1', 20]);
  });

  test('a forwarded odd port has the helper by its real port', () => {
    const odd =
      nat('-A PREROUTING -i wan -p tcp --dport 2121 -j DNAT --to-destination 192.168.1.20:21') +
      filter;
    const gateway = makeGateway({ rules: odd });
    const target = { address: '203.0.113.1', port: 2121 };
    const ftp = new TcpSession(gateway, { ...inside, target }).connect().greet();
    ftp.clientSays('PASV\r\n');
    ftp.serverSays('227 Entering Passive Mode (192,168,1,20,117,48).\r\n');
    assert.match(ftp.client.received, /203,0,113,1/);
  });
});
