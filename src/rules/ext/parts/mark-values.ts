import { hex } from '../../numbers.ts';
import { MAX_UINT32, readMasked, readNumber } from './option-values.ts';

/**
 * Marks as MARK and CONNMARK set them: `new = (old & ~mask) ^ value`. All six spellings come down
 * to that one form, which is also what iptables-save prints.
 */
export interface MarkChange {
  value: number;
  mask: number;
}

export const markOperations = ['xmark', 'mark', 'and', 'or', 'xor'] as const;
export type MarkOperation = (typeof markOperations)[number];

export const markOptionNames = {
  xmark: 'set-xmark',
  mark: 'set-mark',
  and: 'and-mark',
  or: 'or-mark',
  xor: 'xor-mark',
} as const;

export const markHelp = {
  xmark: 'clear the bits of the mask and XOR the value into the mark',
  mark: 'clear the bits of the mask and OR the value into the mark',
  and: 'binary AND the mark with the bits',
  or: 'binary OR the mark with the bits',
  xor: 'binary XOR the mark with the bits',
} as const;

/** Reads the argument of one of the five options; throws `bad-value`. */
export function parseMarkChange(owner: string, operation: MarkOperation, text: string): MarkChange {
  const name = markOptionNames[operation];
  if (operation === 'xmark') return readMasked(owner, name, text);
  if (operation === 'mark') {
    const { value, mask } = readMasked(owner, name, text);
    return { value, mask: mask | value };
  }
  const bits = readNumber(owner, name, text, MAX_UINT32) | 0;
  if (operation === 'and') return { value: 0, mask: ~bits };
  return { value: bits, mask: operation === 'or' ? bits : 0 };
}

/** `0x1/0xff`. */
export const formatMarkChange = ({ value, mask }: MarkChange) => `${hex(value)}/${hex(mask)}`;

/** The words of -L behind the target's name. */
export function listMarkChange(change: MarkChange): string {
  const { value, mask } = change;
  if (value === 0) return `and ${hex(~mask)}`;
  if (value === mask) return `or ${hex(value)}`;
  if (mask === 0) return `xor ${hex(value)}`;
  if (mask === -1) return `set ${hex(value)}`;
  return `xset ${formatMarkChange(change)}`;
}
