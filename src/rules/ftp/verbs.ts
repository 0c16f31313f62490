/**
 * The verbs that servers are known to take: RFC 959, 775, 1639, 2228, 2389, 2428, 3659, 7151, and
 * common drafts. Verbs are an open set; the list only serves to find slips of the pen.
 */
const knownVerbs: readonly string[] = (
  'USER PASS ACCT CWD CDUP SMNT QUIT REIN PORT PASV TYPE STRU MODE RETR STOR STOU APPE ALLO REST ' +
  'RNFR RNTO ABOR DELE RMD MKD PWD LIST NLST SITE SYST STAT HELP NOOP XCUP XCWD XMKD XPWD XRMD ' +
  'LPRT LPSV EPRT EPSV SPSV FEAT OPTS LANG MDTM MLSD MLST SIZE HOST CLNT CSID AVBL COMB DSIZ ' +
  'AUTH ADAT PROT PBSZ CCC MIC CONF ENC SSCN CPSV MFMT MFCT MFF MD5 MMD5 RANG THMB ESTA ESTP ' +
  'HASH XCRC XMD5 XSHA XSHA1 XSHA256 XSHA512 XDUP MAIL MLFL MRCP MRSQ MSAM MSND MSOM XRCP XRSQ XSEM XSEN'
).split(' ');

export function isKnownVerb(verb: string): boolean {
  return knownVerbs.includes(verb);
}

/** The one of `words` that a slip of the pen makes of `word`; '' where none is so near. */
export function nearMiss(word: string, words: readonly string[] = knownVerbs): string {
  return words.find((known) => isOneSlipAway(word, known)) ?? '';
}

/** One letter more, less or other, or two next to each other exchanged. */
function isOneSlipAway(a: string, b: string): boolean {
  if (Math.abs(a.length - b.length) > 1) return false;
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  const [restA, restB] = [a.slice(head), b.slice(head)];
  if (restA.slice(1) === restB.slice(1)) return true;
  if (restA.slice(1) === restB || restA === restB.slice(1)) return true;
  return restA[0] === restB[1] && restA[1] === restB[0] && restA.slice(2) === restB.slice(2);
}
