/** What kinds of verbs there are, as far as policies and screens tell them apart. */
import { isBlank, skipBlanks } from './scan.ts';
import { VERB_COUNT, Verb, type VerbCode } from './verb-codes.ts';

const CR = 0x0d;
const LF = 0x0a;

function tableOf(...codes: readonly VerbCode[]): Uint8Array {
  const table = new Uint8Array(VERB_COUNT);
  for (const code of codes) table[code] = 1;
  return table;
}

const LISTINGS = [Verb.List, Verb.Nlst, Verb.Mlsd] as const;
const UPLOADS = [Verb.Stor, Verb.Stou, Verb.Appe] as const;
const ANNOUNCING = [Verb.Port, Verb.Eprt, Verb.Lprt] as const;
/** SPSV and CPSV are answered by a 227 with another way to connect, where they exist at all. */
const PASSIVE = [Verb.Pasv, Verb.Epsv, Verb.Lpsv, Verb.Spsv, Verb.Cpsv] as const;
/** The whole argument is the name of a file. */
const FILES = [
  ...[Verb.Retr, ...UPLOADS, Verb.Dele, Verb.Rnfr, Verb.Rnto, Verb.Size, Verb.Mdtm, Verb.Mlst],
  ...[Verb.Hash, Verb.Md5, Verb.Mmd5, Verb.Xcrc, Verb.Xmd5, Verb.Xsha, Verb.Xsha1, Verb.Xsha256],
  Verb.Xsha512,
] as const;
/** A time or facts, and then the name of a file. */
const FACTS = [Verb.Mfmt, Verb.Mfct, Verb.Mff] as const;
const DIRECTORIES = [
  ...[Verb.Cwd, Verb.Xcwd, Verb.Mkd, Verb.Xmkd, Verb.Rmd, Verb.Xrmd, Verb.Rmda],
  ...[...LISTINGS, Verb.Stat],
] as const;

const listings = tableOf(...LISTINGS);
const uploads = tableOf(...UPLOADS);
const transfers = tableOf(Verb.Retr, ...UPLOADS, ...LISTINGS);
const announcing = tableOf(...ANNOUNCING);
const passive = tableOf(...PASSIVE);
const facts = tableOf(...FACTS);
const files = tableOf(...FILES, ...FACTS);
const paths = tableOf(...FILES, ...FACTS, ...DIRECTORIES);
/** Nobody writes a secret behind these. */
const harmless = tableOf(
  ...[...ANNOUNCING, ...PASSIVE, ...FILES, ...FACTS, ...DIRECTORIES],
  ...[Verb.Cdup, Verb.Xcup, Verb.Pwd, Verb.Xpwd, Verb.Smnt, Verb.Quit, Verb.Rein, Verb.Abor],
  ...[Verb.Type, Verb.Stru, Verb.Mode, Verb.Allo, Verb.Rest, Verb.Syst, Verb.Help, Verb.Noop],
  ...[Verb.Auth, Verb.Prot, Verb.Pbsz, Verb.Ccc, Verb.Feat, Verb.Opts, Verb.Lang, Verb.Algs],
  ...[Verb.Host, Verb.Pret, Verb.Sscn, Verb.Clnt, Verb.Csid, Verb.Rang, Verb.Comb, Verb.Avbl],
  Verb.Dsiz,
);

/** LIST, NLST, MLSD. */
export function isListing(code: VerbCode): boolean {
  return listings[code] === 1;
}

/** STOR, STOU, APPE. */
export function isUpload(code: VerbCode): boolean {
  return uploads[code] === 1;
}

export function isDownload(code: VerbCode): boolean {
  return code === Verb.Retr;
}

/** Whatever uses a data connection. */
export function isTransfer(code: VerbCode): boolean {
  return transfers[code] === 1;
}

/** PORT, EPRT, LPRT. */
export function isAnnouncing(code: VerbCode): boolean {
  return announcing[code] === 1;
}

/** PASV, EPSV, LPSV and their relatives. */
export function isPassive(code: VerbCode): boolean {
  return passive[code] === 1;
}

/** Whether the argument names a file: `nameStart` says where. */
export function namesFile(code: VerbCode): boolean {
  return files[code] === 1;
}

/** The same, or a directory. */
export function namesPath(code: VerbCode): boolean {
  return paths[code] === 1;
}

/** Whether a line with this verb may be shown with its argument. */
export function isHarmless(code: VerbCode): boolean {
  return harmless[code] === 1;
}

/** Where the argument ends: before the CR LF, or LF, of the line [start, end). */
export function argumentEnd(bytes: Uint8Array, start: number, end: number): number {
  let last = end;
  if (last > start && bytes[last - 1] === LF) last--;
  if (last > start && bytes[last - 1] === CR) last--;
  return last;
}

/**
 * Where the name begins in the argument of a verb that ends at `verbEnd`; `argumentEnd` where there
 * is none. Behind MFMT and its like it is the second word; the options of LIST are no name.
 */
export function nameStart(
  code: VerbCode,
  bytes: Uint8Array,
  verbEnd: number,
  argumentEnd: number,
): number {
  let at = skipBlanks(bytes, verbEnd, argumentEnd);
  if (facts[code] === 1) at = behindWord(bytes, at, argumentEnd);
  if (code === Verb.List || code === Verb.Nlst) {
    while (at < argumentEnd && bytes[at] === 0x2d) at = behindWord(bytes, at, argumentEnd);
  }
  return at;
}

function behindWord(bytes: Uint8Array, at: number, end: number): number {
  let pos = at;
  while (pos < end && !isBlank(bytes[pos]!)) pos++;
  return skipBlanks(bytes, pos, end);
}
