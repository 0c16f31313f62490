import type { RuleErrorCode, WarningCode } from './errors.ts';

/** What every code of an error or warning means, and what to do about it. */

export interface Explanation {
  /** What it means. */
  readonly meaning: string;
  /** What to do, as one line. */
  readonly help: string;
}

export type MessageCode = RuleErrorCode | WarningCode;

const explanations: Readonly<Record<MessageCode, readonly [meaning: string, help: string]>> = {
  'bad-argument': [
    'A word stands where an option should.',
    'check dashes (two before a long option), quotes and the order of words',
  ],
  'unknown-option': [
    'No option of this name; options of a match exist only behind its -m (or -p).',
    'name the match before its options, as in -p tcp --dport 21',
  ],
  'missing-argument': ['An option lacks what belongs behind it.', 'give the option its value'],
  'missing-option': [
    'A match or target lacks an option that it needs.',
    'add the option that the message names',
  ],
  'option-conflict': [
    'Two options exclude each other, one stands twice, or it cannot be inverted.',
    'keep one of them',
  ],
  'bad-value': ['The value of an option is not one it takes.', 'correct the value at the caret'],
  'unknown-protocol': ['No protocol of this name.', 'use its number, or a name of /etc/protocols'],
  'bad-address': [
    'No address or network, or of the other family.',
    'write an address of this family, or a name that this host can look up',
  ],
  'unknown-match': [
    'Pinhole has no match of this name.',
    'correct the name, or take the condition out of the rule',
  ],
  'unknown-target': [
    'Neither a chain of this table nor a target that Pinhole has.',
    'declare the chain (-N NAME or :NAME - [0:0]) before the rule, or correct the name',
  ],
  'bad-chain-name': [
    'A chain cannot have this name.',
    'choose another name of up to 28 characters',
  ],
  'bad-command': ['No command was given (-A, -I, -P, …).', 'begin the line with a command'],
  'nat-drop': [
    'Table nat sees only the first packet of a connection and is not for filtering.',
    'drop in table filter, or in raw where it must be early',
  ],
  'invalid-interface': [
    'Packets of this chain have no such interface (yet, or any more).',
    '-i goes with PREROUTING, INPUT, FORWARD; -o with FORWARD, OUTPUT, POSTROUTING',
  ],
  'other-family': [
    'The line is for the other family of addresses.',
    'use ip6tables (or -6) for IPv6 and iptables (or -4) for IPv4',
  ],
  'bad-chain': ['The command cannot be used on this chain.', 'built-in chains stay as they are'],
  'unknown-chain': ['The table has no such chain.', 'declare the chain before it is used'],
  'chain-exists': ['The chain is there already.', 'declare it once'],
  'chain-in-use': ['A rule still jumps to the chain.', 'delete the rules that jump to it first'],
  'chain-not-empty': ['The chain still has rules.', 'flush it first (-F)'],
  'bad-policy': [
    'Only built-in chains have a policy, and it is ACCEPT or DROP.',
    'give the policy to INPUT, FORWARD, OUTPUT, …; end a chain of yours with a rule',
  ],
  'bad-index': ['No rule has this number.', 'count the rules with -L --line-numbers'],
  'no-such-rule': ['The chain has no such rule.', 'compare with -S'],
  loop: ['Chains jump to each other in a circle.', 'take one of the jumps out'],
  'invalid-place': [
    'The kernel refuses this match or target in this table or at this hook.',
    'move the rule to the table and chain that the message names',
  ],
  'invalid-rule': [
    'The kernel refuses the rule as it stands.',
    'add what the message says is missing, mostly -p',
  ],
  'unknown-helper': [
    'No helper of this name for this protocol.',
    'use -p tcp … -j CT --helper ftp',
  ],
  'out-of-range': ['A number is too large or too small for the kernel.', 'correct the number'],
  'no-commit': ['A *table block is not closed.', 'end each block with a line COMMIT'],
  'line-outside-table': [
    'A rule stands before any *table line.',
    'put *filter (or another) before it',
  ],
  'unknown-set': [
    'No set of this name has been read.',
    'give the output of `ipset save` beside the rule file: --rules sets.save --rules FILE',
  ],
  'bad-set': ['ipset would refuse the line.', 'correct the line of the set'],
  'unknown-table': [
    'iptables has no such table.',
    'tables are filter, nat, mangle, raw and security',
  ],
  'not-understood': [
    'What the line does cannot be known without running it, and nothing is run.',
    'run it where it belongs, and give the output of iptables-save',
  ],
  'unknown-directive': [
    'A comment is addressed to Pinhole, and says something that no directive does.',
    'write "# pinhole: ftp KEY=VALUE …" with a key of docs/ftp.md, or begin the comment otherwise',
  ],
  'bad-directive': [
    'A directive is not of the form "# pinhole: ftp [server=… | rule=…] KEY=VALUE …".',
    'put a setting behind it, with = and no blanks around it; quote values that have blanks',
  ],
  'directive-conflict': [
    'Directives set one thing twice for the same servers, or name two scopes in one line.',
    'keep one of them; a narrower scope (server=, rule=) may differ from a wider one',
  ],
  'bad-quoting': ['A quotation mark is not closed.', 'close it on the same line'],
  'unreadable-file': ['The file cannot be read.', 'check its name and its permissions'],
  note: ['Something that was read and deserves a word.', ''],
  'not-enforced': [
    'A match or target is read, kept and printed, and not carried out (fully).',
    'know what happens instead, or leave the rule out',
  ],
  'final-newline': [
    'The last line has no newline; iptables-restore refuses such a file.',
    'end the file with a newline',
  ],
  'carriage-returns': [
    'Lines end in CR LF; iptables-restore refuses such a file.',
    'convert the file to lines that end in LF',
  ],
  'replaced-table': [
    'Two files have the same table; the later one empties it first, as iptables-restore does.',
    'keep each table in one file',
  ],
  'unreachable-rule': [
    'An earlier rule of the chain without any condition takes every packet.',
    'move the rule up, or delete it',
  ],
  'shadowed-rule': [
    'An earlier rule of the chain matches at least all that this one matches, and decides it.',
    'move the narrower rule up, or delete it',
  ],
  'duplicate-rule': ['The rule stands twice in its chain.', 'delete one of the two'],
  'unused-chain': [
    'No built-in chain leads to this chain, so its rules see no packet.',
    'jump to it, or delete it',
  ],
  'related-never-accepted': [
    'A helper announces data connections as RELATED, and no rule takes these.',
    'add RELATED beside ESTABLISHED',
  ],
  'helper-after-dnat': [
    'Table raw comes before nat: a CT rule must name the port that the client asks for.',
    'bind the helper to the port before DNAT',
  ],
  'ftp-without-helper': [
    'Port 21 is open, but connections to it get no FTP helper, so their data connections fail.',
    'add -t raw -A PREROUTING -p tcp --dport 21 -j CT --helper ftp',
  ],
  'wide-passive-range': [
    'A wide range of ports is open for passive FTP, which the helper makes unnecessary.',
    'take the rule out and accept RELATED',
  ],
  'curly-characters': [
    'Word processors put “ ” and – in place of " " and -: iptables takes them literally.',
    'write plain quotes and dashes',
  ],
  'no-established': [
    'The chain refuses the rest and takes no ESTABLISHED packets: answers are lost, which locks out.',
    'put -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT first',
  ],
  'nat-everywhere': [
    'MASQUERADE or SNAT without any condition changes inward connections too.',
    'name the outer interface with -o',
  ],
  'set-dimension': [
    'A set with elements of several parts needs a src or dst for each; with fewer it never matches.',
    'give one src or dst for each part, as in src,dst',
  ],
  'doubtful-directive': [
    'A directive, or what looks like one, that most likely does not do what it was written for.',
    'compare verbs, the comment of the rule, and ports with what is meant',
  ],
};

/** What a code means; null where there is no such code. */
export function explainCode(code: string): Explanation | null {
  if (!Object.hasOwn(explanations, code)) return null;
  const [meaning, help] = explanations[code as MessageCode];
  return { meaning, help };
}

export const messageCodes = Object.keys(explanations) as readonly MessageCode[];
