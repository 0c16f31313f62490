import type { CommandModule } from 'yargs';
import { ControlClient } from '../../control/index.ts';
import { parseIpv4, parseIpv6 } from '../../wire/index.ts';
import { CommandError, Exit } from '../exit-code.ts';
import {
  type FtpIo,
  type FtpOutput,
  ftpOutputs,
  runFtpCounters,
  runFtpList,
} from '../ftp/index.ts';
import { Output } from '../output.ts';
import { defaultSocket } from '../socket-path.ts';

const options = {
  socket: {
    type: 'string',
    requiresArg: true,
    default: defaultSocket(),
    describe: 'Control socket',
  },
  output: {
    alias: 'o',
    choices: ftpOutputs,
    default: 'text' as FtpOutput,
    describe: 'Text for people, or JSON',
  },
} as const;

const filterOptions = {
  server: {
    type: 'string',
    requiresArg: true,
    describe: 'Sessions of this server, by any address',
  },
  client: {
    type: 'string',
    requiresArg: true,
    describe: 'Sessions of this client, by any address',
  },
  user: { type: 'string', requiresArg: true, describe: 'Sessions of this user' },
} as const;

interface Shared {
  socket: string;
  output: FtpOutput;
}

interface Filter extends Shared {
  server: string | undefined;
  client: string | undefined;
  user: string | undefined;
}

const EXIT_CODES = 'Exit codes: 0 done, 1 refused, 2 bad parameters, 4 no gateway.';

/** `pinhole ftp list` and `pinhole ftp counters`. */
export function ftpCommand(finish: (code: number) => void): CommandModule {
  return {
    command: 'ftp',
    describe: 'Show the FTP sessions of the running gateway, and what was refused',
    builder: (yargs) =>
      yargs
        .command(listCommand(finish))
        .command(countersCommand(finish))
        .demandCommand(1, 1, 'Say what to show: list or counters.')
        .epilogue(EXIT_CODES),
    handler: () => {},
  };
}

function listCommand(finish: (code: number) => void): CommandModule<object, Filter> {
  return {
    command: 'list',
    describe: 'Control connections, with their data connections and holes',
    builder: (yargs) => yargs.options({ ...options, ...filterOptions }).epilogue(EXIT_CODES),
    handler: async ({ socket, output, server, client, user }) => {
      const args = {
        ...(server !== undefined && { server: checkedAddress('server', server) }),
        ...(client !== undefined && { client: checkedAddress('client', client) }),
        ...(user !== undefined && { user }),
      };
      finish(await withTerminal(socket, (io) => runFtpList(args, output, io)));
    },
  };
}

function countersCommand(finish: (code: number) => void): CommandModule<object, Shared> {
  return {
    command: 'counters',
    describe: 'What was announced, rewritten and refused, by reason and by server',
    builder: (yargs) => yargs.options(options).epilogue(EXIT_CODES),
    handler: async ({ socket, output }) => {
      finish(await withTerminal(socket, (io) => runFtpCounters(output, io)));
    },
  };
}

async function withTerminal(socket: string, run: (io: FtpIo) => Promise<number>): Promise<number> {
  const output = new Output();
  try {
    return await run({
      client: () => ControlClient.connect(socket),
      stdout: output.write,
      stderr: (text) => process.stderr.write(text),
    });
  } finally {
    output.flush();
  }
}

function checkedAddress(name: string, text: string): string {
  if (parseIpv4(text) !== null || parseIpv6(text) !== null) return text;
  throw new CommandError(`pinhole ftp: --${name}: "${text}" is not an address`, Exit.Usage);
}
