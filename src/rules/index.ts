/**
 * rules: rule text to model, model to text, and the walk of a packet through the rules. Reads
 * iptables-save files and scripts of iptables lines (nothing is ever executed), checks them as
 * iptables and the kernel would, and prints them as iptables 1.8.9 does.
 *
 * Invariants: a load is all or nothing, with every error at its file, line and column; what is not
 * understood is an error, never skipped. One match or target is one file in ext/ and one line in
 * registry.ts. Cold, except `CompiledRules.walk`, which allocates nothing and returns integers.
 */
export { CompiledRules, compileRuleSet, keepCounters, zeroCounters } from './compile.ts';
export {
  Hook,
  type HookCode,
  type LogOptions,
  type NatRange,
  type RuleActions,
  type RuleContext,
  Verdict,
  type VerdictCode,
} from './context.ts';
export {
  formatWarning,
  RuleError,
  type RuleErrorCode,
  type RuleWarning,
} from './errors.ts';
export {
  type Chain,
  type Counters,
  type Family,
  hookNames,
  type ModuleSettings,
  type Policy,
  type Rule,
  type RulePlace,
  RuleSet,
  type Table,
  type TableCode,
  TableId,
  type TableName,
  tableCode,
  tableNames,
} from './model.ts';
export { type LoadOptions, type LoadResult, loadRuleFiles } from './parse/load.ts';
export { type ListOptions, printList } from './print/list.ts';
export { printSave, printSpecs, type SaveOptions, type SpecOptions } from './print/save.ts';
export { ruleSpec } from './print/spec.ts';
export { describeRule, needsOutputHook, type OutputDemand } from './queries.ts';
export { ServiceTable, systemServices } from './services.ts';
