import {
  type LineJudge,
  LineVerdict,
  type LineVerdictCode,
  type StreamLine,
} from '../../../../src/helpers/ftp/stream/line.ts';

/**
 * A judge that goes by the first letter of a line, so that the transformed stream is known
 * beforehand:
 *
 *     k…  passes, never held          l…  becomes longer       o…  is taken out
 *     h…  held, then passes           s…  becomes shorter      e…  stays as long, other bytes
 *     m…  held until its third byte shows that it is harmless (m?x), else replaced
 *     q…  passes, and the stream is encrypted from then on
 */
export class LetterJudge implements LineJudge {
  readonly maxLine: number;
  /** Every line judged, as text. */
  readonly judged: string[] = [];
  /** Everything that came encrypted and in order. */
  encryptedText = '';
  relay: { readsLines: boolean } | null = null;

  constructor(maxLine = 4096) {
    this.maxLine = maxLine;
  }

  mustHold({ bytes, start, end, passed }: StreamLine): boolean {
    if (passed > 0) return false;
    const letter = String.fromCharCode(bytes[start]!);
    if (letter === 'm') return end - start < 3 || bytes[start + 2] !== 0x78;
    return 'hlsoe'.includes(letter);
  }

  judge(line: StreamLine): LineVerdictCode {
    const text = Buffer.from(line.bytes.slice(line.start, line.end)).toString('latin1');
    this.judged.push(text);
    if (text.startsWith('q') && line.isWhole) this.relay!.readsLines = false;
    const changed = changedLine(text);
    if (changed === text || line.passed > 0) return LineVerdict.Pass;
    line.replacement = Buffer.from(changed, 'latin1');
    return LineVerdict.Replace;
  }

  encrypted(bytes: Uint8Array, start: number, end: number): number {
    this.encryptedText += Buffer.from(bytes.slice(start, end)).toString('latin1');
    return -1;
  }
}

function changedLine(text: string): string {
  const body = text.slice(1);
  switch (text[0]) {
    case 'l':
      return `L${body.length} and much longer than it was: ${body}`;
    case 's':
      return body.endsWith('\n') ? 'S\n' : 'S';
    case 'o':
      return '';
    case 'e':
      return text.replace(/[a-z]/g, (letter) => letter.toUpperCase());
    case 'm':
      return text[2] === 'x' ? text : `M+${body}`;
    default:
      return text;
  }
}

/** The lines of a stream that can be read, and what follows encrypted. */
export function partsOf(stream: string): { lines: string[]; encrypted: string } {
  const lines = stream.split(/(?<=\n)/);
  const last = lines.findIndex((line) => line.startsWith('q') && line.endsWith('\n'));
  if (last < 0) return { lines, encrypted: '' };
  return { lines: lines.slice(0, last + 1), encrypted: lines.slice(last + 1).join('') };
}

/** What the receiver is to get for a stream. */
export function transformed(stream: string): string {
  const { lines, encrypted } = partsOf(stream);
  return lines.map(changedLine).join('') + encrypted;
}
