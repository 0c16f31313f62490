import type { CommandModule, InferredOptionTypes } from 'yargs';
import { NflogOutputs } from '../../datapath/index.ts';
import { CommandError, Exit } from '../exit-code.ts';
import { nflogOptions, parseNflogTarget } from '../nflog.ts';
import { type ReplayOptions, runReplay } from '../replay/replay.ts';
import { sysctlOptions } from '../sysctl/index.ts';
import { ftpOptions, idleFtpOptions, parseFtpOptions, parseFtpPorts } from './ftp-options.ts';

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
  compare: {
    type: 'boolean',
    default: false,
    describe: 'Run both modes of the FTP helper and show where they differ',
  },
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
    builder: (yargs) =>
      yargs
        .options(options)
        .epilogue(
          'Exit codes: 0 done, 1 the capture cannot be read or written, 2 bad parameters or rules.\n' +
            'With --compare: 0 the modes agree, 1 they differ, 2 trouble.',
        ),
    handler: async (args) => {
      if (args.compare) checkComparison(args);
      const idle = args.compare ? '' : idleFtpOptions(args);
      if (idle !== '') say(`pinhole replay: warning: ${idle}\n`);
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

/** Two engines at once have no one output. */
function checkComparison({ write, nflog }: Arguments): void {
  const other = write !== undefined ? '--write' : nflog.length > 0 ? '--nflog' : '';
  if (other === '') return;
  throw new CommandError(`pinhole replay: --compare goes without ${other}`, Exit.Usage);
}

function replayOptions(args: Arguments): ReplayOptions {
  return {
    rules: args.rules,
    strict: args.strict,
    read: args.read,
    write: args.write ?? null,
    interfaces: args.interface,
    json: args.json,
    compare: args.compare,
    ftpPorts: parseFtpPorts(args['ftp-ports']),
    // A comparison has both modes, and the options of both.
    ftp: parseFtpOptions(args.compare ? { ...args, 'ftp-mode': 'kernel' } : args),
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
