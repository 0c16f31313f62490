import type { CommandModule } from 'yargs';
import { type Diagnosis, examine, type Finding, thisHost } from '../../datapath/index.ts';
import { Exit } from '../exit-code.ts';

interface Arguments {
  interface: readonly string[];
  json: boolean;
}

/** `pinhole doctor`: what this host offers a gateway, and the mend for what is missing. */
export function doctorCommand(finish: (code: number) => void): CommandModule<object, Arguments> {
  return {
    command: 'doctor',
    describe: 'Say what this host offers a gateway, which datapath would run, and what to mend',
    builder: (yargs) =>
      yargs
        .option('interface', {
          alias: 'i',
          type: 'string',
          array: true,
          requiresArg: true,
          default: [],
          describe: 'Interface that is to be taken over (repeat)',
        })
        .option('json', { type: 'boolean', default: false, describe: 'As one JSON object' })
        .epilogue('Changes nothing. Exit code: 0 a datapath can run, 1 none can.'),
    handler: async ({ interface: names, json }) => {
      const diagnosis = await examine(thisHost, names);
      process.stdout.write(json ? `${JSON.stringify(diagnosis)}\n` : diagnosisText(diagnosis));
      finish(diagnosis.datapath === null ? Exit.Failure : Exit.Ok);
    },
  };
}

/** One line a finding, its mend below it; the verdict last. */
export function diagnosisText({ findings, datapath }: Diagnosis): string {
  const width = Math.max(...findings.map(({ subject }) => subject.length));
  const lines = findings.flatMap((finding) => findingLines(finding, width));
  lines.push(`datapath: ${datapath ?? 'none can run'}`);
  return lines.map((line) => `${line}\n`).join('');
}

function findingLines(finding: Finding, width: number): string[] {
  const { state, subject, found, mend } = finding;
  const line = `${state.padEnd(4)}  ${subject.padEnd(width)}  ${found}`;
  return mend === '' ? [line] : [line, `${' '.repeat(width + 8)}${mend}`];
}
