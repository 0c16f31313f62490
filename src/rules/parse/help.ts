import type { Draft } from '../extension.ts';
import type { BoundOption } from '../options.ts';
import { mainOptions } from './main-options.ts';

/** The texts of `-h`, made from the option tables. */

export interface OptionHelp {
  readonly kind: 'match' | 'target';
  readonly draft: Draft<unknown>;
}

/** Column at which explanations begin. */
const EXPLAINED_AT = 36;

export function helpFor(program: string, version: string, subjects: readonly OptionHelp[]): string {
  const commands = mainOptions.filter(({ role }) => role === 'command');
  const others = mainOptions.filter(({ role }) => role !== 'command');
  const lines = [
    `${program} ${version}`,
    '',
    `Usage: pinhole ${program} [--socket PATH] [-t TABLE] COMMAND [OPTIONS]`,
    '',
    'The rules of the running gateway, as iptables changes and shows them. What is changed here holds',
    'until the gateway re-reads its rule files (SIGHUP) or ends: the files are not changed.',
    '',
    'Commands:',
    ...commands.map(mainLine),
    '',
    'Options ([!] before -s -d -p -i -o -f turns them round):',
    ...others.map(mainLine),
  ];
  for (const { kind, draft } of subjects) lines.push('', ...extensionLines(kind, draft));
  return `${lines.join('\n')}\n`;
}

function mainLine({ short, names, argument, help }: (typeof mainOptions)[number]): string {
  const letter = short === '0' ? '   ' : `-${short},`;
  return line(`${letter} --${names[0]} ${argument}`, help);
}

function extensionLines(kind: 'match' | 'target', draft: Draft<unknown>): string[] {
  const { options } = draft.options;
  const title = `${draft.name} ${kind} options:`;
  return options.length === 0 ? [title, '  none'] : [title, ...options.map(optionLine)];
}

function optionLine(option: BoundOption): string {
  const bang = option.negatable ? '[!] ' : '    ';
  return line(`${bang}--${option.names[0]} ${option.argument}`, option.help);
}

function line(left: string, explanation: string): string {
  const text = `  ${left.trimEnd()}`;
  if (explanation === '') return text;
  if (text.length < EXPLAINED_AT) return text.padEnd(EXPLAINED_AT) + explanation;
  return `${text}\n${' '.repeat(EXPLAINED_AT)}${explanation}`;
}
