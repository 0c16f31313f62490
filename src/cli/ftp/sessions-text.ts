import type {
  EndDto,
  FtpDataDto,
  FtpDialogueDto,
  FtpHoleDto,
  FtpSessionDto,
} from '../../control/index.ts';
import { endText } from '../end-text.ts';
import { cutLine, plainText } from './plain-text.ts';

/**
 * A session as a small tree, with its last newline:
 *
 *   10.0.1.2:50940 -> 192.0.2.2:21  ESTABLISHED
 *   |  user alice, logged in, passive; RETR pub/file.iso
 *   |  3 transfers, 12.4 MB; last reply: 150 Opening BINARY mode data connection
 *   |- data 10.0.1.2:50941 -> 192.0.2.2:50012  ESTABLISHED  1.2 MB
 *   `- hole 10.0.1.2 -> 192.0.2.2:50013 by 227, 297 s left
 */
export function sessionText(session: FtpSessionDto): string {
  const branches = [...session.data.map(dataText), ...session.holes.map(holeText)];
  const details = [...translationLines(session), ...dialogueLines(session.dialogue)];
  const stem = branches.length === 0 ? '   ' : '|  ';
  const lines = [
    `${ends(session.client, session.server)}  ${session.state}`,
    ...details.map((line) => cutLine(stem + line)),
    ...branches.map((line, at) => `${at === branches.length - 1 ? '`-' : '|-'} ${line}`),
  ];
  return `${lines.join('\n')}\n`;
}

/** `987 B`, `12.4 MB`: thousands, as disks and lines are measured. */
export function bytesText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let value = bytes;
  let unit = 0;
  // What would be written as 1000.0 is one of the next unit.
  while (value >= (unit === 0 ? 1000 : 999.95) && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

function ends(from: EndDto, to: EndDto): string {
  return `${endText(from.address, from.port)} -> ${endText(to.address, to.port)}`;
}

function same(a: EndDto, b: EndDto): boolean {
  return a.address === b.address && a.port === b.port;
}

function translationLines({ client, server, realServer, seenClient }: FtpSessionDto): string[] {
  const lines: string[] = [];
  if (!same(server, realServer)) {
    lines.push(`the server is ${endText(realServer.address, realServer.port)} (DNAT)`);
  }
  if (!same(client, seenClient)) {
    lines.push(`the server sees ${endText(seenClient.address, seenClient.port)} (SNAT)`);
  }
  return lines;
}

function dialogueLines(dialogue: FtpDialogueDto | null): string[] {
  if (dialogue === null) return ['kernel mode: the dialogue is not followed'];
  const { user, loggedIn, encrypted, mode, command, file, transfers, bytes } = dialogue;
  const who = user === '' ? 'no user yet' : `user ${plainText(user)}`;
  const state = [who];
  if (loggedIn) state.push('logged in');
  if (mode !== '') state.push(mode);
  if (encrypted) state.push('encrypted: not read any more');
  const doing = command === '' ? '' : `; ${plainText(`${command} ${file}`.trimEnd())}`;
  const done = `${transfers} ${transfers === 1 ? 'transfer' : 'transfers'}, ${bytesText(bytes)}`;
  const reply = dialogue.lastReply === '' ? '' : `; last reply: ${plainText(dialogue.lastReply)}`;
  return [state.join(', ') + doing, done + reply];
}

/** As whoever opened it knows its ends. */
function dataText({ orig, state, bytes }: FtpDataDto): string {
  const from = { address: orig.src, port: orig.sport ?? 0 };
  const to = { address: orig.dst, port: orig.dport ?? 0 };
  const moved = bytes === null ? 'not counted' : bytesText(bytes);
  return `data ${ends(from, to)}  ${state}  ${moved}`;
}

function holeText({ src, dst, lastPort, leadsTo, kind, timeout }: FtpHoleDto): string {
  const span = lastPort === dst.port ? '' : `-${lastPort}`;
  const by = kind === '' ? '' : ` by ${kind}`;
  const translated =
    lastPort !== dst.port || same(dst, leadsTo)
      ? ''
      : `, leads to ${endText(leadsTo.address, leadsTo.port)}`;
  return `hole ${src} -> ${endText(dst.address, dst.port)}${span}${by}${translated}, ${timeout} s left`;
}
