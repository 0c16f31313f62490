import type { CompiledRules } from './compile.ts';
import { Chain, type Family, RuleSet, Table, type TableCode } from './model.ts';

/**
 * The rules in use while a command changes them: a table is copied when it is first asked for, all
 * others stay the very objects they are, for tables are never changed once they are compiled. The
 * copies have the counters of this moment, so that what is not touched goes on counting from there.
 */
export class RuleSetDraft extends RuleSet {
  private readonly before: CompiledRules;
  private readonly beforeCopy: () => void;
  private readonly copied = new Set<Table>();

  /** `beforeCopy` is called each time before the counters of a table are copied. */
  constructor(before: CompiledRules, beforeCopy: () => void = () => {}) {
    super(before.ruleSet);
    this.before = before;
    this.beforeCopy = beforeCopy;
  }

  override ensureTable(family: Family, code: TableCode): Table {
    const known = this.table(family, code);
    if (known !== null && this.copied.has(known)) return known;
    if (known !== null) this.beforeCopy();
    const table = known === null ? new Table(family, code) : copyTable(known, this.before);
    this.copied.add(table);
    this.put(table);
    return table;
  }

  /** Whether anything may differ from what is in use. */
  get isChanged(): boolean {
    return this.copied.size > 0 || this.ftp !== this.before.ruleSet.ftp;
  }

  /** The tables that may differ from those in use. */
  changed(): Table[] {
    return [...this.copied];
  }
}

function copyTable(table: Table, compiled: CompiledRules): Table {
  const copy = new Table(table.family, table.code);
  for (const chain of table.chains.values()) {
    const twin = new Chain(chain.name, chain.hook);
    twin.policy = chain.policy;
    twin.policyFile = chain.policyFile;
    twin.policyLine = chain.policyLine;
    twin.policyCounters = compiled.countersOf(chain);
    twin.rules = chain.rules.map((rule) => {
      const counters = compiled.countersOf(rule);
      const { packets, bytes } = rule.counters;
      return counters.packets === packets && counters.bytes === bytes
        ? rule
        : { ...rule, counters };
    });
    copy.chains.set(chain.name, twin);
  }
  return copy;
}
