/**
 * Where Pinhole's helper deliberately answers otherwise than the kernel's in a measured dialogue:
 * what it does instead, and why. `docs/kernel-differences.md` says the same in prose.
 */
export interface Difference {
  readonly why: string;
  /** One a step: `pass`, `drop`, `reset`, or the segment's text as it goes on. */
  readonly verdicts: readonly string[];
  /** `src>dst:port` of what is expected at the end. */
  readonly expectations: readonly string[];
}

const why = {
  bounce: 'a command that names a third party is struck out, so that the server answers 500',
  range: 'numbers do not wrap or spill into their neighbours',
  portZero: 'nobody can connect to port 0',
  malformed: 'what cannot be parsed passes; dropping it would stall the session for good',
  emptyField: 'an empty field is no number',
  tolerant: 'servers and clients take these forms for well-formed',
  lines: 'an unfinished line passes, and is joined with its rest',
  unfinished: 'a line is read when its end has come, not before',
  pipelined: 'every line of a segment counts',
  asWritten: 'only what must change is rewritten, and in the form the speaker chose',
  shortForm: 'IPv6 addresses are written as RFC 5952 wants them, not in the full form',
  family: 'an IPv4 endpoint on an IPv6 connection is none of its peers',
} as const;

function differs(
  reason: string,
  verdicts: readonly string[],
  expectations: readonly string[] = [],
): Difference {
  return { why: reason, verdicts, expectations };
}

export const DIFFERENCES: Readonly<Record<string, Difference>> = {
  'PORT bounce other addr': differs(why.bounce, ['XXXX 10,0,1,3,200,10\r\n']),
  'PORT bounce server addr': differs(why.bounce, ['XXXX 192,0,2,2,200,10\r\n']),
  'PORT port 0': differs(why.portZero, ['pass']),
  'PORT 0,8080 overflow': differs(why.range, ['pass']),
  'PORT addr bleed 10,0,0,258': differs(why.range, ['pass']),
  'PORT empty nums 10,0,1,2,,5': differs(why.emptyField, ['pass']),
  'PORT 5 nums': differs(why.malformed, ['pass']),
  'PORT 7 nums': differs(why.malformed, ['pass']),
  'PORT trailing space CRLF': differs(why.tolerant, ['pass'], ['192.0.2.2>10.0.1.2:51210']),
  'PORT double space': differs(why.malformed, ['pass']),
  'PORT TAB sep': differs(why.malformed, ['pass']),
  'PORT no arg': differs(why.malformed, ['pass']),
  'P alone': differs(why.lines, ['pass']),
  'PO split RT..': differs(why.lines, ['pass', 'pass'], ['192.0.2.2>10.0.1.2:51210']),
  'PORT split mid number': differs(why.lines, ['pass', 'pass'], ['192.0.2.2>10.0.1.2:51210']),
  'PORT without CRLF end': differs(why.unfinished, ['pass']),
  'pipelined NOOP+PORT 1 seg': differs(why.pipelined, ['pass'], ['192.0.2.2>10.0.1.2:51210']),
  'PORT PORT 1 seg': differs(why.pipelined, ['pass'], ['192.0.2.2>10.0.1.2:51211']),
  '227 digit in text first': differs(why.tolerant, ['pass'], ['10.0.1.2>192.0.2.2:51210']),
  '227 spaces after commas': differs(why.tolerant, ['pass'], ['10.0.1.2>192.0.2.2:51210']),
  '220- multi with 227 inside 1 seg': differs(
    why.pipelined,
    ['pass'],
    ['10.0.1.2>192.0.2.2:51210'],
  ),
  '2 alone from server': differs(why.lines, ['pass']),
  '227 port 0': differs(why.portZero, ['pass']),
  '229 no close delim': differs(why.malformed, ['pass']),
  '229 port overflow 65558': differs(why.range, ['pass']),
  '229 port 0': differs(why.portZero, ['pass']),
  '229 with addr |1|addr|': differs(why.malformed, ['pass']),
  '229 no paren': differs(why.malformed, ['pass']),
  'EPRT digit delim': differs(why.malformed, ['pass']),
  'EPRT family 2 on v4': differs(why.bounce, ['XXXX |2|2001:db8::1|51210|\r\n']),
  'EPRT bounce': differs(why.bounce, ['XXXX |1|10.0.1.9|51210|\r\n']),
  'EPRT no trailing delim': differs(why.malformed, ['pass']),
  'EPRT port ovf 65558': differs(why.range, ['pass']),
  'EPRT no CRLF after delim': differs(why.unfinished, ['pass']),
  'SNAT PORT already public': differs(why.bounce, ['XXXX 192,0,2,1,200,10\r\n']),
  'SNAT EPRT ! delim': differs(
    why.asWritten,
    ['EPRT !1!192.0.2.1!51210!\r\n'],
    ['192.0.2.2>192.0.2.1:51210'],
  ),
  'SNAT 227 no parens + zero pad': differs(why.asWritten, ['pass'], ['10.0.1.2>192.0.2.2:51210']),
  'SNAT 229 ! delim': differs(why.asWritten, ['pass'], ['10.0.1.2>192.0.2.2:51210']),
  'v6 EPRT bounce': differs(why.bounce, ['XXXX |2|2001:db8:1::3|51210|\r\n']),
  'v6 EPRT family1': differs(why.bounce, ['XXXX |1|10.0.1.2|51210|\r\n']),
  'v6 EPRT zone id': differs(why.malformed, ['pass']),
  'v6 PORT quirk 32,1,13,184': differs(why.bounce, ['XXXX 32,1,13,184,200,10\r\n']),
  'v6 PORT other': differs(why.bounce, ['XXXX 10,0,1,2,200,10\r\n']),
  'v6 227 quirk': differs(why.family, ['pass']),
  'v6 SNAT EPRT': differs(
    why.shortForm,
    ['EPRT |2|2001:db8:2::1|51210|\r\n'],
    ['2001:db8:2::2>2001:db8:2::1:51210'],
  ),
  'v6 SNAT EPRT full form addr': differs(
    why.shortForm,
    ['EPRT |2|2001:db8:2::1|51210|\r\n'],
    ['2001:db8:2::2>2001:db8:2::1:51210'],
  ),
};
