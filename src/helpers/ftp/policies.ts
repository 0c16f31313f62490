import type { FtpDirective, FtpNetwork } from '../../rules/index.ts';
import type { FtpPolicy } from './policy.ts';

/** The words of an address, as tuples hold them: IPv4 in the first. */
type AddressWords = ArrayLike<number>;

/**
 * Which settings hold for a control connection: the base, under the directives that speak of it.
 * A narrower scope wins: all < a server's network (the longer prefix) < the rule that gave the
 * helper. Cold: asked once per connection. Connections under the same directives share one object.
 */
export class FtpPolicies {
  private basePolicy: FtpPolicy;
  private given: readonly FtpDirective[] = [];
  /** The same in the order in which they are laid over the base. */
  private directives: readonly FtpDirective[] = [];
  /** By the numbers of the directives that apply. */
  private readonly merged = new Map<string, FtpPolicy>();
  private changes = 0;

  constructor(base: FtpPolicy) {
    this.basePolicy = base;
  }

  /** What holds before any directive. */
  get base(): FtpPolicy {
    return this.basePolicy;
  }

  set base(base: FtpPolicy) {
    this.basePolicy = base;
    this.changed();
  }

  /** Grows whenever earlier answers of `policyFor` may no longer hold. */
  get generation(): number {
    return this.changes;
  }

  /** These directives, in place of all earlier ones. The very same list changes nothing. */
  setDirectives(directives: readonly FtpDirective[]): void {
    if (directives === this.given) return;
    this.given = directives;
    // Sorting is stable: of two that are equally narrow, the one further down in the files wins.
    this.directives = [...directives].sort((a, b) => narrowness(a) - narrowness(b));
    this.changed();
  }

  /**
   * What holds for a control connection to the server at `real`, which the client knows as `open`
   * (the same address where nothing is translated), and whose helper came from a rule with
   * `comment` ('' for none).
   */
  policyFor(family: 4 | 6, real: AddressWords, open: AddressWords, comment: string): FtpPolicy {
    let key = '';
    for (let i = 0; i < this.directives.length; i++) {
      if (applies(this.directives[i]!, family, real, open, comment)) key += `${i} `;
    }
    if (key === '') return this.basePolicy;
    let policy = this.merged.get(key);
    if (policy === undefined) {
      policy = this.merge(key);
      this.merged.set(key, policy);
    }
    return policy;
  }

  private merge(key: string): FtpPolicy {
    const settings = key
      .trim()
      .split(' ')
      .map((number) => this.directives[Number(number)]!.settings);
    return Object.assign({}, this.basePolicy, ...settings);
  }

  private changed(): void {
    this.merged.clear();
    this.changes++;
  }
}

/** Longest prefix of an address. */
const ADDRESS_BITS = 128;

function narrowness({ scope }: FtpDirective): number {
  if (scope.kind === 'all') return -1;
  return scope.kind === 'server' ? scope.network.prefixLen : ADDRESS_BITS + 1;
}

function applies(
  { scope }: FtpDirective,
  family: 4 | 6,
  real: AddressWords,
  open: AddressWords,
  comment: string,
): boolean {
  if (scope.kind === 'all') return true;
  if (scope.kind === 'rule') return comment !== '' && scope.comment === comment;
  const { network } = scope;
  return isInNetwork(network, family, real) || isInNetwork(network, family, open);
}

/** Whether an address lies in a network. Allocates nothing. */
export function isInNetwork(network: FtpNetwork, family: 4 | 6, words: AddressWords): boolean {
  if (network.family !== family) return false;
  let bits = network.prefixLen;
  for (let i = 0; bits > 0; i++, bits -= 32) {
    // A shift by 32 is one by 0, so whole words are compared without a mask.
    const mask = bits >= 32 ? -1 : -1 << (32 - bits);
    if (((network.words[i as 0 | 1 | 2 | 3] ^ words[i]!) & mask) !== 0) return false;
  }
  return true;
}
