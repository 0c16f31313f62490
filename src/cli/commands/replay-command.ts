import type { CommandModule, InferredOptionTypes } from 'yargs';
import { runReplay } from '../replay/replay.ts';
import { ftpOptions, parseFtpPorts } from './ftp-options.ts';

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
  json: { type: 'boolean', default: false, describe: 'One JSON object a line' },
  'verify-checksums': {
    type: 'boolean',
    default: false,
    describe: 'Treat packets with a bad checksum as INVALID',
  },
  ...ftpOptions,
} as const;

type Arguments = InferredOptionTypes<typeof options>;

export function replayCommand(finish: (code: number) => void): CommandModule<object, Arguments> {
  return {
    command: 'replay',
    describe: 'Run a capture file through a rule file: what would happen to each packet',
    builder: (yargs) => yargs.options(options),
    handler: (args) =>
      finish(
        runReplay(
          {
            rules: args.rules,
            read: args.read,
            write: args.write ?? null,
            interfaces: args.interface,
            json: args.json,
            ftpPorts: parseFtpPorts(args['ftp-ports']),
            bounce: args['ftp-bounce'],
            verifyChecksums: args['verify-checksums'],
          },
          (text) => process.stderr.write(text),
        ),
      ),
  };
}
