import { fileMatches } from './file-pattern.ts';
import {
  isAnnouncing,
  isDownload,
  isListing,
  isUpload,
  namesFile,
  VERB_COUNT,
  Verb,
  type VerbCode,
  verbName,
  verbOfName,
} from './grammar/verbs.ts';
import type { FtpPolicy } from './policy.ts';

/** What a policy says of commands, made ready for the packet path: by code of the verb. */

export interface VerbTables {
  /** 1: the verb may not be used, whatever stands behind it. */
  readonly isDenied: Uint8Array;
  /**
   * 1: the line must be seen whole before it goes on: it is denied, or its argument decides about
   * it, or it announces an endpoint, which may have to be rewritten.
   */
  readonly isWatched: Uint8Array;
  /** Some verbs are denied, or decided about by their arguments. */
  readonly deniesAny: boolean;
}

const codes = Object.values(Verb) as readonly VerbCode[];

const compiled = new WeakMap<FtpPolicy, VerbTables>();

/** The tables of a policy; made once for each. */
export function compileVerbs(policy: FtpPolicy): VerbTables {
  const known = compiled.get(policy);
  if (known !== undefined) return known;
  const tables = {
    isDenied: new Uint8Array(VERB_COUNT),
    isWatched: new Uint8Array(VERB_COUNT),
    deniesAny: false,
  };
  for (const code of codes) {
    // An empty line is no command. What has no code is asked for by its name: see `verbDenied`.
    const isNamed = code !== Verb.None && code !== Verb.Other;
    const isDenied = isNamed && verbDenied(policy, verbName(code));
    tables.isDenied[code] = Number(isDenied);
    tables.isWatched[code] = Number(isDenied || isWatched(policy, code));
    if (tables.isWatched[code] === 1 && !isAnnouncing(code)) tables.deniesAny = true;
  }
  compiled.set(policy, tables);
  return tables;
}

function isWatched(policy: FtpPolicy, code: VerbCode): boolean {
  if (isAnnouncing(code)) return true;
  // Any verb may turn out to be one that the lists name, or do not name.
  if (code === Verb.Other) return policy.allow !== null || policy.deny.length > 0;
  if (code === Verb.Auth) return policy.authTls === 'reject';
  if (code === Verb.User) return policy.anonymousOnly;
  return policy.files.length + policy.denyFiles.length > 0 && namesFile(code);
}

/** Whether a policy forbids a verb as such. `name` is in capitals. */
export function verbDenied(policy: FtpPolicy, name: string): boolean {
  const { allow, deny, upload, download, list } = policy;
  if (deny.includes(name)) return true;
  if (allow !== null && !allow.includes(name)) return true;
  const code = verbOfName(name);
  if (!upload && isUpload(code)) return true;
  if (!download && isDownload(code)) return true;
  return !list && isListing(code);
}

/** Whether the file patterns of a policy govern what stands behind this verb (in capitals). */
export function verbNamesFile(name: string): boolean {
  return namesFile(verbOfName(name));
}

/** Whether `USER name` may log in. */
export function userAllowed(policy: FtpPolicy, name: string): boolean {
  return !policy.anonymousOnly || /^(anonymous|ftp)$/i.test(name.trim());
}

/** Whether a command may touch the file that it names: as it came, one character for each byte. */
export function fileAllowed(policy: FtpPolicy, name: string): boolean {
  // Some servers take blanks around a name for part of it, others do not: both must be in order.
  const bare = name.trim();
  return isAllowed(policy, name) && (bare === name || isAllowed(policy, bare));
}

function isAllowed({ files, denyFiles }: FtpPolicy, name: string): boolean {
  if (denyFiles.some((pattern) => fileMatches(pattern, name))) return false;
  return files.length === 0 || files.some((pattern) => fileMatches(pattern, name));
}
