import { Hook } from '../../context.ts';
import { RuleFault } from '../../errors.ts';
import { defineMatch, type ParseScope } from '../../extension.ts';
import { hex } from '../../numbers.ts';
import { type OptionSpec, shown } from '../../options.ts';
import { parseProtocol, protocolName } from '../../protocols.ts';
import { FixedAnswer } from '../parts/fixed-answer.ts';
import { formatHostMask, type HostMask, parseHostMask } from '../parts/host-mask.ts';
import { forbidHooks } from '../parts/match-place.ts';
import { MAX_UINT32, readNumber } from '../parts/option-values.ts';

/**
 * `-m policy`: under which IPsec policy a packet came or will go. IPsec is not seen here: every packet
 * is one without a policy, as xt_policy answers for those.
 */

const elementKeys = ['reqid', 'spi', 'proto', 'mode', 'tunnel-dst', 'tunnel-src'] as const;
type ElementKey = (typeof elementKeys)[number];

/** One condition of an element: its text in rules, and in -L where that differs. */
interface Condition {
  readonly text: string;
  readonly listed: string;
  readonly negated: boolean;
}
type Element = { [K in ElementKey]?: Condition };

interface PolicyValues {
  direction: '' | 'in' | 'out';
  ipsec: boolean;
  strict: boolean;
  readonly elements: Element[];
}

const MAX_ELEMENTS = 4;
/** The transforms of IPsec (IANA): esp, ah, ipcomp. */
const transforms: readonly number[] = [50, 51, 108];

const bad = (words: string) => new RuleFault('bad-value', words);

function oneOf(text: string, known: readonly string[], message: string): string {
  if (known.includes(text)) return text;
  throw bad(`${message} "${text}"`);
}

function readTransform(text: string): { text: string; listed: string } {
  const number = parseProtocol(text);
  if (!transforms.includes(number)) throw bad('policy match: protocol must be ah/esp/ipcomp');
  return { text: protocolName(number), listed: String(number) };
}

const same = (text: string) => ({ text, listed: text });
const host = (mask: HostMask) => same(formatHostMask(mask));

const readers: Readonly<
  Record<ElementKey, (text: string, scope: ParseScope) => { text: string; listed: string }>
> = {
  reqid: (text) => same(String(readNumber('policy', 'reqid', text, MAX_UINT32))),
  spi: (text) => same(hex(readNumber('policy', 'spi', text, MAX_UINT32))),
  proto: readTransform,
  mode: (text) => same(oneOf(text, ['transport', 'tunnel'], 'policy match: invalid mode')),
  'tunnel-dst': (text, scope) => host(parseHostMask(text, scope.family)),
  'tunnel-src': (text, scope) => host(parseHostMask(text, scope.family)),
};

const elementHelp: Readonly<Record<ElementKey, readonly [string, string]>> = {
  reqid: ['ID', 'request id of the policy'],
  spi: ['SPI', 'security parameter index'],
  proto: ['PROTOCOL', 'transform: ah, esp or ipcomp'],
  mode: ['MODE', 'transport or tunnel'],
  'tunnel-dst': ['ADDRESS[/MASK]', 'far end of the tunnel'],
  'tunnel-src': ['ADDRESS[/MASK]', 'near end of the tunnel'],
};

function elementOption(key: ElementKey): OptionSpec<PolicyValues> {
  const [argument, help] = elementHelp[key];
  return {
    name: key,
    args: 1,
    argument,
    help,
    negatable: true,
    repeatable: true,
    set: (value, [text = ''], negated, scope) => {
      const element = value.elements.at(-1)!;
      const condition = readers[key](text, scope);
      if (element[key] !== undefined) throw bad(`policy match: double --${key} option`);
      element[key] = { ...condition, negated };
    },
  };
}

/** ` --reqid 1 --next --reqid 2`, behind the rest of the options. */
function saveElements({ elements }: PolicyValues): string {
  const texts = elements.map((element) =>
    elementKeys.map((key) => {
      const condition = element[key];
      if (condition === undefined) return '';
      return `${condition.negated ? ' !' : ''} --${key} ${condition.text}`;
    }),
  );
  return texts.map((parts) => parts.join('')).join(' --next');
}

