import { Hook, type RuleContext } from '../../context.ts';
import { RuleFault } from '../../errors.ts';
import { defineMatch, type ListView, type MatchEvaluator } from '../../extension.ts';
import { scanUnsigned } from '../../numbers.ts';
import { type OptionSpec, shown } from '../../options.ts';
import { type AccountTable, systemGroups, systemUsers } from '../../users.ts';
import { refused, requireHooks } from '../parts/match-place.ts';
import { badOptionValue } from '../parts/option-values.ts';

/** `-m owner`: which user or group the socket belongs to that sent a packet of this host's own. */

interface Owners {
  readonly min: number;
  readonly max: number;
  readonly negated: boolean;
}

interface OwnerValues {
  socket: { readonly negated: boolean } | null;
  user: Owners | null;
  group: Owners | null;
  supplementary: boolean;
}

/** The number above it means "no user". */
const MAX_ID = 0xfffffffe;

/** `root`, `1000`, `1000-2000`. */
function parseOwners(
  text: string,
  accounts: AccountTable,
  option: string,
  negated: boolean,
): Owners {
  const named = accounts.id(text);
  if (named !== null) return { min: named, max: named, negated };
  const bad = () => badOptionValue('owner', option, text);
  const first = scanUnsigned(text);
  if (first === null || first.value > MAX_ID) throw bad();
  if (first.rest === '') return { min: first.value, max: first.value, negated };
  const last = /^[-:]/.test(first.rest) ? scanUnsigned(first.rest.slice(1)) : null;
  if (last === null || last.rest !== '' || last.value > MAX_ID) throw bad();
  return { min: first.value, max: last.value, negated };
}

const formatOwners = ({ min, max }: Owners) => (min === max ? `${min}` : `${min}-${max}`);

function ownerOption(
  name: string,
  field: 'user' | 'group',
  accounts: () => AccountTable,
): OptionSpec<OwnerValues> {
  return {
    name,
    args: 1,
    argument: `${field.toUpperCase()}|ID[-ID]`,
    help: `${field} of the socket, by name, number or range of numbers`,
    negatable: true,
    set: (value, [text = ''], negated) => {
      value[field] = parseOwners(text, accounts(), name, negated);
    },
    save: (value) => {
      const owners = value[field];
      return owners === null ? null : shown(formatOwners(owners), owners.negated);
    },
  };
}

class OwnerEvaluator implements MatchEvaluator {
  private readonly asksSocket: boolean;
  /** Everything that is asked is asked with `!`: that is what a packet without socket fits. */
  private readonly allNegated: boolean;
  private readonly socketNegated: boolean;
  private readonly userMin: number;
  private readonly userMax: number;
  private readonly userNegated: boolean;
  private readonly asksGroup: boolean;
  private readonly groupMin: number;
  private readonly groupMax: number;
  private readonly groupNegated: boolean;

  constructor({ socket, user, group }: OwnerValues) {
    this.asksSocket = socket !== null;
    this.socketNegated = socket?.negated ?? false;
    this.allNegated = [socket, user, group].every((part) => part?.negated ?? true);
    this.userMin = user?.min ?? 0;
    this.userMax = user?.max ?? MAX_ID;
    this.userNegated = user?.negated ?? false;
    this.asksGroup = group !== null;
    this.groupMin = group?.min ?? 0;
    this.groupMax = group?.max ?? MAX_ID;
    this.groupNegated = group?.negated ?? false;
  }

  matches(ctx: RuleContext): boolean {
    const { socketUid, socketGid } = ctx;
    if (socketUid < 0) return this.allNegated;
    if (this.asksSocket && this.socketNegated) return false;
    const userHit = socketUid >= this.userMin && socketUid <= this.userMax;
    if (userHit === this.userNegated) return false;
    if (!this.asksGroup) return true;
    // The gate knows the user and not the group: then nothing is said of the group.
    if (socketGid < 0) return this.groupNegated;
    return (socketGid >= this.groupMin && socketGid <= this.groupMax) !== this.groupNegated;
  }
}

function checkOrder(owners: Owners | null): void {
  if (owners !== null && owners.min > owners.max) throw refused('owner: the range runs backwards');
}

function listOwners(label: string, owners: Owners | null, accounts: AccountTable, view: ListView) {
  if (owners === null) return [];
  const single = owners.min === owners.max && !view.numeric ? accounts.name(owners.min) : null;
  return [`${owners.negated ? '! ' : ''}owner ${label} match ${single ?? formatOwners(owners)}`];
}

export const owner = defineMatch<OwnerValues>({
  name: 'owner',
  options: [
    {
      name: 'socket-exists',
      args: 0,
      help: 'the packet was sent by a socket',
      negatable: true,
      set: (value, _args, negated) => {
        value.socket = { negated };
      },
      save: ({ socket }) => (socket === null ? null : shown('', socket.negated)),
    },
    ownerOption('uid-owner', 'user', systemUsers),
    ownerOption('gid-owner', 'group', systemGroups),
    {
      name: 'suppl-groups',
      args: 0,
      help: 'ask for the supplementary groups of the user as well',
      set: (value) => {
        if (value.group === null) {
          throw badOptionValue('owner', 'suppl-groups', 'you need to use --gid-owner first');
        }
        value.supplementary = true;
      },
      save: ({ supplementary }) => (supplementary ? shown('') : null),
    },
  ],
  initial: () => ({ socket: null, user: null, group: null, supplementary: false }),
  finish: ({ socket, user, group }) => {
    if (socket !== null || user !== null || group !== null) return;
    const words = 'owner: At least one of --uid-owner, --gid-owner or --socket-exists is required';
    throw new RuleFault('missing-option', words);
  },
  check: ({ user, group }, _rule, place) => {
    requireHooks(place, 'owner', Hook.Output, Hook.Postrouting);
    checkOrder(user);
    checkOrder(group);
  },
  list: ({ socket, user, group, supplementary }, view) => {
    const parts = socket === null ? [] : [`${socket.negated ? '! ' : ''}owner socket exists`];
    parts.push(...listOwners('UID', user, systemUsers(), view));
    parts.push(...listOwners('GID', group, systemGroups(), view));
    if (supplementary) parts.push('incl. suppl. groups');
    return parts.join(' ');
  },
  unenforced: ({ group }, holdsOutput) => {
    if (!holdsOutput) {
      return 'who sent a packet is known with --datapath gate only: it counts as sent by nobody';
    }
    return group === null ? null : 'groups of senders are not known: only a negated one matches';
  },
  // The kernel sends for a socket also where the socket is gone, and then for nobody.
  steady: false,
  evaluator: (value) => new OwnerEvaluator(value),
});
