#!/usr/bin/env node
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import yargs from 'yargs';
import { applyCommand } from './commands/apply-command.ts';
import { checkCommand } from './commands/check-command.ts';
import { conntrackCommand } from './commands/conntrack-command.ts';
import { doctorCommand } from './commands/doctor-command.ts';
import { ftpCommand } from './commands/ftp-command.ts';
import { iptablesCommands } from './commands/iptables-commands.ts';
import { replayCommand } from './commands/replay-command.ts';
import { runCommand } from './commands/run-command.ts';
import { statusCommand } from './commands/status-command.ts';
import { sysctlCommand } from './commands/sysctl-command.ts';
import { CommandError, Exit } from './exit-code.ts';
import { passThrough } from './pass-through.ts';
import { socketLast } from './socket-path.ts';
import { version } from './version.ts';

/** Parses a command line and carries it out. Resolves to the exit code. */
export async function main(commandLine: readonly string[]): Promise<number> {
  const argv = socketLast(commandLine);
  // conntrack, sysctl and iptables have command lines of their own, not for a general parser to touch.
  const own = passThrough(argv, [conntrackCommand, sysctlCommand, ...iptablesCommands]);
  if (own !== null) return own();
  let exitCode: number = Exit.Ok;
  const finish = (code: number) => {
    exitCode = code;
  };
  // A lone dash means standard input; the parser would take it for nothing.
  const words = argv.map((word) => (word === '-' ? '/dev/stdin' : word));
  const parser = yargs(words)
    .scriptName('pinhole')
    .usage(
      '$0 COMMAND [OPTIONS]\n\nAn FTP-aware stateful firewall and NAT helper for Linux gateways.',
    )
    .command(runCommand(finish))
    .command(replayCommand(finish))
    .command(checkCommand(finish))
    .command(applyCommand(finish))
    .command(statusCommand(finish))
    .command(doctorCommand(finish))
    .command(ftpCommand(finish))
    .command('conntrack', conntrackCommand.summary)
    .command('sysctl', sysctlCommand.summary)
    .demandCommand(1, 'Say what to do: one of the commands above.')
    .strict()
    .version(version())
    .help()
    .alias('help', 'h')
    .wrap(Math.min(100, process.stdout.columns ?? 100))
    .exitProcess(false)
    .fail((message, error, args) => {
      if (error instanceof CommandError) throw error;
      if (error) throw error;
      args.showHelp('error');
      throw new CommandError(`\npinhole: ${message}`, Exit.Usage);
    });
  for (const command of iptablesCommands) parser.command(command.name, command.summary);
  await parser.parseAsync();
  return exitCode;
}

/** True where this file is what Node was started with (also through a symbolic link). */
function isEntryPoint(): boolean {
  const started = process.argv[1];
  return started !== undefined && realpathSync(started) === fileURLToPath(import.meta.url);
}

if (isEntryPoint()) {
  main(process.argv.slice(2)).then(
    (code) => {
      process.exitCode = code;
    },
    (error: unknown) => {
      const known = error instanceof CommandError;
      process.stderr.write(`${known ? error.message : String((error as Error)?.stack ?? error)}\n`);
      process.exitCode = known ? error.exitCode : Exit.Failure;
    },
  );
}
