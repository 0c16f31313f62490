import { ReplyLine, type ReplyLineCode } from '../../../../src/helpers/ftp/dialogue/replies.ts';
import { FtpSession } from '../../../../src/helpers/ftp/dialogue/session.ts';
import { readVerb, verbName } from '../../../../src/helpers/ftp/grammar/verbs.ts';
import { bytesOf } from '../support.ts';

const kinds = Object.keys(ReplyLine);

/** A session to which lines are spoken, each within bytes that are none of it. */
export class Spoken {
  readonly session = new FtpSession();
  private seq = 1000;

  /** A line of the client; returns where it begins in the stream. */
  client(line: string): number {
    const bytes = bytesOf(`USER x${line}\r\nPASS`);
    const end = bytes.length - 4;
    const { seq } = this;
    this.seq += line.length + 2;
    this.session.commandLine(readVerb(bytes, 6, end), bytes, 6, end, seq);
    return seq;
  }

  /** A line of the server: its kind, and the verb that it answers. */
  server(line: string): string {
    const bytes = bytesOf(`227 ${line}\r\n227`);
    const kind: ReplyLineCode = this.session.replyLine(bytes, 4, bytes.length - 3);
    return `${kinds[kind]} ${verbName(this.session.answered)}`.trim();
  }

  /** A command and its reply. */
  asked(command: string, reply: string): string {
    this.client(command);
    return this.server(reply);
  }
}

/** Behind a greeting. */
export function greeted(): Spoken {
  const spoken = new Spoken();
  spoken.server('220 ready');
  return spoken;
}
