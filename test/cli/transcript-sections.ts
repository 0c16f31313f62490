/**
 * conntrack/transcripts.txt taken apart: what conntrack 1.4.7 and Linux 6.18 showed at a gateway
 * while an FTP session, or something else, went through it.
 *
 *   gw# iptables-restore            and the rules, in force until others come
 *   ## A. a section                 begins with an empty table
 *      -> a line of the client      (<- of the server, with the addresses that the client read)
 *      [something that happened]
 *   gw# conntrack ARGUMENTS         with what it printed, `[stderr] …` and `[exit N]`
 *   --- conntrack ARGUMENTS (whole session)
 */

export interface Command {
  readonly kind: 'command';
  readonly words: readonly string[];
  readonly stdout: string[];
  readonly stderr: string[];
  /** null where it was not recorded: the command was interrupted by the recorder. */
  code: number | null;
}
export interface Happening {
  readonly kind: 'client' | 'server' | 'note';
  readonly text: string;
}
export interface Section {
  readonly name: string;
  readonly rules: string;
  readonly steps: (Command | Happening)[];
}

export function transcriptSections(text: string): Section[] {
  const found: Section[] = [];
  let rules = '';
  let isRules = false;
  for (const line of text.split('\n')) {
    const section = found.at(-1);
    if (line.startsWith('## ')) {
      found.push({ name: line.slice(3), rules, steps: [] });
      isRules = false;
    } else if (line === 'gw# iptables-restore') {
      rules = '';
      isRules = true;
    } else if (isRules) {
      rules += line === '' ? '' : `${line}\n`;
    } else if (section !== undefined && line !== '') {
      readLine(section.steps, line);
    }
  }
  return found;
}

/** Lines of entries that the commands from this step on show, each command's in its order. */
export function linesAhead({ steps }: Section, from: number): string[] {
  return steps.slice(from).flatMap((step) => (step.kind === 'command' ? step.stdout : []));
}

function readLine(steps: Section['steps'], line: string): void {
  const happening = /^ {3}(->|<-|\[)\s?(.*?)\]?$/.exec(line);
  const command = /^(?:gw#|---) conntrack ?(.*?)( \(whole session\))?$/.exec(line);
  const last = steps.at(-1);
  if (command !== null) {
    const words = command[1] === '' ? [] : command[1]!.split(' ');
    const code = command[2] === undefined ? 0 : null;
    steps.push({ kind: 'command', words, stdout: [], stderr: [], code });
  } else if (happening !== null) {
    const kind = ({ '->': 'client', '<-': 'server' } as const)[happening[1]!] ?? 'note';
    steps.push({ kind, text: happening[2]! });
  } else if (last?.kind === 'command' && !/^(---|client\$)/.test(line)) {
    const exit = /^\[exit (\d+)\]$/.exec(line);
    if (exit !== null) last.code = Number(exit[1]);
    else if (line.startsWith('[stderr] ')) last.stderr.push(line.slice(9));
    else last.stdout.push(line);
  }
}
