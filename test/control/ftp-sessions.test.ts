import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { FtpMode, FtpSessionView } from '../../src/helpers/index.ts';
import { ftpWith } from '../support/ftp-options.ts';
import { buildTcp } from '../support/packets.ts';
import { TcpSession } from '../support/tcp-session.ts';
import { EntryGateway } from './entry-gateway.ts';

const FILTER = `*filter
:FORWARD DROP
-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
-A FORWARD -p tcp --dport 21 -m conntrack --ctstate NEW -j ACCEPT
COMMIT
`;
const SNAT = '*nat\n-A POSTROUTING -o wan -j SNAT --to-source 203.0.113.1\nCOMMIT\n';
const DNAT = '-A PREROUTING -d 192.168.1.1 -j DNAT --to-destination 198.51.100.9';
const BOTH = SNAT.replace('*nat', `*nat\n${DNAT}`);

const view: FtpSessionView = {
  row: 0,
  user: 'alice',
  isLoggedIn: true,
  isEncrypted: false,
  mode: 'active',
  command: 'RETR',
  file: 'pub/file.iso',
  transfers: 2,
  bytes: 1234,
  lastReply: '150 Here it comes',
};

function ftpGateway(nat = '', mode: FtpMode = 'hardened') {
  return new EntryGateway({ rules: nat + FILTER, settings: { ftp: ftpWith({}, { mode }) } });
}

function login(session: TcpSession): TcpSession {
  session.connect();
  session.serverSays('220 hi\r\n');
  session.clientSays('USER alice\r\n');
  session.serverSays('331 send it\r\n');
  session.clientSays('PASS secret\r\n');
  session.serverSays('230 in\r\n');
  return session;
}

function open(entries: EntryGateway, port = 40_000): TcpSession {
  return login(new TcpSession(entries.gateway, { client: { port } }));
}

/** What the helper would say of every control connection. */
function knows(entries: EntryGateway, known: FtpSessionView | null): void {
  entries.gateway.engine.tracking.ftp.sessionOf = () => known;
}

