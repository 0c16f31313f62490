import type { CommandModule } from 'yargs';
import { runCheck } from '../check.ts';

interface Arguments {
  files: string[] | undefined;
  strict: boolean;
  output: string;
  explain: string;
}

export function checkCommand(finish: (code: number) => void): CommandModule<object, Arguments> {
  return {
    command: 'check [files..]',
    describe: 'Check rule files: what iptables would refuse, and what lint finds',
    builder: (yargs) =>
      yargs
        .positional('files', {
          type: 'string',
          array: true,
          describe:
            'iptables-save and ipset save files, scripts of iptables commands; - is standard input',
        })
        .option('strict', {
          type: 'boolean',
          default: false,
          describe: 'What is not enforced and what lint finds are errors',
        })
        .option('output', {
          alias: 'o',
          choices: ['text', 'json'],
          default: 'text',
          requiresArg: true,
          describe: 'How messages are written',
        })
        .option('explain', {
          type: 'string',
          default: '',
          requiresArg: true,
          describe: 'Say what a code means, and end',
        })
        .epilogue(
          'Ends with 0 where the files load (warnings allowed), else as iptables at the first error:\n' +
            '1 refused by the kernel, 2 wording, 3 unknown table.',
        ),
    handler: ({ files, strict, output, explain }) =>
      finish(
        runCheck(
          files ?? [],
          { strict, json: output === 'json', explain },
          {
            stdout: (text) => process.stdout.write(text),
            stderr: (text) => process.stderr.write(text),
          },
        ),
      ),
  };
}
