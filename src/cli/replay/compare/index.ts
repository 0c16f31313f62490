/**
 * cli/replay/compare: one capture through both modes of the FTP helper at once, and where they
 * disagree. Two engines of the same rules and the same seed get each packet in step, each its own
 * copy. No credential of a control connection is shown. Cold.
 */
export { Comparison } from './compare.ts';
