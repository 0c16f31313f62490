/**
 * cli: the commands: their options, their text, their exit codes. The only room that composes the
 * others. Data goes to stdout, everything else to stderr. Cold.
 */
export { main } from './main.ts';
