import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { defaultFormat } from '../../src/cli/conntrack/format-options.ts';
import { formatExpectEvent } from '../../src/cli/conntrack/index.ts';
import { bytesText, type FtpOutput, sessionText } from '../../src/cli/ftp/index.ts';
import type { EncryptedEventDto, FtpSessionDto } from '../../src/control/index.ts';
import { askFtp, ftpEntries, openSession } from './ftp-support.ts';

const main = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.js');

function pinhole(...args: string[]) {
  return spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });
}

const session: FtpSessionDto = {
  ...{ id: 7, family: 4, state: 'ESTABLISHED', timeout: 431_000 },
  client: { address: '10.0.1.2', port: 50_940 },
  server: { address: '192.0.2.2', port: 21 },
  realServer: { address: '192.0.2.2', port: 21 },
  seenClient: { address: '10.0.1.2', port: 50_940 },
  dialogue: {
    ...{ user: 'alice', loggedIn: true, encrypted: false, mode: 'passive' },
    ...{ command: 'RETR', file: 'pub/file.iso', transfers: 3, bytes: 12_400_000 },
    lastReply: '150 Here it comes',
  },
  holes: [
    {
      ...{ id: 1, kind: '227', src: '10.0.1.2', dst: { address: '192.0.2.2', port: 50_013 } },
      ...{ lastPort: 50_013, leadsTo: { address: '192.0.2.2', port: 50_013 }, timeout: 297 },
    },
  ],
  data: [
    {
      ...{ id: 8, state: 'ESTABLISHED', timeout: 299, bytes: 1_200_000 },
      orig: {
        ...{ src: '10.0.1.2', dst: '192.0.2.2', sport: 50_941, dport: 50_012 },
        ...{ packets: 3, bytes: 200_000 },
      },
      reply: {
        ...{ src: '192.0.2.2', dst: '10.0.1.2', sport: 50_012, dport: 50_941 },
        ...{ packets: 9, bytes: 1_000_000 },
      },
    },
  ],
};

