/** No output of any command holds a password that went over a control connection. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { defaultFormat } from '../../src/cli/conntrack/format-options.ts';
import { formatExpectEvent } from '../../src/cli/conntrack/index.ts';
import { GatewayLog } from '../../src/cli/run/log.ts';
import type { EncryptedEventDto, ExpectEventDto, HelperEventDto } from '../../src/control/index.ts';
import { ftpModes } from '../../src/helpers/index.ts';
import { Bench, STATEFUL } from '../replay/support.ts';
import { buildTcp } from '../support/packets.ts';
import type { TcpSession } from '../support/tcp-session.ts';
import { askFtp, ftpEntries, openSession } from './ftp-support.ts';

const SECRET = 'xyzzy-4711';
/** Parts of it long enough to be told from anything else. */
const PARTS = ['xyzzy', '4711', 'zy-47'];

/** What clients say, each a segment: a password whole, in pieces, beside others, in wrong places. */
const SEGMENTS = [
  `PASS ${SECRET}\r\n`,
  'PA',
  `SS ${SECRET}\r\n`,
  'PASS xyz',
  'zy-4711\r\n',
  `ACCT ${SECRET}\r\n`,
  `NOOP\r\nPASS ${SECRET}\r\nPORT 6,6,6,6,0,80\r\n`,
  `USER ${SECRET}:${SECRET}\r\n`,
  `PASS ${SECRET}\rPORT 6,6,6,6,0,80\r\n`,
  `PASS ${SECRET} ${'x'.repeat(5000)}\r\n`,
  `AUTH TLS\r\n`,
  'PORT 6,6,6,6,0,80\r\n',
  'PORT 192,168,1,10,200,10\r\n',
];

function assertNoSecret(text: string, where: string): void {
  for (const part of PARTS) {
    assert.equal(text.toLowerCase().includes(part), false, `${where}: ${text}`);
  }
}

function chat(session: TcpSession): void {
  for (const segment of SEGMENTS) {
    // Lines that the helper keeps or strikes out do not arrive as they were sent.
    try {
      session.clientSays(segment);
      session.serverSays(`530 Login incorrect: ${SECRET}\r\n`);
    } catch (error) {
      if (!(error instanceof assert.AssertionError)) throw error;
    }
  }
}

describe('no password', () => {
  for (const mode of ftpModes) {
    test(`in sessions, counters, events and the log of ${mode} mode`, async () => {
      const entries = ftpEntries(mode);
      const told: (ExpectEventDto | HelperEventDto | EncryptedEventDto)[] = [];
      entries.events.watchExpectations((event) => told.push(event));
      chat(openSession(entries, 40_000, SECRET));
      assert.ok(entries.gateway.engine.tracking.conntrack.table.count > 0);
      for (const what of ['list', 'counters'] as const) {
        for (const output of ['text', 'json'] as const) {
          const { code, stdout } = await askFtp(entries, what, output);
          assert.equal(code, 0);
          assert.ok(stdout.length > 0);
          assertNoSecret(stdout, `ftp ${what} ${output}`);
        }
      }
      for (const format of ['plain', 'json', 'xml'] as const) {
        const texts = told.map((event) => formatExpectEvent(event, { ...defaultFormat, format }));
        assertNoSecret(texts.join('\n'), `events as ${format}`);
      }
      for (const format of ['text', 'json'] as const) {
        const lines: string[] = [];
        const log = new GatewayLog(
          format,
          (line) => lines.push(line),
          () => 0,
        );
        for (const event of entries.logged) {
          if (event.event === 'REFUSED') log.refused(event);
          else log.encrypted(event);
        }
        assertNoSecret(lines.join(''), `log as ${format}`);
      }
      const status = await entries.client.request('status', {}).done;
      assertNoSecret(JSON.stringify(status), 'status');
      // The hardened helper had something to tell: the test has looked at something.
      if (mode === 'hardened') assert.ok(entries.logged.length > 0);
    });
  }

  test('in a replay or a comparison', (t) => {
    const bench = new Bench(t);
    const client = { src: '192.168.1.10', dst: '198.51.100.9', sport: 40_000, dport: 21 };
    const server = { src: '198.51.100.9', dst: '192.168.1.10', sport: 21, dport: 40_000 };
    const frames = [
      buildTcp({ ...client, flags: 'S', seq: 100 }),
      buildTcp({ ...server, flags: 'SA', seq: 900, ack: 101 }),
      buildTcp({ ...client, flags: 'A', seq: 101, ack: 901 }),
    ];
    let [seq, ack] = [101, 901];
    for (const payload of SEGMENTS) {
      const answer = `530 Login incorrect: ${SECRET}\r\n`;
      frames.push(buildTcp({ ...client, flags: 'PA', seq, ack, payload }));
      seq += payload.length;
      frames.push(buildTcp({ ...server, flags: 'PA', seq: ack, ack: seq, payload: answer }));
      ack += answer.length;
    }
    const read = bench.capture('in.pcap', frames);
    const rules = [bench.file('fw.rules', STATEFUL)];
    for (const json of [false, true]) {
      for (const compare of [false, true]) {
        const { stdout, stderr } = bench.replay({ rules, read, json, compare });
        assert.match(stdout, /PORT/);
        assertNoSecret(stdout + stderr, `json ${json}, compare ${compare}`);
      }
    }
  });
});