function listElements({ elements }: PolicyValues, numeric: boolean): string {
  const texts = elements.map((element, i) => {
    const parts = elementKeys.map((key) => {
      const condition = element[key];
      if (condition === undefined) return '';
      const shownText = numeric ? condition.listed : condition.text;
      return `${condition.negated ? ' !' : ''} ${key} ${shownText}`;
    });
    return (elements.length > 1 ? ` [${i}]` : '') + parts.join('');
  });
  return texts.join('');
}

const options: readonly OptionSpec<PolicyValues>[] = [
  {
    name: 'dir',
    args: 1,
    argument: 'in|out',
    help: 'the policy the packet came under, or the one it will go under',
    set: (value, [text = '']) => {
      value.direction = oneOf(text, ['in', 'out'], 'policy_match: invalid dir') as 'in' | 'out';
    },
    save: ({ direction }) => shown(direction),
  },
  {
    name: 'pol',
    args: 1,
    argument: 'none|ipsec',
    help: 'no IPsec policy, or one',
    set: (value, [text = '']) => {
      value.ipsec = oneOf(text, ['none', 'ipsec'], 'policy match: invalid policy') === 'ipsec';
    },
    save: (value) => {
      if (!value.ipsec) return shown('none');
      return shown(`ipsec${value.strict ? ' --strict' : ''}${saveElements(value)}`);
    },
  },
  {
    name: 'strict',
    args: 0,
    help: 'the elements describe the whole policy, in its order',
    set: (value) => {
      value.strict = true;
    },
  },
  ...elementKeys.map(elementOption),
  {
    name: 'next',
    args: 0,
    requires: ['strict'],
    help: 'begin the next element',
    repeatable: true,
    set: (value) => {
      if (value.elements.length === MAX_ELEMENTS)
        throw bad('policy match: maximum policy depth reached');
      value.elements.push({});
    },
  },
];

function checkElements({ elements, strict }: PolicyValues): void {
  elements.forEach((element, i) => {
    if (strict && elementKeys.every((key) => element[key] === undefined)) {
      throw bad(
        `policy match: empty policy element ${i}. --strict is in effect, but at least one of reqid, spi, tunnel-src, tunnel-dst, proto or mode is required.`,
      );
    }
    const { mode } = element;
    const isTunnel = mode !== undefined && (mode.text === 'tunnel') !== mode.negated;
    const asksEnds = element['tunnel-src'] !== undefined || element['tunnel-dst'] !== undefined;
    if (asksEnds && !isTunnel) {
      throw bad('policy match: --tunnel-src/--tunnel-dst is only valid in tunnel mode');
    }
  });
}

export const policy = defineMatch<PolicyValues>({
  name: 'policy',
  options,
  initial: () => ({ direction: '', ipsec: true, strict: false, elements: [{}] }),
  finish: (value) => {
    if (value.direction === '') {
      const words = 'policy match: neither --dir in nor --dir out specified';
      throw new RuleFault('missing-option', words);
    }
    if (value.ipsec) checkElements(value);
    else if (value.strict) throw bad('policy match: policy none but --strict given');
  },
  check: ({ direction }, _rule, place) => {
    if (direction === 'out') forbidHooks(place, '--dir out', Hook.Prerouting, Hook.Input);
    else forbidHooks(place, '--dir in', Hook.Output, Hook.Postrouting);
  },
  list: (value, view) => {
    const text = `policy match dir ${value.direction} pol ${value.ipsec ? 'ipsec' : 'none'}`;
    if (!value.ipsec) return text;
    return `${text}${value.strict ? ' strict' : ''}${listElements(value, view.numeric)}`;
  },
  unenforced: () => 'IPsec is not seen here: every packet counts as one without a policy',
  steady: true,
  evaluator: (value) => new FixedAnswer(!value.ipsec),
});
