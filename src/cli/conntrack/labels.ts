import { UsageError } from './usage-error.ts';

/** Where libnetfilter_conntrack and iptables look for the names of labels. */
export const LABEL_FILE = '/etc/xtables/connlabel.conf';
/** A connection has 128 of them (XT_CONNLABEL_MAXBIT). */
const MAX_LABEL = 127;

/** Names of labels, and their numbers. */
export class LabelNames {
  private readonly numbers = new Map<string, number>();
  private readonly names = new Map<number, string>();

  // 40	forty
  constructor(text: string) {
    for (const line of text.split('\n')) {
      const parts = /^\s*([0-9]+)\s+(\S+)/.exec(line);
      const [number, name] = [Number(parts?.[1]), parts?.[2]];
      if (name === undefined || !(number <= MAX_LABEL)) continue;
      if (this.numbers.has(name) || this.names.has(number)) continue;
      this.numbers.set(name, number);
      this.names.set(number, name);
    }
  }

  readonly nameOf = (label: number): string | null => this.names.get(label) ?? null;

  // one,two
  /** The numbers of a list of names. Throws UsageError for a name that is unknown. */
  parse(list: string): number[] {
    return list.split(',').map((name) => {
      const number = this.numbers.get(name);
      if (number === undefined) throw new UsageError(`unknown label '${name}'`);
      return number;
    });
  }
}
