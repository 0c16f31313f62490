import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CtStateBit, Status } from '../../src/conntrack/index.ts';
import { Outcome } from '../../src/engine/index.ts';
import { ftpWith } from '../support/ftp-options.ts';
import { makeGateway } from '../support/gateway.ts';
import { buildTcp } from '../support/packets.ts';
import { TcpSession } from '../support/tcp-session.ts';
import { activeData, filter, nat, server } from './ftp-rules.ts';

describe('without translation', () => {
  test('PORT: the data connection is RELATED, once, and ends up established', () => {
    const gateway = makeGateway({ rules: filter });
    const ftp = new TcpSession(gateway).connect().greet();
    ftp.clientSays('PORT 192,168,1,10,200,10\r\n');
    assert.equal(ftp.server.received, 'PORT 192,168,1,10,200,10\r\n');
    assert.deepEqual(gateway.eventTexts('expect-new'), [`${server}>192.168.1.10:51210`]);
    const syn = activeData(gateway, '192,168,1,10,200,10');
    assert.equal(syn.outcome, Outcome.Forward);
    assert.equal(gateway.engine.flight.ctState, CtStateBit.Related);
    assert.equal(gateway.count('filter', 'FORWARD', 3), 1);
    assert.equal(gateway.expectations, 0);
    assert.deepEqual(gateway.eventTexts('expect-destroy'), [`${server}>192.168.1.10:51210`]);
    const back = { src: '192.168.1.10', dst: server, sport: 51_210, dport: 20 };
    const answer = gateway.inject('lan', buildTcp({ ...back, flags: 'SA', seq: 9, ack: 2 }));
    assert.equal(answer.outcome, Outcome.Forward);
    assert.equal(gateway.engine.flight.ctState, CtStateBit.Established);
    const second = { ...back, src: server, dst: '192.168.1.10', sport: 19, dport: 51_210 };
    assert.equal(gateway.inject('wan', buildTcp({ ...second, flags: 'S' })).reason, 'policy');
  });

  test('a data connection to a control port has no helper of its own', () => {
    const gateway = makeGateway({ settings: { ftp: ftpWith({ minPort: 1 }) } });
    const ftp = new TcpSession(gateway, {
      client: { interfaceName: 'wan', address: server },
      server: { interfaceName: 'lan', address: '192.168.1.20' },
    })
      .connect()
      .greet();
    ftp.clientSays(`PORT ${server.replaceAll('.', ',')},0,21\r\n`);
    const ends = { src: '192.168.1.20', dst: server, sport: 20, dport: 21 };
    gateway.inject('lan', buildTcp({ ...ends, flags: 'S' }));
    const { row } = gateway.engine.flight;
    const { table } = gateway.engine.tracking.conntrack;
    assert.ok(table.hasStatus(row, Status.Expected));
    assert.equal(table.helper(row), 0);
  });

  test('an expectation that nobody fulfils ends after 300 seconds', () => {
    const gateway = makeGateway({ rules: filter });
    const ftp = new TcpSession(gateway).connect().greet();
    ftp.clientSays('PORT 192,168,1,10,200,10\r\n');
    gateway.now(299);
    assert.equal(gateway.expectations, 1);
    gateway.now(300);
    assert.equal(gateway.expectations, 0);
    assert.equal(activeData(gateway, '192,168,1,10,200,10').reason, 'policy');
  });

  test('a data connection that the rules drop is not entered', () => {
    const gateway = makeGateway({ rules: filter.replace(/.*--helper ftp.*\n/, '') });
    const ftp = new TcpSession(gateway).connect().greet();
    ftp.clientSays('PORT 192,168,1,10,200,10\r\n');
    assert.equal(activeData(gateway, '192,168,1,10,200,10').reason, 'policy');
    assert.equal(gateway.connections, 1);
  });
});

describe('which connections have the helper', () => {
  const expects = (rules: string, port: number, ftpPorts: readonly number[]) => {
    const gateway = makeGateway({ rules, settings: { ftpPorts } });
    const ftp = new TcpSession(gateway, { server: { port } }).connect().greet();
    ftp.clientSays('PORT 192,168,1,10,200,10\r\n');
    return gateway.expectations;
  };
  const ct = '*raw\n-A PREROUTING -p tcp --dport 2121 -j CT --helper ftp\nCOMMIT\n';

  test('by port', () => {
    assert.equal(expects('', 21, [21, 2121]), 1);
    assert.equal(expects('', 2121, [21, 2121]), 1);
    assert.equal(expects('', 2122, [21, 2121]), 0);
    assert.equal(expects('', 21, []), 0);
  });

  test('by a rule in the raw table', () => {
    assert.equal(expects(ct, 2121, []), 1);
    assert.equal(expects(ct, 21, []), 0);
  });
});

describe('IPv6', () => {
  test('EPRT and EPSV without translation, EPRT under SNAT', () => {
    for (const rules6 of ['', nat('-A POSTROUTING -o wan -j MASQUERADE')]) {
      const gateway = makeGateway({ rules6 });
      const ftp = new TcpSession(gateway, {
        client: { address: 'fd00:1::10' },
        server: { address: '2001:db8:9::9' },
      })
        .connect()
        .greet();
      ftp.clientSays('EPRT |2|fd00:1::10|51210|\r\n');
      ftp.serverSays('200 ok\r\n');
      ftp.clientSays('LIST\r\n');
      const told = /\|2\|([0-9a-f:]+)\|(\d+)\|/.exec(ftp.server.received)!;
      const ends = { src: '2001:db8:9::9', dst: told[1]!, sport: 20, dport: Number(told[2]) };
      const syn = gateway.inject('wan', buildTcp({ ...ends, flags: 'S' }));
      assert.deepEqual([syn.seen?.dst, syn.seen?.dport], ['fd00:1::10', 51_210]);
      assert.equal(gateway.engine.flight.ctState & CtStateBit.Related, CtStateBit.Related);
    }
  });
});
