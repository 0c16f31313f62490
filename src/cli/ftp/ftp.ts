import type { FtpServerCountsDto, FtpSessionDto, FtpSessionsArgs } from '../../control/index.ts';
import { type GatewayIo, withGateway } from '../gateway-io.ts';
import { countersText } from './counters-text.ts';
import { sessionText } from './sessions-text.ts';

export type FtpOutput = 'text' | 'json';
export const ftpOutputs = ['text', 'json'] as const;

export type FtpIo = Pick<GatewayIo, 'client' | 'stdout' | 'stderr'>;

/** `pinhole ftp list`: a tree for each control connection, or one array. Resolves to the exit code. */
export function runFtpList(args: FtpSessionsArgs, output: FtpOutput, io: FtpIo): Promise<number> {
  return withGateway(io, async (client) => {
    let shown = 0;
    for await (const session of client.request('ftp.sessions', args)) {
      if (output === 'json') io.stdout(`${shown === 0 ? '[' : ','}\n${sessionJson(session)}`);
      else io.stdout(shown === 0 ? sessionText(session) : `\n${sessionText(session)}`);
      shown++;
    }
    if (output === 'json') io.stdout(shown === 0 ? '[]\n' : '\n]\n');
    else if (shown === 0) io.stderr('pinhole ftp: no control connections\n');
    return 0;
  });
}

/** `pinhole ftp counters`: as tables, or one object. */
export function runFtpCounters(output: FtpOutput, io: FtpIo): Promise<number> {
  return withGateway(io, async (client) => {
    const answer = client.request('ftp.counters', {});
    const servers: FtpServerCountsDto[] = [];
    for await (const server of answer) servers.push(server);
    const counters = await answer.done;
    const { mode, sessions, announced, rewritten, refused, rejected, reasons } = counters;
    const shown = { mode, sessions, announced, rewritten, refused, rejected, reasons, servers };
    io.stdout(output === 'json' ? `${JSON.stringify(shown)}\n` : countersText(counters, servers));
    return 0;
  });
}

/** Written out, so that a field added to the DTO does not slip into a documented format. */
function sessionJson(session: FtpSessionDto): string {
  const { id, family, state, timeout, client, server, realServer, seenClient } = session;
  const { dialogue, holes, data } = session;
  return JSON.stringify({
    ...{ id, family, state, timeout, client, server, realServer, seenClient },
    dialogue,
    holes,
    data,
  });
}
