import { Proto } from '../../../wire/index.ts';
import { Hook } from '../../context.ts';
import { defineMatch } from '../../extension.ts';
import { type OptionSpec, quoteWord, shown } from '../../options.ts';
import { FixedAnswer } from '../parts/fixed-answer.ts';
import { refused, requireHooks, requireProtocol } from '../parts/match-place.ts';
import { cutText, readNumber } from '../parts/option-values.ts';

/** `-m osf`: the operating system that sent a SYN. There are no fingerprints here. */

interface OsfValues {
  genre: string;
  negated: boolean;
  ttl: number | null;
  log: number | null;
}

const MAX_GENRE_BYTES = 31;
const MAX_LEVEL = 2;

function levelOption(name: 'ttl' | 'log', help: string): OptionSpec<OsfValues> {
  return {
    name,
    args: 1,
    argument: '0..2',
    help,
    set: (value, [text = '']) => {
      value[name] = readNumber('osf', name, text, MAX_LEVEL);
    },
    save: (value) => (value[name] === null ? null : shown(String(value[name]))),
  };
}

export const osf = defineMatch<OsfValues>({
  name: 'osf',
  families: [4],
  options: [
    {
      name: 'genre',
      args: 1,
      argument: 'NAME',
      help: 'name of the operating system',
      negatable: true,
      required: true,
      set: (value, [text = ''], negated) => {
        Object.assign(value, { genre: cutText(text, MAX_GENRE_BYTES), negated });
      },
      save: ({ genre, negated }) => shown(genre.includes(':') ? genre : quoteWord(genre), negated),
    },
    levelOption('ttl', 'how the time to live is compared'),
    levelOption('log', 'what of it is logged'),
  ],
  initial: () => ({ genre: '', negated: false, ttl: null, log: null }),
  check: ({ genre }, rule, place) => {
    requireProtocol(rule, 'osf', Proto.Tcp);
    requireHooks(place, 'osf', Hook.Prerouting, Hook.Input, Hook.Forward);
    if (genre === '') throw refused('osf: --genre is empty');
  },
  list: ({ genre, negated }) => `OS fingerprint match ${negated ? '! ' : ''}${genre}`,
  unenforced: () => 'there are no fingerprints here: no packet matches',
  steady: true,
  evaluator: () => new FixedAnswer(false),
});
