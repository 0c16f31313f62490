import type { CommandModule } from 'yargs';
import { runCheck } from '../check.ts';

interface Arguments {
  files: string[];
}

export function checkCommand(finish: (code: number) => void): CommandModule<object, Arguments> {
  return {
    command: 'check <files..>',
    describe: 'Check rule files: 0 if they load, 2 with every error if not',
    builder: (yargs) =>
      yargs.positional('files', {
        type: 'string',
        array: true,
        demandOption: true,
        describe: 'iptables-save files or scripts of iptables commands; - is standard input',
      }),
    handler: ({ files }) =>
      finish(
        runCheck(
          files,
          (text) => process.stdout.write(text),
          (text) => process.stderr.write(text),
        ),
      ),
  };
}
