/**
 * What an FTP control connection costs the engine alone: microseconds and bytes for a dialogue of
 * login, TYPE, PORT or PASV, RETR and QUIT, with and without translation, in both modes. Prints
 * figures, asserts nothing.
 *
 *     npm run bench -- ftp
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { tuneForPackets } from '../../src/base/index.ts';
import { defaultEngineSettings } from '../../src/engine/index.ts';
import { type FtpMode, ftpModes } from '../../src/helpers/index.ts';
import { ftpWith } from '../support/ftp-options.ts';
import { makeGateway, type TestGateway } from '../support/gateway.ts';
import { TcpSession } from '../support/tcp-session.ts';

tuneForPackets();
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const SESSIONS = 12_000;
const FIRST_PORT = 2000;
/** More than a connection lives behind its reset. */
const SECONDS_APART = 11;
const SWEEP_ROWS = 64;
const rules = {
  routed: '',
  SNAT: '*nat\n-A POSTROUTING -o wan -j SNAT --to-source 203.0.113.1\nCOMMIT\n',
} as const;
const announcing = {
  PORT: ['PORT 192,168,1,10,200,10\r\n', '200 ok\r\n'],
  PASV: ['PASV\r\n', '227 Entering Passive Mode (198,51,100,9,200,10).\r\n'],
} as const;
type Translation = keyof typeof rules;
type Announcing = keyof typeof announcing;

interface Sent {
  readonly interfaceName: string;
  readonly frame: Uint8Array;
}

function gatewayFor(mode: FtpMode, translation: Translation): TestGateway {
  const defaults = defaultEngineSettings().conntrack;
  return makeGateway({
    rules: rules[translation],
    settings: {
      ftp: ftpWith({ maxHolesPerClient: SESSIONS }, { mode }),
      conntrack: { ...defaults, maximum: 2 * SESSIONS, expectMaximum: 2 * SESSIONS },
    },
  });
}

/** The frames of one dialogue, as both ends send them. */
function record(gateway: TestGateway, announcement: readonly [string, string]): Sent[] {
  const sent: Sent[] = [];
  const inject = gateway.inject.bind(gateway);
  gateway.inject = (interfaceName, frame) => {
    sent.push({ interfaceName, frame: frame.slice() });
    return inject(interfaceName, frame);
  };
  const session = new TcpSession(gateway, { client: { port: FIRST_PORT } }).connect().greet();
  const dialogue = [
    ['USER anonymous\r\n', '331 and?\r\n'],
    ['PASS guest\r\n', '230 in\r\n'],
    ['TYPE I\r\n', '200 ok\r\n'],
    announcement,
    ['RETR pub/file.bin\r\n', '150 go\r\n'],
    ['NOOP\r\n', '226 done\r\n'],
    ['QUIT\r\n', '221 bye\r\n'],
  ] as const;
  for (const [command, reply] of dialogue) {
    session.clientSays(command);
    session.serverSays(reply);
    session.clientAcks();
  }
  session.inject(session.client, { flags: 'RA' });
  return sent;
}

/** Moves the client's port on by one, and mends the checksum (RFC 1624). */
function nextClient({ interfaceName, frame }: Sent): void {
  const tcp = 34;
  const view = new DataView(frame.buffer, frame.byteOffset);
  const at = interfaceName === 'lan' ? tcp : tcp + 2;
  view.setUint16(at, view.getUint16(at) + 1);
  const sum = (~view.getUint16(tcp + 16) & 0xffff) + 1;
  view.setUint16(tcp + 16, ~(sum + (sum >> 16)) & 0xffff);
}

/** Microseconds for a dialogue; each one has ended before the next begins. */
function timeOf(gateway: TestGateway, sent: readonly Sent[]): number {
  const { datapath, engine } = gateway;
  const run = (sessions: number): void => {
    for (let i = 0; i < sessions; i++) {
      for (const one of sent) {
        nextClient(one);
        datapath.inject(one.interfaceName, one.frame);
      }
      gateway.clock.set(gateway.clock.sec + SECONDS_APART, 0);
      engine.sweep(SWEEP_ROWS);
    }
  };
  run(SESSIONS / 2);
  const start = process.hrtime.bigint();
  run(SESSIONS);
  return Number(process.hrtime.bigint() - start) / 1000 / SESSIONS;
}

/** Bytes of heap for a control connection that stays open. */
function memoryOf(gateway: TestGateway, sent: readonly Sent[]): number {
  const open = sent.slice(0, -1);
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < SESSIONS; i++) {
    for (const one of open) {
      nextClient(one);
      gateway.datapath.inject(one.interfaceName, one.frame);
    }
  }
  collectGarbage();
  return (process.memoryUsage().heapUsed - before) / SESSIONS;
}

function measure(mode: FtpMode, translation: Translation, by: Announcing): void {
  const gateway = gatewayFor(mode, translation);
  const sent = record(gateway, announcing[by]);
  gateway.engine.listener = null;
  const us = timeOf(gateway, sent);
  const bytes = memoryOf(gateway, sent);
  console.log(
    `${mode.padEnd(8)} ${translation.padEnd(6)} ${by}: ${us.toFixed(1).padStart(6)} us a dialogue of ` +
      `${sent.length} segments, ${bytes.toFixed(0).padStart(5)} bytes while it is open`,
  );
}

for (const mode of ftpModes) {
  for (const translation of ['routed', 'SNAT'] as const) {
    for (const by of ['PORT', 'PASV'] as const) measure(mode, translation, by);
  }
}
