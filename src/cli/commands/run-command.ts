import type { CommandModule, InferredOptionTypes } from 'yargs';
import { CommandError, Exit } from '../exit-code.ts';
import { nflogOptions, parseNflogTarget } from '../nflog.ts';
import { datapathOptions } from '../run/datapath.ts';
import { type LogFormat, logFormats } from '../run/log.ts';
import { runGateway } from '../run/run.ts';
import { defaultSocket } from '../socket-path.ts';
import { sysctlOptions } from '../sysctl/index.ts';
import { ftpOptions, idleFtpOptions, parseFtpOptions, parseFtpPorts } from './ftp-options.ts';

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
  ...datapathOptions,
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
    type: 'string',
    requiresArg: true,
    describe: 'Most connections at once: as --sysctl nf_conntrack_max=N; default after the memory',
  },
  ...sysctlOptions,
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
          datapath: args.datapath,
          onExit: args['on-exit'] ?? null,
          socket: args.socket,
          ftpPorts: parseFtpPorts(args['ftp-ports']),
          ftp: parseFtpOptions(args),
          idleOptions: idleFtpOptions(args),
          logFormat: args['log-format'],
          nflog: args.nflog.map(parseNflogTarget),
          sysctls: [...maximumSysctl(args['conntrack-max']), ...args.sysctl],
          sysctlFiles: args['sysctl-file'],
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

function maximumSysctl(maximum: string | undefined): readonly string[] {
  return maximum === undefined ? [] : [`nf_conntrack_max=${maximum}`];
}
