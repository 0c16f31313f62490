/**
 * cli/apply: `pinhole apply`: rule files read here, put in force by the running gateway between two
 * packets, compared with what is in force, or on trial until somebody confirms them. Cold.
 */
export { type ApplyIo, type ApplyRequest, runApply, runSettle } from './apply.ts';
export { unifiedDiff } from './diff.ts';
