import { ruleWarning } from '../check.ts';
import type { RuleWarning } from '../errors.ts';
import type { AddressMatch, Rule } from '../model.ts';
import { ruleSpec } from '../print/spec.ts';
import { covers } from './covers.ts';
import type { RuleFacts, TableFacts } from './facts.ts';

/** Rules that no packet reaches because of the rules before them. */

/** How many earlier rules a rule is compared with at most: time stays linear, nothing is guessed. */
const MOST_COMPARED = 128;
const MOST_MASKS = 12;

const placeOf = (rule: Rule) => `${rule.file}:${rule.line}`;

export function lintOrder(facts: TableFacts): RuleWarning[] {
  return [...facts.chains.values()].flatMap(lintChain);
}

function lintChain(rules: readonly RuleFacts[]): RuleWarning[] {
  const warnings: RuleWarning[] = [];
  const index = new EarlierRules();
  const specs = new Map<string, RuleFacts>();
  for (const [i, fact] of rules.entries()) {
    const warning = duplicateOf(fact, specs) ?? shadowOf(fact, index);
    if (warning !== null) warnings.push(warning);
    else if (fact.ends && fact.pure) index.add(fact);
    if (!fact.always || !fact.ends) continue;
    const next = rules[i + 1];
    if (next !== undefined) warnings.push(unreachable(fact, next, rules.length - i - 1));
    break;
  }
  return warnings;
}

function unreachable(end: RuleFacts, next: RuleFacts, count: number): RuleWarning {
  const rest = count === 1 ? 'this rule' : `this rule and ${count - 1} more behind it`;
  const message = `no packet reaches ${rest}: ${placeOf(end.rule)} takes all of them`;
  return ruleWarning(next.rule, 'unreachable-rule', message);
}

/** The same rule once more, where the second one can do nothing that the first has not done. */
function duplicateOf(fact: RuleFacts, specs: Map<string, RuleFacts>): RuleWarning | null {
  const { rule, pure, ends } = fact;
  if (!pure || !(ends || rule.jump.kind === 'chain')) return null;
  const spec = ruleSpec(rule);
  const before = specs.get(spec);
  if (before === undefined) {
    specs.set(spec, fact);
    return null;
  }
  const message = `the same rule stands at ${placeOf(before.rule)} in this chain`;
  return ruleWarning(rule, 'duplicate-rule', message);
}

function shadowOf(fact: RuleFacts, index: EarlierRules): RuleWarning | null {
  const before = index.findCovering(fact);
  if (before === null) return null;
  const message = `no packet reaches this rule: ${placeOf(before.rule)} takes all that it matches`;
  return ruleWarning(fact.rule, 'shadowed-rule', message);
}

const maskKey = (match: AddressMatch | null): string =>
  match === null ? '' : `${match.negated ? '!' : ''}${match.mask.join(' ')}`;

/** Ending rules by network and port, so that a rule is compared with few of them. */
class EarlierRules {
  private readonly buckets = new Map<string, RuleFacts[]>();
  private readonly sourceMasks = new Map<string, AddressMatch | null>();
  private readonly destinationMasks = new Map<string, AddressMatch | null>();

  add(fact: RuleFacts): void {
    const { source, destination } = fact.rule;
    this.sourceMasks.set(maskKey(source), source);
    this.destinationMasks.set(maskKey(destination), destination);
    const key = [cut(source, source), cut(destination, destination), portKey(fact)].join('|');
    const bucket = this.buckets.get(key);
    if (bucket === undefined) this.buckets.set(key, [fact]);
    else if (bucket.length < MOST_COMPARED) bucket.push(fact);
  }

  findCovering(fact: RuleFacts): RuleFacts | null {
    const sources = generalisations(fact.rule.source, this.sourceMasks);
    const destinations = generalisations(fact.rule.destination, this.destinationMasks);
    const ports = [...new Set([portKey(fact), '*'])];
    for (const source of sources) {
      for (const destination of destinations) {
        for (const port of ports) {
          const bucket = this.buckets.get(`${source}|${destination}|${port}`);
          const found = bucket?.find((earlier) => covers(earlier, fact));
          if (found !== undefined) return found;
        }
      }
    }
    return null;
  }
}

/** `21` where the rule is for one destination port, else `*`. */
function portKey({ destinationPorts }: RuleFacts): string {
  const [only, second] = destinationPorts ?? [];
  if (only === undefined || second !== undefined || only.min !== only.max) return '*';
  return String(only.min);
}

/** An address under the mask of another match, as text. */
function cut(match: AddressMatch | null, mask: AddressMatch | null): string {
  if (mask === null || match === null) return '';
  const words = match.address.map((word, i) => word & mask.mask[i]!);
  return `${mask.negated ? '!' : ''}${words.join(' ')}/${mask.mask.join(' ')}`;
}

/** The keys that rules wider than (or equal to) an address may stand under. */
function generalisations(
  match: AddressMatch | null,
  masks: ReadonlyMap<string, AddressMatch | null>,
): string[] {
  const keys = [cut(match, match)];
  let count = 0;
  for (const mask of masks.values()) {
    if (count++ >= MOST_MASKS) break;
    if (mask === null) keys.push('');
    else if (match !== null && !mask.negated && !match.negated) keys.push(cut(match, mask));
  }
  return [...new Set(keys)];
}
