/** Runs command lines as transcripts have them, and reads transcripts. */
import type { Ran, RuleGateway } from './rule-gateway.ts';

/** One command of a transcript, with what it printed. */
export interface Case {
  readonly section: string;
  readonly command: string;
  readonly stdin: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

/** Takes a transcript apart: `$ COMMAND`, its output, `[stderr] …` lines, `[exit N]`. */
export function readTranscript(text: string): Case[] {
  const cases: Case[] = [];
  const lines = text.split('\n');
  let section = '';
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at]!;
    if (line.startsWith('### ')) section = line.slice(4, 6);
    if (!line.startsWith('$ ')) continue;
    let command = line.slice(2);
    let stdin = '';
    if (command.endsWith('<<EOF')) {
      command = command.slice(0, -'<<EOF'.length).trim();
      while (lines[++at] !== 'EOF') {
        if (lines[at]!.endsWith('EOF')) {
          stdin += lines[at]!.slice(0, -'EOF'.length);
          break;
        }
        stdin += `${lines[at]}\n`;
      }
    }
    let stdout = '';
    let stderr = '';
    let end: RegExpExecArray | null = null;
    while (end === null && ++at < lines.length) {
      const printed = lines[at]!;
      end = /^\[exit (\d+)\]$/.exec(printed);
      if (printed.startsWith('[stderr]')) stderr += `${printed.slice('[stderr] '.length)}\n`;
      else if (end === null) stdout += `${printed}\n`;
    }
    cases.push({ section, command, stdin, stdout, stderr, code: Number(end?.[1] ?? -1) });
  }
  return cases;
}

/** `A; B | head -1`: commands one after another, with the few filters that transcripts use. */
export async function runLine(gateway: RuleGateway, line: string, stdin = ''): Promise<Ran> {
  let ran: Ran = { code: 0, stdout: '', stderr: '' };
  for (const command of splitOutside(line, ';')) {
    const [first = '', ...filters] = splitOutside(command, '|');
    const one = await runOne(gateway, first, stdin);
    const stdout = filters.reduce((text, filter) => filtered(text, filter.trim()), one.stdout);
    const code = filters.length === 0 ? one.code : filterCode(filters.at(-1)!.trim(), stdout);
    ran = { code, stdout: ran.stdout + stdout, stderr: ran.stderr + one.stderr };
  }
  return ran;
}

async function runOne(gateway: RuleGateway, command: string, stdin: string): Promise<Ran> {
  const words = shellWords(command.trim());
  const at = words.indexOf('<');
  const input = at >= 0 && words[at + 1] === '/dev/null' ? '' : stdin;
  const [program = '', ...argv] = at >= 0 ? words.slice(0, at) : words;
  return gateway.run(program, argv, input);
}

function filtered(text: string, filter: string): string {
  const lines = text.split('\n').slice(0, -1);
  const [name = '', ...words] = shellWords(filter);
  const last = words.at(-1) ?? '';
  let kept = lines;
  if (name === 'head') kept = lines.slice(0, -Number(words[0]));
  else if (name === 'tail') kept = lines.slice(Number(words[0]));
  else if (words.includes('-v')) kept = lines.filter((line) => !new RegExp(last).test(line));
  else kept = lines.filter((line) => new RegExp(last).test(line));
  if (words.includes('-c')) return `${kept.length}\n`;
  return kept.map((line) => `${line}\n`).join('');
}

function filterCode(filter: string, stdout: string): number {
  return filter.startsWith('grep') && (stdout === '' || stdout === '0\n') ? 1 : 0;
}

/** Splits at a character that stands outside quotes. */
function splitOutside(text: string, separator: string): string[] {
  const parts: string[] = [''];
  let quote = '';
  for (const char of text) {
    if (quote !== '') quote = char === quote ? '' : quote;
    else if (char === "'" || char === '"') quote = char;
    else if (char === separator) {
      parts.push('');
      continue;
    }
    parts[parts.length - 1] += char;
  }
  return parts;
}

/** Words of a command line, with single and double quotes. */
export function shellWords(text: string): string[] {
  const words: string[] = [];
  for (const [word] of text.matchAll(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g)) {
    words.push(word.replace(/'([^']*)'|"([^"]*)"/g, (_, a, b) => a ?? b));
  }
  return words;
}
