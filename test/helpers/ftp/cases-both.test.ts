/**
 * The cases of the reference that end the same way in both modes: which connections have the helper,
 * data connections under rules, numbers and errors under translation, and the tracker. The six TCP
 * scenarios of case 78 are in `test/engine/kernel-scenarios/tcp.test.ts`.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CtStateBit } from '../../../src/conntrack/index.ts';
import { Outcome } from '../../../src/engine/index.ts';
import { ftpModes } from '../../../src/helpers/index.ts';
import { ftpWith } from '../../support/ftp-options.ts';
import { makeGateway, type TestGateway } from '../../support/gateway.ts';
import { errorAbout } from '../../support/icmp-errors.ts';
import { buildTcp } from '../../support/packets.ts';
import { TcpSession } from '../../support/tcp-session.ts';

const CLIENT = '10.0.1.2';
const SERVER = '192.0.2.2';
const OUTSIDE = '192.0.2.1';
const snat = `*nat\n-A POSTROUTING -o wan -j SNAT --to-source ${OUTSIDE}\nCOMMIT\n`;

function filter(...related: readonly string[]): string {
  return [
    '*filter',
    ':FORWARD DROP',
    '-A FORWARD -p tcp -m multiport --dports 21,11111 -m conntrack --ctstate NEW -j ACCEPT',
    '-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT',
    ...related,
    'COMMIT',
    '',
  ].join('\n');
}

const RELATED = '-A FORWARD -m conntrack --ctstate RELATED -j ACCEPT';
const RELATED_HIGH =
  '-A FORWARD -p tcp -m conntrack --ctstate RELATED -m helper --helper ftp -m tcp --dport 1024: -j ACCEPT';

for (const mode of ftpModes) {
  const gatewayOf = (rules: string, ftpPorts: readonly number[] = [21]): TestGateway =>
    makeGateway({
      rules,
      interfaces: { lan: '10.0.1.1/24', wan: ['192.0.2.1/24', '10.1.1.200/32'] },
      settings: { ftpPorts, ftp: ftpWith({ minPort: 1 }, { mode }) },
    });
  /** A session in which both ends have said a line. */
  const sessionOn = (gateway: TestGateway, port = 21): TcpSession => {
    const session = new TcpSession(gateway, {
      client: { address: CLIENT },
      server: { address: SERVER, port },
    });
    session.connect().greet();
    session.clientSays('NOOP\r\n');
    session.serverSays('200 ok\r\n');
    return session;
  };
  const dataSyn = (gateway: TestGateway, dst: string, dport: number, src = SERVER) =>
    gateway.inject('wan', buildTcp({ src, dst, sport: 20, dport, flags: 'S', seq: 77 }));

  describe(`mode ${mode}`, () => {
    test('case 15: no helper attached, active data is blocked', () => {
      const gateway = gatewayOf(filter(RELATED), []);
      sessionOn(gateway).clientSays('PORT 10,0,1,2,200,10\r\n');
      assert.equal(gateway.expectations, 0);
      assert.equal(dataSyn(gateway, CLIENT, 51_210).reason, 'policy');
    });

    test('case 16: control on port 11111 with a helper rule', () => {
      const raw = '*raw\n-A PREROUTING -p tcp --dport 11111 -j CT --helper ftp\nCOMMIT\n';
      const gateway = gatewayOf(raw + filter(RELATED), []);
      sessionOn(gateway, 11_111).clientSays('PORT 10,0,1,2,200,10\r\n');
      assert.equal(dataSyn(gateway, CLIENT, 51_210).outcome, Outcome.Forward);
    });

    test('case 17: a RELATED rule with --helper ftp --dport 1024:', () => {
      const gateway = gatewayOf(filter(RELATED_HIGH));
      const session = sessionOn(gateway);
      session.clientSays('PORT 10,0,1,2,200,10\r\n');
      assert.equal(dataSyn(gateway, CLIENT, 51_210).outcome, Outcome.Forward);
      session.serverSays('200 ok\r\n');
      session.clientSays('PORT 10,0,1,2,0,22\r\n');
      assert.equal(gateway.expectations, 1, 'expected all the same');
      assert.equal(dataSyn(gateway, CLIENT, 22).reason, 'policy');
    });

    test('case 26: destination NAT between addresses of another width', () => {
      const gateway = makeGateway({
        rules:
          '*nat\n-A PREROUTING -i lan -d 10.1.1.200 -j DNAT --to-destination 10.1.100.1\nCOMMIT\n' +
          filter(RELATED),
        interfaces: { lan: '10.0.1.1/24', wan: '10.1.100.254/24' },
        settings: { ftp: ftpWith({}, { mode }) },
      });
      const session = new TcpSession(gateway, {
        client: { address: CLIENT },
        server: { address: '10.1.100.1' },
        target: { address: '10.1.1.200', port: 21 },
      });
      session.connect().greet();
      session.clientSays('PASV\r\n');
      session.serverSays('227 Entering Passive Mode (10,1,100,1,200,10).\r\n');
      session.serverSays('150 go\r\n');
      const told = '227 Entering Passive Mode (10,1,1,200,200,10).\r\n150 go\r\n';
      assert.ok(session.client.received.endsWith(told), session.client.received);
    });

    test('case 35: selective acknowledgements across the rewritten bytes', () => {
      const gateway = gatewayOf(snat + filter(RELATED));
      const session = sessionOn(gateway);
      session.clientSays('PORT 10,0,1,2,200,10\r\n');
      const before = session.client.next;
      const edge = session.server.expected;
      const options = new Uint8Array([1, 1, 5, 10, 0, 0, 0, 0, 0, 0, 0, 0]);
      new DataView(options.buffer).setUint32(4, edge + 10);
      new DataView(options.buffer).setUint32(8, edge + 30);
      const { seen } = session.inject(session.server, { options });
      const edges = new DataView(seen!.options.buffer, seen!.options.byteOffset);
      assert.equal(seen!.ack, before);
      assert.deepEqual([edges.getUint32(4), edges.getUint32(8)], [before + 10, before + 30]);
    });

    test('case 36: an ICMP error about the data connection, and one to somebody else', () => {
      const gateway = gatewayOf(snat + filter(RELATED));
      sessionOn(gateway).clientSays('PORT 10,0,1,2,200,10\r\n');
      assert.equal(dataSyn(gateway, OUTSIDE, 51_210).seen?.dst, CLIENT);
      const back = { src: CLIENT, dst: SERVER, sport: 51_210, dport: 20 };
      const answer = gateway.inject('lan', buildTcp({ ...back, flags: 'SA', seq: 9, ack: 78 }));
      const about = { type: 3, code: 4, src: '192.0.2.9' } as const;
      const quoted = answer.seen!.datagram;
      const right = gateway.inject('wan', errorAbout(quoted, { ...about, dst: OUTSIDE }));
      assert.equal(right.seen?.dst, CLIENT);
      assert.equal(gateway.engine.flight.ctState & CtStateBit.Related, CtStateBit.Related);
      gateway.inject('wan', errorAbout(quoted, { ...about, dst: CLIENT }));
      assert.equal(gateway.engine.flight.ctState, CtStateBit.Invalid);
    });

    test('case 45: data from a host that is not the control peer', () => {
      const gateway = gatewayOf(filter(RELATED));
      sessionOn(gateway).clientSays('PORT 10,0,1,2,200,10\r\n');
      assert.equal(dataSyn(gateway, CLIENT, 51_210, '192.0.2.77').reason, 'policy');
      assert.equal(gateway.expectations, 1);
    });

    test('case 79: segments that are none of TCP', () => {
      const gateway = gatewayOf('');
      const segment = { src: CLIENT, dst: SERVER, sport: 4000, dport: 21 };
      for (const flags of ['SF', '', 'SR']) {
        gateway.inject('lan', buildTcp({ ...segment, flags }));
        assert.equal(gateway.engine.flight.ctState, CtStateBit.Invalid, flags);
      }
      const damaged = buildTcp({ ...segment, flags: 'S' });
      damaged[damaged.length - 1]! ^= 1;
      gateway.datapath.inject('lan', damaged);
      assert.equal(gateway.engine.flight.ctState, CtStateBit.Invalid, 'checksum');
    });

    test('case 80: a segment in mid-stream', () => {
      const segment = { src: CLIENT, dst: SERVER, sport: 4000, dport: 21, flags: 'A' };
      const loose = gatewayOf('');
      loose.inject('lan', buildTcp(segment));
      const { conntrack } = loose.engine.tracking;
      assert.equal(loose.engine.flight.ctState, CtStateBit.New);
      assert.equal(conntrack.table.secondsLeft(loose.engine.flight.row, loose.engine.clock), 300);
      const strict = gatewayOf('');
      strict.engine.tracking.conntrack.settings.tcpLoose = false;
      strict.inject('lan', buildTcp(segment));
      assert.equal(strict.engine.flight.ctState, CtStateBit.Invalid);
    });
  });
}
