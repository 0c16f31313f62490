import { type ControlClient, ControlError, type IptablesArgs } from '../../control/index.ts';
import { Exit } from '../exit-code.ts';
import { type ListRequest, parseListOptions } from './options.ts';
import { parseSaveOptions } from './save-options.ts';
import { IPTABLES_VERSION, IptablesUsageError } from './usage-error.ts';

/** What the commands have of the world. */
export interface IptablesIo {
  client: () => Promise<ControlClient>;
  stdout: (text: string) => void;
  stderr: (text: string) => void;
}

/** `iptables` or `ip6tables`, or their `-save`. */
export interface IptablesProgram {
  readonly name: string;
  readonly family: 4 | 6;
}

/** Carries `iptables ARGV` (-L, -S, -Z) out against the gateway. Returns the exit code. */
export function runIptables(
  program: IptablesProgram,
  argv: readonly string[],
  io: IptablesIo,
): Promise<number> {
  return guarded(io, async () => {
    if (argv.some((word) => word === '-h' || word === '--help')) {
      io.stdout(helpText(program.name));
      return Exit.Ok;
    }
    const request = parseListOptions(program.name, argv);
    return ask(program, request, io);
  });
}

/** Carries `iptables-save ARGV` (-c, -t) out against the gateway. Returns the exit code. */
export function runIptablesSave(
  program: IptablesProgram,
  argv: readonly string[],
  io: IptablesIo,
): Promise<number> {
  return guarded(io, async () => {
    const { table, counters } = parseSaveOptions(program.name, argv);
    const args: IptablesArgs = { family: program.family, counters };
    if (table !== null) args.table = table;
    try {
      await print('iptables.save', args, io);
      return Exit.Ok;
    } catch (error) {
      if (!(error instanceof ControlError) || error.code !== 'NO_TABLE') throw error;
      const why = 'Cannot initialize: Table does not exist (do you need to insmod?)';
      io.stderr(`${program.name} ${IPTABLES_VERSION}: ${why}\n`);
      return Exit.Failure;
    }
  });
}

async function ask(
  program: IptablesProgram,
  request: ListRequest,
  io: IptablesIo,
): Promise<number> {
  const { command, chain, ruleNumber, thenZero, ...rest } = request;
  const args: IptablesArgs = { family: program.family, ...rest };
  if (chain !== null) args.chain = chain;
  if (ruleNumber !== null) args.ruleNumber = ruleNumber;
  try {
    if (command !== 'zero') await print(`iptables.${command}`, args, io);
    if (command === 'zero' || thenZero) await zero(args, io);
    return Exit.Ok;
  } catch (error) {
    if (!(error instanceof ControlError)) throw error;
    if (error.code === 'NO_CHAIN') {
      io.stderr(`${program.name}: No chain/target/match by that name.\n`);
      return Exit.Failure;
    }
    if (error.code === 'NO_RULE') {
      io.stderr(`${program.name}: Index of rule is too big.\n`);
      return Exit.Failure;
    }
    if (error.code !== 'NO_TABLE') throw error;
    const { name } = program;
    const why = `can't initialize ${name} table \`${request.table}': Table does not exist (do you need to insmod?)`;
    io.stderr(`${name} ${IPTABLES_VERSION}: ${why}\n`);
    io.stderr(`Perhaps ${name} or your kernel needs to be upgraded.\n`);
    return Exit.Unsupported;
  }
}

async function zero(args: IptablesArgs, io: IptablesIo): Promise<void> {
  const client = await io.client();
  try {
    const { chains } = await client.request('iptables.zero', args).done;
    if (args.verbose !== true || !Array.isArray(chains)) return;
    for (const chain of chains) io.stdout(`Zeroing chain \`${String(chain)}'\n`);
  } finally {
    client.close();
  }
}

async function print(
  command: 'iptables.list' | 'iptables.specs' | 'iptables.save',
  args: IptablesArgs,
  io: IptablesIo,
): Promise<void> {
  const client = await io.client();
  try {
    const answer = client.request(command, args);
    for await (const text of answer) io.stdout(text);
    await answer.done;
  } finally {
    client.close();
  }
}

async function guarded(io: IptablesIo, run: () => Promise<number>): Promise<number> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof IptablesUsageError) {
      io.stderr(error.screenText());
      return error.exitCode;
    }
    if (error instanceof ControlError) {
      io.stderr(`${error.message}\n`);
      return error.exitCode;
    }
    throw error;
  }
}

function helpText(name: string): string {
  return [
    `Usage: pinhole ${name} [--socket PATH] [-t TABLE] -L [CHAIN [NUMBER]] [-n] [-v] [-x] [--line-numbers]`,
    `       pinhole ${name} [--socket PATH] [-t TABLE] -S [CHAIN [NUMBER]] [-v]`,
    `       pinhole ${name} [--socket PATH] [-t TABLE] -Z [CHAIN [NUMBER]]`,
    '',
    'Shows the rules of the running gateway with their counters, as iptables does.',
    'Rules are changed in the rule file; SIGHUP makes the gateway read it again.',
    '',
  ].join('\n');
}
