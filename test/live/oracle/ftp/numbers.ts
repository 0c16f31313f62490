/** Numbers of announcements, at and beyond every limit, and how they are strung together. */
import type { Prng } from '../../../../src/base/index.ts';
import { pick } from '../dialogue.ts';

/** True once in so many times. */
export const seldom = (random: Prng, times: number) => random.below(times) === 0;

/** The number in an unusual spelling, or another one. */
export function oddNumber(random: Prng, value: number): string {
  const digits = String(value);
  return pick(random, [
    '',
    `0${digits}`,
    `000${digits}`,
    `${'0'.repeat(1 + random.below(60))}${digits}`,
    String(value + 2 ** 32),
    String(BigInt(value) + 2n ** 64n),
    String(value + 256),
    String(value + 65_536),
    '0',
    '254',
    '255',
    '256',
    '257',
    '65535',
    '65536',
    '65558',
    '4294967295',
    '4294967296',
    '4294967306',
    '99999999999999999999',
    `-${digits}`,
    `+${digits}`,
    ` ${digits}`,
    `${digits} `,
    `\t${digits}`,
    `${digits}.`,
    `0x${value.toString(16)}`,
    `${digits}a`,
    'x',
  ]);
}

/** Ports that lie at limits, and others. */
export function randomPort(random: Prng): number {
  const limits = [0, 1, 20, 21, 22, 80, 255, 256, 1023, 1024, 2121, 65_280, 65_534, 65_535];
  return seldom(random, 5) ? pick(random, limits) : 1024 + random.below(64_000);
}

const anyByte = (random: Prng) => String.fromCharCode(random.below(256));

/** One of every class of bytes. */
export function anyDelimiter(random: Prng): string {
  const classes = [
    '|',
    '!',
    '~',
    '/',
    '.',
    ':',
    ',',
    '%',
    ' ',
    '\t',
    '\0',
    '\x7f',
    '\x80',
    '\xff',
    '\r',
    '\n',
  ];
  return pick(random, [...classes, ...'0159aAfF', anyByte(random), anyByte(random)]);
}

/** `10,0,1,2,200,10`, most often as it should be. */
export function classicNumbers(random: Prng, octets: readonly number[], port: number): string {
  const numbers = [...octets, port >> 8, port & 255];
  if (!seldom(random, 4)) return numbers.join(',');
  const fields = numbers.map(String);
  const at = random.below(6);
  switch (random.below(9)) {
    case 0:
      // A field that is too large bleeds into the one before it.
      return [...octets, 0, port].join(',');
    case 1:
      return bled(numbers, 1 + random.below(5)).join(',');
    case 2:
      return fields.slice(0, 4 + random.below(2)).join(',');
    case 3:
      return [...fields, pick(random, ['0', '', '7', '256'])].join(',');
    case 4:
      return fields.map((text) => text.padStart(3, '0')).join(',');
    case 5:
      return fields.join(pick(random, [', ', ' ,', '.', ';', ' ', ',,', '']));
    case 6:
      return fields
        .map((text, i) => (i === at ? `${text}${anyDelimiter(random)}` : `${text},`))
        .join('')
        .replace(/,$/, '');
    default:
      fields[at] = oddNumber(random, numbers[at]!);
      if (seldom(random, 3)) fields[random.below(6)] = oddNumber(random, numbers[at]!);
      return fields.join(',');
  }
}

/** The same value as 32 or 16 bits, though one part of it is too large for a byte. */
function bled(numbers: readonly number[], at: number): number[] {
  const bled = [...numbers];
  if (bled[at - 1]! === 0) return bled;
  bled[at - 1]!--;
  bled[at]! += 256;
  return bled;
}
