import { type RuleContext, Verdict, type VerdictCode } from '../../context.ts';
import { RuleFault } from '../../errors.ts';
import { defineTarget, type TargetEvaluator } from '../../extension.ts';
import { hex } from '../../numbers.ts';
import { type OptionSpec, shown } from '../../options.ts';
import {
  formatMarkChange,
  listMarkChange,
  type MarkOperation,
  markHelp,
  markOperations,
  markOptionNames,
  parseMarkChange,
} from '../parts/mark-values.ts';
import { refused } from '../parts/match-place.ts';
import { MAX_UINT32, readNumber } from '../parts/option-values.ts';

/** `-j CONNMARK`: sets the mark of the connection, saves the packet's there, or restores it. */

const Mode = { Set: 0, Save: 1, Restore: 2 } as const;
type ModeCode = 0 | 1 | 2;

interface ConnmarkValues {
  mode: ModeCode | null;
  value: number;
  ctMask: number;
  packetMask: number;
  shift: number;
  shiftLeft: boolean;
}

class ConnmarkEvaluator implements TargetEvaluator {
  private readonly mode: ModeCode;
  private readonly value: number;
  private readonly ctMask: number;
  private readonly packetMask: number;
  private readonly shift: number;
  private readonly shiftLeft: boolean;

  constructor(values: ConnmarkValues) {
    this.mode = values.mode ?? Mode.Set;
    this.value = values.value;
    this.ctMask = values.ctMask;
    this.packetMask = values.packetMask;
    this.shift = values.shift;
    this.shiftLeft = values.shiftLeft;
  }

  apply(ctx: RuleContext): VerdictCode {
    const { connection } = ctx;
    if (!connection.exists) return Verdict.Continue;
    if (this.mode === Mode.Restore) {
      const bits = this.shifted(connection.mark & this.ctMask);
      ctx.mark = (ctx.mark & ~this.packetMask) ^ bits;
      return Verdict.Continue;
    }
    const before = connection.mark;
    const after =
      this.mode === Mode.Set
        ? this.shifted((before & ~this.ctMask) ^ this.value)
        : (before & ~this.ctMask) ^ this.shifted(ctx.mark & this.packetMask);
    // Only a change is an UPDATE of the connection (connmark_tg_shift).
    if (after !== before) {
      // Rules before this one may answer the next packet otherwise.
      if (ctx.trail !== null) ctx.trail.disturb();
      if (!ctx.trail?.isRehearsal) connection.mark = after;
    }
    return Verdict.Continue;
  }

  private shifted(bits: number): number {
    return this.shiftLeft ? bits << this.shift : (bits >>> this.shift) | 0;
  }
}

const actions = [...markOperations.map((op) => markOptionNames[op]), 'save-mark', 'restore-mark'];
const othersThan = (name: string) => actions.filter((other) => other !== name);

function setOption(operation: MarkOperation): OptionSpec<ConnmarkValues> {
  const name = markOptionNames[operation];
  return {
    name,
    args: 1,
    argument: operation === 'xmark' || operation === 'mark' ? 'VALUE[/MASK]' : 'BITS',
    help: `${markHelp[operation]} of the connection`,
    excludes: othersThan(name),
    set: (values, [text = '']) => {
      const { value, mask } = parseMarkChange('CONNMARK', operation, text);
      Object.assign(values, { mode: Mode.Set, value, ctMask: mask });
    },
    ...(operation === 'xmark' && {
      save: ({ mode, value, ctMask }: ConnmarkValues) =>
        mode === Mode.Set ? shown(formatMarkChange({ value, mask: ctMask })) : null,
    }),
  };
}

function copyOption(
  name: 'save-mark' | 'restore-mark',
  mode: ModeCode,
  help: string,
): OptionSpec<ConnmarkValues> {
  return {
    name,
    args: 0,
    help,
    excludes: othersThan(name),
    set: (values) => {
      values.mode = mode;
    },
    save: (values) => (values.mode === mode ? shown('') : null),
  };
}

function maskOption(
  name: string,
  fields: readonly ('ctMask' | 'packetMask')[],
  help: string,
): OptionSpec<ConnmarkValues> {
  const isBoth = fields.length > 1;
  return {
    name,
    args: 1,
    argument: 'BITS',
    help,
    excludes: isBoth ? ['nfmask', 'ctmask'] : ['mask'],
    set: (values, [text = '']) => {
      const mask = readNumber('CONNMARK', name, text, MAX_UINT32) | 0;
      for (const field of fields) values[field] = mask;
    },
    ...(!isBoth && {
      save: (values: ConnmarkValues) =>
        values.mode === Mode.Set ? null : shown(hex(values[fields[0]!])),
    }),
  };
}

function shiftOption(direction: 'left' | 'right'): OptionSpec<ConnmarkValues> {
  const name = `${direction}-shift-mark`;
  const shiftLeft = direction === 'left';
  return {
    name,
    args: 1,
    argument: 'COUNT',
    help: `shift the bits that are set or copied to the ${direction}`,
    set: (values, [text = '']) => {
      const shift = readNumber('CONNMARK', name, text, 32);
      Object.assign(values, { shift, shiftLeft });
    },
    save: (values) =>
      values.shift > 0 && values.shiftLeft === shiftLeft ? shown(String(values.shift)) : null,
  };
}

function listCopy({ mode, ctMask, packetMask }: ConnmarkValues): string {
  const word = mode === Mode.Save ? 'save' : 'restore';
  if (ctMask === -1 && packetMask === -1) return word;
  if (ctMask === packetMask) return `${word} mask ${hex(ctMask)}`;
  return mode === Mode.Save
    ? `save nfmask ${hex(packetMask)} ctmask ~${hex(ctMask)}`
    : `restore ctmask ${hex(ctMask)} nfmask ~${hex(packetMask)}`;
}

export const connmarkTarget = defineTarget<ConnmarkValues>({
  name: 'CONNMARK',
  options: [
    ...markOperations.map(setOption),
    copyOption('save-mark', Mode.Save, 'copy the mark of the packet to the connection'),
    copyOption('restore-mark', Mode.Restore, 'copy the mark of the connection to the packet'),
    maskOption('nfmask', ['packetMask'], 'bits of the packet mark that are copied or replaced'),
    maskOption('ctmask', ['ctMask'], 'bits of the connection mark that are copied or replaced'),
    maskOption('mask', ['ctMask', 'packetMask'], 'both masks at once'),
    shiftOption('left'),
    shiftOption('right'),
  ],
  initial: () => ({
    mode: null,
    value: 0,
    ctMask: -1,
    packetMask: -1,
    shift: 0,
    shiftLeft: true,
  }),
  finish: ({ mode }) => {
    if (mode !== null) return;
    throw new RuleFault('missing-option', 'CONNMARK target: No operation specified');
  },
  check: ({ shift }) => {
    // connmark_tg_check: a 32-bit word is shifted by 31 at most.
    if (shift < 32) return;
    throw refused('CONNMARK shifts by 0 to 31 bits');
  },
  list: (values) => {
    const { mode, value, ctMask, shift, shiftLeft } = values;
    const action = mode === Mode.Set ? listMarkChange({ value, mask: ctMask }) : listCopy(values);
    const side = shiftLeft ? 'left' : 'right';
    return `CONNMARK ${action}${shift === 0 ? '' : ` ${side}-shift-mark ${shift}`}`;
  },
  // It comes to the same mark each time, or changes it each time: see `apply`.
  steady: true,
  evaluator: (values) => new ConnmarkEvaluator(values),
});
