import {
  type LineJudge,
  LineVerdict,
  type LineVerdictCode,
  type StreamLine,
} from '../../../../src/helpers/ftp/stream/line.ts';
import { textOf } from '../support.ts';
import { Bench, START } from './segments.ts';

/** A judge made of two functions of the line's text, and a record of what it was shown. */
export class ScriptedJudge implements LineJudge {
  maxLine = 40;
  readonly seen: string[] = [];
  readonly encryptedBytes: string[] = [];
  hold: (text: string) => boolean = () => false;
  decide: (text: string, line: StreamLine) => LineVerdictCode = () => LineVerdict.Pass;

  mustHold(line: StreamLine): boolean {
    return this.hold(textOf(line.bytes, line.start, line.end));
  }

  judge(line: StreamLine): LineVerdictCode {
    const text = textOf(line.bytes, line.start, line.end);
    const marks = [
      line.isWhole ? '' : 'unfinished',
      line.isTooLong ? 'long' : '',
      line.isCertain ? '' : 'uncertain',
      line.passed > 0 ? `passed ${line.passed}` : '',
    ].filter((mark) => mark !== '');
    this.seen.push([text, ...marks, `@${(line.seq - START) | 0}`].join(' '));
    return this.decide(text, line);
  }

  encrypted(bytes: Uint8Array, start: number, end: number): number {
    this.encryptedBytes.push(textOf(bytes, start, end));
    return -1;
  }
}

export function scripted(): [Bench, ScriptedJudge] {
  const judge = new ScriptedJudge();
  return [new Bench(judge), judge];
}

/** Replaces lines by this text. */
export function replaceBy(text: string) {
  return (_: string, line: StreamLine): LineVerdictCode => {
    line.replacement = Buffer.from(text, 'latin1');
    return LineVerdict.Replace;
  };
}
