import type { CommandModule, InferredOptionTypes } from 'yargs';
import { CommandError, Exit } from '../exit-code.ts';
import { nflogOptions, parseNflogTarget } from '../nflog.ts';
import { type LogFormat, logFormats } from '../run/log.ts';
import { runGateway } from '../run/run.ts';
import { defaultSocket } from '../socket-path.ts';
import { ftpOptions, parseFtpPorts } from './ftp-options.ts';

/** As nf_conntrack_max of a host with more than 4 GiB of memory. */
const DEFAULT_MAXIMUM = 262_144;
/** Rows are numbered in 30 bits, and their memory is one array. */
const LARGEST_MAXIMUM = 8_388_608;

const options = {
  rules: {
    type: 'string',
    array: true,
    requiresArg: true,
    demandOption: true,
    describe: 'Rule file: iptables-save format or a script (repeat for ip6tables rules)',
  },
  strict: {
    type: 'boolean',
    default: false,
    describe: 'What is read and not enforced is an error',
  },
  interface: {
    alias: 'i',
    type: 'string',
    array: true,
    requiresArg: true,
    demandOption: true,
    describe: 'Interface to take over (repeat)',
  },
  socket: {
    type: 'string',
    requiresArg: true,
    default: defaultSocket(),
    describe: 'Control socket',
  },
  ...ftpOptions,
  ...nflogOptions,
  'log-format': {
    choices: logFormats,
    default: 'text' as LogFormat,
    describe: 'How events are logged on standard error',
  },
  'conntrack-max': {
    type: 'number',
    requiresArg: true,
    default: DEFAULT_MAXIMUM,
    describe: 'Most connections at once (nf_conntrack_max)',
  },
} as const;

type Arguments = InferredOptionTypes<typeof options>;

export function runCommand(finish: (code: number) => void): CommandModule<object, Arguments> {
  return {
    command: 'run',
    describe: 'Run the gateway in the foreground, on the given interfaces, as root',
    builder: (yargs) =>
      yargs
        .options(options)
        .epilogue(
          'SIGHUP re-reads the rule files: all or nothing, the tables are kept.\n' +
            'SIGINT and SIGTERM give the interfaces back to the kernel.',
        ),
    handler: async (args) =>
      finish(
        await runGateway({
          rules: args.rules,
          strict: args.strict,
          interfaces: checkedInterfaces(args.interface),
          socket: args.socket,
          ftpPorts: parseFtpPorts(args['ftp-ports']),
          bounce: args['ftp-bounce'],
          logFormat: args['log-format'],
          nflog: args.nflog.map(parseNflogTarget),
          maximum: checkedMaximum(args['conntrack-max']),
        }),
      ),
  };
}

function checkedInterfaces(names: readonly string[]): readonly string[] {
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice === undefined) return names;
  throw new CommandError(
    `pinhole run: --interface ${twice} is given twice: once is enough`,
    Exit.Usage,
  );
}

function checkedMaximum(maximum: number): number {
  if (Number.isInteger(maximum) && maximum >= 1 && maximum <= LARGEST_MAXIMUM) return maximum;
  throw new CommandError(
    `pinhole run: bad --conntrack-max: expected a number from 1 to ${LARGEST_MAXIMUM}`,
    Exit.Usage,
  );
}
