/** The verbs of FTP as integers. */

/** The numbers may change, the names may not. */
export const Verb = {
  /** No verb at all: an empty line. */
  None: 0,
  /** A verb that is not listed here. */
  Other: 1,
  // RFC 959
  User: 2,
  Pass: 3,
  Acct: 4,
  Cwd: 5,
  Cdup: 6,
  Smnt: 7,
  Quit: 8,
  Rein: 9,
  Port: 10,
  Pasv: 11,
  Type: 12,
  Stru: 13,
  Mode: 14,
  Retr: 15,
  Stor: 16,
  Stou: 17,
  Appe: 18,
  Allo: 19,
  Rest: 20,
  Rnfr: 21,
  Rnto: 22,
  Abor: 23,
  Dele: 24,
  Rmd: 25,
  Mkd: 26,
  Pwd: 27,
  List: 28,
  Nlst: 29,
  Site: 30,
  Syst: 31,
  Stat: 32,
  Help: 33,
  Noop: 34,
  // RFC 775
  Xmkd: 35,
  Xrmd: 36,
  Xpwd: 37,
  Xcup: 38,
  Xcwd: 39,
  // RFC 1639
  Lprt: 40,
  Lpsv: 41,
  // RFC 2228
  Auth: 42,
  Adat: 43,
  Prot: 44,
  Pbsz: 45,
  Ccc: 46,
  Mic: 47,
  Conf: 48,
  Enc: 49,
  // RFC 2389
  Feat: 50,
  Opts: 51,
  // RFC 2428
  Eprt: 52,
  Epsv: 53,
  // RFC 2640
  Lang: 54,
  // RFC 3659
  Mdtm: 55,
  Size: 56,
  Mlst: 57,
  Mlsd: 58,
  // RFC 6384
  Algs: 59,
  // RFC 7151
  Host: 60,
  // Without an RFC, but in use
  Spsv: 61,
  Cpsv: 62,
  Pret: 63,
  Sscn: 64,
  Mfmt: 65,
  Mfct: 66,
  Mff: 67,
  Clnt: 68,
  Csid: 69,
  Hash: 70,
  Rang: 71,
  Md5: 72,
  Mmd5: 73,
  Xcrc: 74,
  Xmd5: 75,
  Xsha: 76,
  Xsha1: 77,
  Xsha256: 78,
  Xsha512: 79,
  Comb: 80,
  Avbl: 81,
  Dsiz: 82,
  Rmda: 83,
} as const;
export type VerbCode = (typeof Verb)[keyof typeof Verb];

/** By code, in capitals. */
export const VERB_NAMES: readonly string[] = Object.keys(Verb).map((key) => key.toUpperCase());
/** One more than the highest code: the length of tables by verb. */
export const VERB_COUNT = VERB_NAMES.length;

/** `RETR`; `OTHER` for a verb that is not known, '' for none. */
export function verbName(code: VerbCode): string {
  return code === Verb.None ? '' : VERB_NAMES[code]!;
}

/** By its name, in any case of letters; `Verb.Other` where it is not known, `Verb.None` for ''. */
export function verbOfName(text: string): VerbCode {
  if (text === '') return Verb.None;
  const code = VERB_NAMES.indexOf(text.toUpperCase());
  return code <= Verb.Other ? Verb.Other : (code as VerbCode);
}
