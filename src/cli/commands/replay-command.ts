import type { CommandModule, InferredOptionTypes } from 'yargs';
import { NflogOutputs } from '../../datapath/index.ts';
import { CommandError } from '../exit-code.ts';
import { nflogOptions, parseNflogTarget } from '../nflog.ts';
import { type ReplayOptions, runReplay } from '../replay/replay.ts';
import { sysctlOptions } from '../sysctl/index.ts';
import { ftpOptions, parseFtpPorts } from './ftp-options.ts';

/** Readers get everything after the replay too; beyond this they lose packets. */
const READER_BACKLOG = 256 * 1024 * 1024;

const options = {
  rules: {
    type: 'string',
    array: true,
    requiresArg: true,
    demandOption: true,
    describe: 'Rule file (repeat for ip6tables rules)',
  },
  read: {
    alias: 'r',
    type: 'string',
    requiresArg: true,
    demandOption: true,
    describe: 'Capture to read: pcap or pcapng',
  },
  write: {
    alias: 'w',
    type: 'string',
    requiresArg: true,
    describe: 'Capture to write: the packets as they would leave',
  },
  interface: {
    alias: 'i',
    type: 'string',
    array: true,
    requiresArg: true,
    default: [] as string[],
    describe: 'NAME=ADDRESS/LENGTH: what lies behind an interface, for -i and -o',
  },
  strict: {
    type: 'boolean',
    default: false,
    describe: 'What is read and not enforced is an error',
  },
  json: { type: 'boolean', default: false, describe: 'One JSON object a line' },
  'verify-checksums': {
    type: 'boolean',
    default: false,
    describe: 'Treat packets with a bad checksum as INVALID',
  },
  ...ftpOptions,
  ...nflogOptions,
  ...sysctlOptions,
} as const;

type Arguments = InferredOptionTypes<typeof options>;

export function replayCommand(finish: (code: number) => void): CommandModule<object, Arguments> {
  return {
    command: 'replay',
    describe: 'Run a capture file through a rule file: what would happen to each packet',
    builder: (yargs) => yargs.options(options),
    handler: async (args) => {
      const nflog = await openNflog(args.nflog);
      try {
        finish(runReplay({ ...replayOptions(args), nflog }, say));
      } finally {
        nflog?.close();
      }
      if ((nflog?.lost ?? 0) > 0) {
        say(`pinhole replay: warning: ${nflog!.lost} packets of NFLOG rules found no room\n`);
      }
    },
  };
}

function say(text: string): void {
  process.stderr.write(text);
}

function replayOptions(args: Arguments): ReplayOptions {
  return {
    rules: args.rules,
    strict: args.strict,
    read: args.read,
    write: args.write ?? null,
    interfaces: args.interface,
    json: args.json,
    ftpPorts: parseFtpPorts(args['ftp-ports']),
    bounce: args['ftp-bounce'],
    verifyChecksums: args['verify-checksums'],
    sysctls: { sysctls: args.sysctl, files: args['sysctl-file'] },
  };
}

/** A replay is over in a moment: it begins when whoever wants to see it is there. */
async function openNflog(texts: readonly string[]): Promise<NflogOutputs | null> {
  const targets = texts.map(parseNflogTarget);
  if (targets.length === 0) return null;
  try {
    const outputs = await NflogOutputs.open(targets, {
      time: { epochSec: 0, usec: 0 },
      // There are no kernel's numbers in a capture: the order of first mention stands for them.
      indexOf: (id) => id + 1,
      backlogBytes: READER_BACKLOG,
    });
    for (const { path } of targets.filter(({ isSocket }) => isSocket)) {
      say(`pinhole replay: waiting for a reader of ${path}\n`);
    }
    await outputs.untilRead();
    return outputs;
  } catch (error) {
    throw new CommandError(`pinhole replay: --nflog: ${(error as Error).message}`);
  }
}
