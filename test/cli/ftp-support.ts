/** A gateway in memory with FTP sessions through it, and `pinhole ftp` asking about them. */
import { duplexPair } from 'node:stream';
import { type FtpOutput, runFtpCounters, runFtpList } from '../../src/cli/ftp/index.ts';
import { ControlClient, type FtpSessionsArgs, serveStream } from '../../src/control/index.ts';
import type { FtpMode } from '../../src/helpers/index.ts';
import { EntryGateway } from '../control/entry-gateway.ts';
import { ftpWith } from '../support/ftp-options.ts';
import { TcpSession } from '../support/tcp-session.ts';

const RULES = `*filter
:FORWARD DROP
-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
-A FORWARD -p tcp --dport 21 -m conntrack --ctstate NEW -j ACCEPT
COMMIT
`;

export function ftpEntries(mode: FtpMode = 'hardened'): EntryGateway {
  return new EntryGateway({ rules: RULES, settings: { ftp: ftpWith({}, { mode }) } });
}

/** A control connection past its greeting and login, with this password. */
export function openSession(entries: EntryGateway, port: number, password = 'x'): TcpSession {
  const session = new TcpSession(entries.gateway, { client: { port } });
  session.connect();
  session.serverSays('220 hi\r\n');
  session.clientSays('USER alice\r\n');
  session.serverSays('331 send it\r\n');
  session.clientSays(`PASS ${password}\r\n`);
  session.serverSays('230 in\r\n');
  return session;
}

/** Runs `pinhole ftp WHAT`. */
export async function askFtp(
  entries: EntryGateway,
  what: 'list' | 'counters',
  output: FtpOutput = 'text',
  args: FtpSessionsArgs = {},
) {
  const printed = { stdout: '', stderr: '' };
  const [ours, theirs] = duplexPair();
  serveStream(theirs, entries.handler, {});
  const io = {
    client: () => Promise.resolve(new ControlClient(ours)),
    stdout: (text: string) => {
      printed.stdout += text;
    },
    stderr: (text: string) => {
      printed.stderr += text;
    },
  };
  const code =
    what === 'list' ? await runFtpList(args, output, io) : await runFtpCounters(output, io);
  return { code, ...printed };
}
