/**
 * rules: rule text to model, model to text, and the walk of a packet through the rules. Reads
 * iptables-save files and scripts of iptables lines (nothing is ever executed), checks them as
 * iptables and the kernel would, and prints them as iptables 1.8.9 does.
 *
 * Invariants: a load is all or nothing, with every error at its file, line and column; what is not
 * understood is an error, never skipped. One match or target is one file in ext/ and one line in
 * registry.ts. Cold, except `CompiledRules.walk`, which allocates nothing and returns integers.
 */

export { unenforcedParts } from './check.ts';
export {
  CompiledRules,
  type CompileOptions,
  compileRuleSet,
} from './compile.ts';
export {
  AddressKind,
  type AddressKindCode,
  type ConnectionView,
  Hook,
  type HookCode,
  type LogOptions,
  type NatRange,
  type NflogOptions,
  type RouteQueries,
  type RuleActions,
  type RuleContext,
  type TimeoutPolicy,
  Verdict,
  type VerdictCode,
  ZoneSide,
  type ZoneSideCode,
} from './context.ts';
export { keepCounters } from './counters.ts';
export type { RuleSetDraft } from './draft.ts';
export { type EditScope, editRules, informationAsked, type Outcome } from './edit.ts';
export {
  caretLine,
  formatWarning,
  RuleError,
  type RuleErrorCode,
  type RuleWarning,
  type WarningCode,
} from './errors.ts';
export { type Explanation, explainCode, type MessageCode, messageCodes } from './explain.ts';
export { type FtpKey, ftpKey } from './ftp/keys.ts';
export {
  type FtpDirective,
  type FtpNetwork,
  type FtpPortRange,
  type FtpRefusalAction,
  type FtpScope,
  type FtpSettings,
  ftpRefusals,
} from './ftp/model.ts';
export { lintRuleSet } from './lint/lint.ts';
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
  Table,
  type TableCode,
  TableId,
  type TableName,
  tableCode,
  tableNames,
} from './model.ts';
export type { Command as IptablesCommand } from './parse/command.ts';
export { echoZero } from './parse/echo.ts';
export { type LoadOptions, type LoadResult, loadRuleFiles } from './parse/load.ts';
export {
  commandFailure,
  IPTABLES_VERSION,
  restoreFailure,
  type SpokenFault,
  tryHelp,
} from './parse/wording.ts';
export { type ListOptions, printList } from './print/list.ts';
export { printSave, printSpecs, type SaveOptions, type SpecOptions } from './print/save.ts';
export { ruleSpec } from './print/spec.ts';
export { describeRule, needsOutputHook, type OutputDemand } from './queries.ts';
export { type RestoreOutcome, type RestoreRequest, restoreRules } from './restore.ts';
export { ServiceTable, systemServices } from './services.ts';
export { type FlowKeeper, keepsFlowsInEngine } from './steady.ts';
export { RuleTrail } from './trail.ts';