describe('a session as text', () => {
  test('dialogue, data connections, holes', () => {
    assert.deepEqual(sessionText(session).split('\n'), [
      '10.0.1.2:50940 -> 192.0.2.2:21  ESTABLISHED',
      '|  user alice, logged in, passive; RETR pub/file.iso',
      '|  3 transfers, 12.4 MB; last reply: 150 Here it comes',
      '|- data 10.0.1.2:50941 -> 192.0.2.2:50012  ESTABLISHED  1.2 MB',
      '`- hole 10.0.1.2 -> 192.0.2.2:50013 by 227, 297 s left',
      '',
    ]);
  });

  test('what is not known is not shown; translations are', () => {
    const text = sessionText({
      ...session,
      ...{ data: [], dialogue: null },
      realServer: { address: '10.9.9.9', port: 2121 },
      seenClient: { address: '203.0.113.1', port: 1024 },
      holes: [
        {
          ...{ id: 1, kind: '', src: '10.9.9.9', dst: { address: '203.0.113.1', port: 6000 } },
          ...{ lastPort: 6000, leadsTo: { address: '10.0.1.2', port: 5999 }, timeout: 1 },
        },
      ],
    });
    assert.deepEqual(text.split('\n').slice(1), [
      '|  the server is 10.9.9.9:2121 (DNAT)',
      '|  the server sees 203.0.113.1:1024 (SNAT)',
      '|  kernel mode: the dialogue is not followed',
      '`- hole 10.9.9.9 -> 203.0.113.1:6000, leads to 10.0.1.2:5999, 1 s left',
      '',
    ]);
  });

  test('an encrypted session with a span of ports, IPv6', () => {
    const [address, server] = ['2001:db8::a', '2001:db8::b'];
    const text = sessionText({
      ...session,
      client: { address, port: 1025 },
      seenClient: { address, port: 1025 },
      server: { address: server, port: 21 },
      realServer: { address: server, port: 21 },
      dialogue: {
        ...{ user: '', loggedIn: false, encrypted: true, mode: '', command: '', file: '' },
        ...{ transfers: 1, bytes: 0, lastReply: '' },
      },
      data: [],
      holes: [
        {
          ...{ id: 1, kind: '', src: address, dst: { address: server, port: 50_000 } },
          ...{ lastPort: 50_100, leadsTo: { address: server, port: 50_000 }, timeout: 299 },
        },
      ],
    });
    assert.deepEqual(text.split('\n'), [
      '[2001:db8::a]:1025 -> [2001:db8::b]:21  ESTABLISHED',
      '|  no user yet, encrypted: not read any more',
      '|  1 transfer, 0 B',
      '`- hole 2001:db8::a -> [2001:db8::b]:50000-50100, 299 s left',
      '',
    ]);
  });

  test('text of strangers cannot steer a terminal, nor make lines long', () => {
    const dialogue = {
      ...session.dialogue!,
      user: 'a\u001b[2Jb\u202ec',
      file: `x\r\n${'y'.repeat(300)}`,
    };
    const text = sessionText({ ...session, dialogue });
    assert.match(
      text,
      /user a\\x1b\[2Jb\\u\{202e\}c, logged in, passive; RETR x\\x0d\\x0ay+\.\.\.\n/,
    );
    assert.ok(text.split('\n').every((line) => line.length <= 100));
  });

  test('bytes: up to the unit above', () => {
    const texts = [0, 999, 1000, 999_949, 999_950, 12_400_000, 3e15].map(bytesText);
    assert.deepEqual(texts, ['0 B', '999 B', '1.0 kB', '999.9 kB', '1.0 MB', '12.4 MB', '3.0 PB']);
  });
});

describe('pinhole ftp, against an engine', () => {
  test('list: a tree for each session, JSON the same in one array', async () => {
    const entries = ftpEntries();
    assert.deepEqual(await askFtp(entries, 'list'), {
      ...{ code: 0, stdout: '', stderr: 'pinhole ftp: no control connections\n' },
    });
    assert.equal((await askFtp(entries, 'list', 'json')).stdout, '[]\n');
    openSession(entries, 40_000).clientSays('PORT 192,168,1,10,200,10\r\n');
    openSession(entries, 40_001);
    const { code, stdout, stderr } = await askFtp(entries, 'list');
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /^192\.168\.1\.10:40000 -> 198\.51\.100\.9:21 {2}ESTABLISHED\n/);
    assert.match(stdout, /^`- hole 198\.51\.100\.9 -> 192\.168\.1\.10:51210 by PORT, 300 s left$/m);
    assert.match(stdout, /\n\n192\.168\.1\.10:40001 -> /);
    const listed = JSON.parse((await askFtp(entries, 'list', 'json')).stdout) as FtpSessionDto[];
    assert.deepEqual(listed.map(Object.keys)[1], [
      ...['id', 'family', 'state', 'timeout', 'client', 'server', 'realServer', 'seenClient'],
      ...['dialogue', 'holes', 'data'],
    ]);
    assert.deepEqual(
      listed.map(({ holes }) => holes.length),
      [1, 0],
    );
  });

  test('counters: the most frequent reason first; JSON with the servers', async () => {
    const entries = ftpEntries();
    const { refusals } = entries.gateway.engine.tracking.ftp;
    refusals.count('malformed', 4, 0x0a000001, 0, 0, 0);
    refusals.count('limit', 4, 0x0a000001, 0, 0, 0);
    refusals.count('limit', 4, 0x0a000002, 0, 0, 0);
    const { code, stdout } = await askFtp(entries, 'counters');
    assert.equal(code, 0);
    assert.deepEqual(stdout.split('\n'), [
      ...['mode       hardened', 'sessions   0', 'announced  0', 'rewritten  0'],
      ...['refused    0', 'rejected   0', ''],
      ...['REASON     REFUSED', 'limit      2', 'malformed  1', ''],
      ...['SERVER    REASON     REFUSED', '10.0.0.1  malformed  1', '10.0.0.1  limit      1'],
      ...['10.0.0.2  limit      1', ''],
    ]);
    const json = await askFtp(entries, 'counters', 'json');
    assert.deepEqual(JSON.parse(json.stdout), {
      ...{ mode: 'hardened', sessions: 0, announced: 0, rewritten: 0, refused: 0, rejected: 0 },
      reasons: { malformed: 1, limit: 2 },
      servers: [
        { server: '10.0.0.1', reasons: { malformed: 1, limit: 1 } },
        { server: '10.0.0.2', reasons: { limit: 1 } },
      ],
    });
  });

  test('the refusal of the gateway is the exit code', async () => {
    const entries = ftpEntries();
    const { code, stderr } = await askFtp(entries, 'list', 'text', { server: 'x' });
    assert.deepEqual([code, stderr], [1, 'pinhole: server: "x" is no address\n']);
  });
});

describe('the command line of pinhole ftp', () => {
  const nowhere = ['--socket', '/nonexistent/pinhole.sock'];

  test('4 without a gateway, for every output', () => {
    for (const output of ['text', 'json'] satisfies FtpOutput[]) {
      for (const what of ['list', 'counters']) {
        const { status, stdout, stderr } = pinhole('ftp', what, '-o', output, ...nowhere);
        assert.deepEqual([status, stdout], [4, '']);
        assert.match(stderr, /^pinhole: cannot reach the gateway at \/nonexistent/);
      }
    }
  });

  test('2 for bad parameters', () => {
    const address = pinhole('ftp', 'list', '--client', 'ftp.example', ...nowhere);
    assert.equal(address.status, 2);
    assert.equal(address.stderr, 'pinhole ftp: --client: "ftp.example" is not an address\n');
    for (const args of [[], ['show'], ['list', '-o', 'xml'], ['counters', '--user', 'x']]) {
      assert.equal(pinhole('ftp', ...args).status, 2, args.join(' '));
    }
  });

  test('--help names both, and the exit codes', () => {
    const { status, stdout } = pinhole('ftp', '--help');
    assert.equal(status, 0);
    assert.match(stdout, /ftp list .*\n.*ftp counters /);
    assert.match(pinhole('ftp', 'list', '--help').stdout, /--server.*\n.*--client.*\n.*--user/);
    assert.match(stdout, /Exit codes: 0 done/);
  });
});

describe('encryption in the stream of -E expect', () => {
  const event: EncryptedEventDto = {
    ...{ event: 'ENCRYPTED', time: 1.5, helper: 'ftp', server: '192.0.2.2' },
    master: { src: '10.0.1.2', dst: '192.0.2.2', sport: 50_940, dport: 21 },
    passiveRange: { first: 50_000, last: 50_100 },
  };

  test('plain, JSON, and a comment in XML', () => {
    const line =
      '[ENCRYPTED] helper=ftp server=192.0.2.2 passive-range=50000:50100 ' +
      'master-src=10.0.1.2 master-dst=192.0.2.2 sport=50940 dport=21';
    assert.equal(formatExpectEvent(event, defaultFormat), line);
    const json = formatExpectEvent(event, { ...defaultFormat, format: 'json' });
    assert.deepEqual(JSON.parse(json), event);
    const xml = formatExpectEvent(event, { ...defaultFormat, format: 'xml' });
    assert.equal(xml, `<!-- ${line} -->`);
  });

  test('a passive range that nobody knows is left out', () => {
    const line = formatExpectEvent({ ...event, passiveRange: null }, defaultFormat);
    assert.match(line, /server=192\.0\.2\.2 master-src=/);
  });
});
