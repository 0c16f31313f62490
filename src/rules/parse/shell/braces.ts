import type { Part, ShellWord } from './ast.ts';
import type { ShellState } from './state.ts';

/** Brace expansion: `{80,443}`, `eth{0..3}`, nested. Only unquoted braces count. */

/** A character of unquoted text, or a whole other piece. */
type Item = string | Part;

const MAX_WORDS = 70_000;

export function expandBraces(word: ShellWord, state: ShellState): (readonly Part[])[] {
  const hasBrace = word.parts.some(
    (part) => part.kind === 'text' && !part.quoted && part.text.includes('{'),
  );
  if (!hasBrace) return [word.parts];
  const items: Item[] = [];
  for (const part of word.parts) {
    if (part.kind === 'text' && !part.quoted) items.push(...part.text);
    else items.push(part);
  }
  const made = expand(items, { left: MAX_WORDS, items: 1 << 20 });
  if (made === null) state.tooMuch('a brace expansion', word.at);
  return made.map(toParts);
}

interface Room {
  left: number;
  items: number;
}

/** null where there is no room for the result. */
function expand(items: readonly Item[], room: Room): Item[][] | null {
  for (let open = 0; open < items.length; open++) {
    if (items[open] !== '{') continue;
    const group = readGroup(items, open);
    if (group === null) continue;
    const before = items.slice(0, open);
    const rest = expand(items.slice(group.close + 1), room);
    if (rest === null) return null;
    const result: Item[][] = [];
    for (const choice of group.choices) {
      const middles = expand(choice, room);
      if (middles === null) return null;
      for (const middle of middles) {
        for (const tail of rest) {
          room.left--;
          room.items -= before.length + middle.length + tail.length;
          if (room.left < 0 || room.items < 0) return null;
          result.push([...before, ...middle, ...tail]);
        }
      }
    }
    return result;
  }
  return [[...items]];
}

function readGroup(items: readonly Item[], open: number) {
  let depth = 0;
  let start = open + 1;
  const choices: Item[][] = [];
  for (let i = open; i < items.length; i++) {
    const item = items[i];
    if (item === '{') depth++;
    else if (item === ',' && depth === 1) {
      choices.push(items.slice(start, i));
      start = i + 1;
    } else if (item === '}' && --depth === 0) {
      choices.push(items.slice(start, i));
      if (choices.length > 1) return { choices, close: i };
      const range = readRange(choices[0]!);
      return range === null ? null : { choices: range, close: i };
    }
  }
  return null;
}

/** `1..5`, `5..1`, `01..10`, `0..10..2`, `a..f`. */
function readRange(items: readonly Item[]): Item[][] | null {
  if (items.length > 40 || items.some((item) => typeof item !== 'string')) return null;
  const text = items.join('');
  const numbers = /^(-?\d{1,9})\.\.(-?\d{1,9})(?:\.\.(-?\d{1,9}))?$/.exec(text);
  const letters = /^([A-Za-z])\.\.([A-Za-z])(?:\.\.(-?\d{1,9}))?$/.exec(text);
  const found = numbers ?? letters;
  if (found === null) return null;
  const value = (part: string) => (numbers === null ? part.charCodeAt(0) : Number(part));
  const [from, to] = [value(found[1]!), value(found[2]!)];
  const step = Math.abs(Number(found[3] ?? 1)) || 1;
  if (Math.abs(to - from) / step > MAX_WORDS) return null;
  const padded = [found[1]!, found[2]!].some((part) => /^-?0\d/.test(part));
  const width = padded ? Math.max(found[1]!.length, found[2]!.length) : 0;
  const made: Item[][] = [];
  for (let n = from; from <= to ? n <= to : n >= to; n += from <= to ? step : -step) {
    const sign = n < 0 ? '-' : '';
    const digits = String(Math.abs(n)).padStart(width - sign.length, '0');
    made.push([...(numbers === null ? String.fromCharCode(n) : sign + digits)]);
  }
  return made;
}

function toParts(items: readonly Item[]): Part[] {
  const parts: Part[] = [];
  let text = '';
  const flush = () => {
    if (text !== '') parts.push({ kind: 'text', text, quoted: false });
    text = '';
  };
  for (const item of items) {
    if (typeof item === 'string') text += item;
    else {
      flush();
      parts.push(item);
    }
  }
  flush();
  return parts;
}
