import { Hook } from '../../context.ts';
import { RuleFault } from '../../errors.ts';
import { defineMatch } from '../../extension.ts';
import { type OptionSpec, printOptions, shown } from '../../options.ts';
import { FixedAnswer } from '../parts/fixed-answer.ts';
import { forbidHooks } from '../parts/match-place.ts';

/**
 * `-m physdev`: through which ports of a bridge a packet goes. Bridges are not seen here, so every
 * packet is one that has not passed a bridge, as xt_physdev answers for those.
 */

interface Port {
  readonly name: string;
  readonly negated: boolean;
}

interface Flag {
  readonly negated: boolean;
}

interface PhysdevValues {
  isIn: Flag | null;
  in: Port | null;
  isOut: Flag | null;
  out: Port | null;
  isBridged: Flag | null;
}

const MAX_NAME_BYTES = 15;

function portOption(name: string, field: 'in' | 'out', help: string): OptionSpec<PhysdevValues> {
  return {
    name,
    args: 1,
    argument: 'PORT[+]',
    help,
    negatable: true,
    set: (value, [text = ''], negated) => {
      if (Buffer.byteLength(text) > MAX_NAME_BYTES) {
        const words = `interface name \`${text}' must be shorter than IFNAMSIZ (${MAX_NAME_BYTES})`;
        throw new RuleFault('bad-value', words);
      }
      value[field] = { name: text, negated };
    },
    save: (value) => {
      const port = value[field];
      return port === null ? null : shown(port.name, port.negated);
    },
  };
}

function flagOption(
  name: string,
  field: 'isIn' | 'isOut' | 'isBridged',
  help: string,
): OptionSpec<PhysdevValues> {
  return {
    name,
    args: 0,
    help,
    negatable: true,
    set: (value, _args, negated) => {
      value[field] = { negated };
    },
    save: (value) => {
      const flag = value[field];
      return flag === null ? null : shown('', flag.negated);
    },
  };
}

const options: readonly OptionSpec<PhysdevValues>[] = [
  flagOption('physdev-is-in', 'isIn', 'arrived on a port of a bridge'),
  portOption('physdev-in', 'in', 'arrived on this port of a bridge'),
  flagOption('physdev-is-out', 'isOut', 'will leave by a port of a bridge'),
  portOption('physdev-out', 'out', 'will leave by this port of a bridge'),
  flagOption('physdev-is-bridged', 'isBridged', 'is bridged and not routed'),
];

export const physdev = defineMatch<PhysdevValues>({
  name: 'physdev',
  options,
  initial: () => ({ isIn: null, in: null, isOut: null, out: null, isBridged: null }),
  finish: (value) => {
    if (options.every((option) => (option.save?.(value) ?? null) === null)) {
      throw new RuleFault('missing-option', 'PHYSDEV: no physdev option specified');
    }
  },
  check: ({ out, isOut, isBridged }, _rule, place) => {
    // The way out of routed packets is not yet known there (physdev_mt_check).
    const asksOut = out !== null || isOut !== null;
    if (asksOut && (isBridged === null || isBridged.negated)) {
      forbidHooks(place, '--physdev-out without --physdev-is-bridged', Hook.Output);
    }
  },
  list: (value) => `PHYSDEV match${printOptions(options, value)}`,
  unenforced: () => 'bridges are not seen here: every packet counts as one that passed none',
  steady: true,
  evaluator: ({ isIn, in: inPort, isOut, out, isBridged }) =>
    // No option without `!` holds of such a packet.
    new FixedAnswer([isIn, inPort, isOut, out, isBridged].every((part) => part?.negated ?? true)),
});