describe('ftp.sessions', () => {
  test('a control connection, its hole with the time left, its dialogue', async () => {
    const entries = ftpGateway();
    const ftp = open(entries);
    ftp.clientSays('PORT 192,168,1,10,200,10\r\n');
    knows(entries, view);
    entries.gateway.now(10);
    const [session, ...more] = await entries.ask('ftp.sessions', {});
    const [listed] = await entries.list({ proto: 6 });
    const [expected] = await entries.ask('expect.list', {});
    assert.deepEqual(more, []);
    assert.deepEqual(session, {
      id: listed?.id,
      family: 4,
      state: 'ESTABLISHED',
      timeout: listed?.timeout,
      client: { address: '192.168.1.10', port: 40_000 },
      server: { address: '198.51.100.9', port: 21 },
      realServer: { address: '198.51.100.9', port: 21 },
      seenClient: { address: '192.168.1.10', port: 40_000 },
      dialogue: {
        user: 'alice',
        loggedIn: true,
        encrypted: false,
        mode: 'active',
        command: 'RETR',
        file: 'pub/file.iso',
        transfers: 2,
        bytes: 1234,
        lastReply: '150 Here it comes',
      },
      holes: [
        {
          id: expected?.id,
          kind: 'PORT',
          src: '198.51.100.9',
          dst: { address: '192.168.1.10', port: 51_210 },
          lastPort: 51_210,
          leadsTo: { address: '192.168.1.10', port: 51_210 },
          timeout: 290,
        },
      ],
      data: [],
    });
  });

  test('under NAT: both ends as each side knows them, and where a hole leads', async () => {
    const both = ftpGateway(BOTH);
    const ftp = login(
      new TcpSession(both.gateway, { target: { address: '192.168.1.1', port: 21 } }),
    );
    ftp.clientSays('PORT 192,168,1,10,200,10\r\n');
    const [session] = await both.ask('ftp.sessions', {});
    assert.deepEqual(
      [session?.server, session?.realServer],
      [
        { address: '192.168.1.1', port: 21 },
        { address: '198.51.100.9', port: 21 },
      ],
    );
    assert.deepEqual(session?.seenClient, { address: '203.0.113.1', port: 40_000 });
    const [hole] = session?.holes ?? [];
    assert.equal(hole?.src, '198.51.100.9');
    assert.equal(hole?.dst.address, '203.0.113.1');
    assert.deepEqual(hole?.leadsTo, { address: '192.168.1.10', port: 51_210 });
  });

  test('a data connection stands with its master, with the bytes of both directions', async () => {
    const entries = ftpGateway();
    const ftp = open(entries);
    open(entries, 40_001);
    ftp.clientSays('PORT 192,168,1,10,200,10\r\n');
    const ends = { src: '198.51.100.9', dst: '192.168.1.10', sport: 20, dport: 51_210 };
    const back = { src: ends.dst, dst: ends.src, sport: ends.dport, dport: ends.sport };
    entries.gateway.inject('wan', buildTcp({ ...ends, flags: 'S', seq: 1 }));
    entries.gateway.inject('lan', buildTcp({ ...back, flags: 'SA', seq: 5, ack: 2 }));
    entries.gateway.inject('wan', buildTcp({ ...ends, flags: 'A', seq: 2, ack: 6 }));
    const sessions = await entries.ask('ftp.sessions', {});
    assert.deepEqual(
      sessions.map(({ client, holes, data }) => [client.port, holes.length, data.length]),
      [
        [40_000, 0, 1],
        [40_001, 0, 0],
      ],
    );
    const [data] = sessions[0]!.data;
    assert.equal(data?.state, 'ESTABLISHED');
    assert.deepEqual([data?.orig.src, data?.orig.dport], ['198.51.100.9', 51_210]);
    assert.equal(data?.bytes, 120);
  });

  test('bytes that nobody counts are null', async () => {
    const entries = ftpGateway();
    entries.conntrack.settings.accounting = false;
    const ftp = open(entries);
    ftp.clientSays('PORT 192,168,1,10,200,10\r\n');
    const ends = { src: '198.51.100.9', dst: '192.168.1.10', sport: 20, dport: 51_210 };
    entries.gateway.inject('wan', buildTcp({ ...ends, flags: 'S', seq: 1 }));
    const [session] = await entries.ask('ftp.sessions', {});
    assert.equal(session?.data[0]?.bytes, null);
  });

  test('kernel mode: what the tables know, and no dialogue', async () => {
    const entries = ftpGateway('', 'kernel');
    const ftp = open(entries);
    ftp.clientSays('PORT 192,168,1,10,200,10\r\n');
    const [session] = await entries.ask('ftp.sessions', {});
    assert.equal(session?.dialogue, null);
    assert.deepEqual(
      session?.holes.map(({ src, dst }) => [src, dst.port]),
      [['198.51.100.9', 51_210]],
    );
  });

  test('a hole whose time is over is none, swept or not', async () => {
    const entries = ftpGateway();
    const ftp = open(entries);
    ftp.clientSays('PORT 192,168,1,10,200,10\r\n');
    ftp.serverAcks();
    entries.gateway.clock.set(301, 0);
    const [session] = await entries.ask('ftp.sessions', {});
    assert.deepEqual(session?.holes, []);
  });

  test('connections without the helper are not listed', async () => {
    const entries = ftpGateway();
    await entries.create({
      family: 4,
      proto: 17,
      timeout: 60,
      orig: { src: '10.0.0.1', dst: '10.0.0.2', sport: 1, dport: 21 },
      reply: { src: '10.0.0.2', dst: '10.0.0.1', sport: 21, dport: 1 },
    });
    assert.deepEqual(await entries.ask('ftp.sessions', {}), []);
  });

  test('filters: by each name of either end, and by user', async () => {
    const entries = ftpGateway(SNAT);
    open(entries);
    knows(entries, view);
    const found = async (args: object) => (await entries.ask('ftp.sessions', args)).length;
    for (const args of [
      { client: '192.168.1.10' },
      { client: '203.0.113.1' },
      { server: '198.51.100.9' },
      { user: 'alice' },
      { user: 'alice', server: '198.51.100.9', client: '192.168.1.10' },
    ]) {
      assert.equal(await found(args), 1, JSON.stringify(args));
    }
    for (const args of [
      { client: '198.51.100.9' },
      { server: '192.168.1.10' },
      { user: 'bob' },
      { user: 'alice', server: '198.51.100.8' },
    ]) {
      assert.equal(await found(args), 0, JSON.stringify(args));
    }
    knows(entries, null);
    assert.equal(await found({ user: '' }), 0);
  });

  test('what is no address is refused', async () => {
    const entries = ftpGateway();
    assert.equal(await entries.refusal('ftp.sessions', { server: 'ftp.example' }), 'INVALID');
    const odd = { client: 7 } as unknown as { client: string };
    assert.equal(await entries.refusal('ftp.sessions', odd), 'INVALID');
  });

  test('an entry that ends while the list is written is left out', async () => {
    const entries = ftpGateway();
    open(entries, 40_000);
    open(entries, 40_001);
    let isFirst = true;
    entries.gateway.engine.tracking.ftp.sessionOf = () => {
      // The first session is being told of: meanwhile the second ends.
      if (isFirst) entries.conntrack.destroy(1);
      isFirst = false;
      return null;
    };
    assert.equal((await entries.ask('ftp.sessions', {})).length, 1);
  });
});

describe('ftp.counters', () => {
  test('totals, refusals by reason, and an item for each server', async () => {
    const entries = ftpGateway();
    const ftp = open(entries);
    ftp.clientSays('PORT 192,168,1,10,200,10\r\n');
    const { refusals } = entries.gateway.engine.tracking.ftp;
    refusals.count('malformed', 4, 0x0a000001, 0, 0, 0);
    refusals.count('limit', 6, 0x20010db8, 0, 0, 1);
    const answer = entries.client.request('ftp.counters', {});
    const servers = [];
    for await (const server of answer) servers.push(server);
    assert.deepEqual(servers, [
      { server: '10.0.0.1', reasons: { malformed: 1 } },
      { server: '2001:db8::1', reasons: { limit: 1 } },
    ]);
    assert.deepEqual(await answer.done, {
      ...{ mode: 'hardened', sessions: 1, announced: 1, refused: 0, rejected: 0, rewritten: 0 },
      reasons: { malformed: 1, limit: 1 },
    });
  });

  test('status names the mode, and refusals by reason', async () => {
    const entries = ftpGateway('', 'kernel');
    entries.gateway.engine.tracking.ftp.refusals.count('not-asked', 4, 1, 0, 0, 0);
    const status = await entries.client.request('status', {}).done;
    assert.deepEqual(status.ftp, {
      ...{ mode: 'kernel', announced: 0, refused: 0, rejected: 0, rewritten: 0 },
      refusals: { 'not-asked': 1 },
    });
  });
});
