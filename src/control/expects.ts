import {
  CommandResult,
  Direction,
  type Expectation,
  ExpectFlag,
  ExpectResult,
  Field,
  isExpectationOver,
  isSpan,
} from '../conntrack/index.ts';
import { expectationDto } from './dto.ts';
import {
  addressWords,
  failure,
  familyOf,
  helperOf,
  idsArg,
  invalid,
  numberIn,
  objectArg,
  optionalNumber,
  RequestError,
  tupleOf,
} from './entry-args.ts';
import type { ExpectCreateDto } from './entry-types.ts';
import type { GatewayHost } from './gateway.ts';
import type { Reply } from './serve-lines.ts';

type Args = Record<string, unknown>;

/** The one class of the FTP helper's expectations. */
const HIGHEST_CLASS = 0;

export async function listExpectations(host: GatewayHost, args: Args, reply: Reply): Promise<void> {
  const { engine } = host;
  const { family } = args;
  for (const expectation of engine.tracking.conntrack.expectations.all()) {
    if (family !== undefined && expectation.family !== family) continue;
    if (isExpectationOver(expectation, engine.clock.ms)) continue;
    await reply.item(expectationDto(engine, expectation));
  }
  reply.done();
}

/**
 * Makes an expectation as ctnetlink_create_expect does: the master must live and have a helper, whose
 * policy (not the command) says how long and how many.
 */
export async function createExpectation(
  host: GatewayHost,
  args: Args,
  reply: Reply,
): Promise<void> {
  const { engine } = host;
  const { conntrack } = engine.tracking;
  const dto = objectArg<ExpectCreateDto>(args, 'expect');
  const family = familyOf(dto.family);
  const zone = optionalNumber(dto.zone, 65_535, 'zone');
  const { src, dst, sport, dport } = dto;
  const wanted = tupleOf(family, dto.proto, { src, dst, sport, dport }, zone);
  const found = conntrack.expectations.find(wanted, engine.clock.ms, zone);
  if (found !== null && !isSpan(found)) {
    throw new RequestError('EXISTS', 'such an expectation exists');
  }
  const ref = conntrack.lookup(tupleOf(family, dto.masterProto, dto.master, zone));
  if (ref < 0) throw failure(CommandResult.NoMaster);
  const master = ref >> 1;
  const helper = conntrack.table.helper(master);
  if (helper === 0) throw failure(CommandResult.NotSupported);
  const childHelper = dto.helper === undefined ? 0 : helperOf(dto.helper, wanted.protocol);
  const number = optionalNumber(dto.class, 0xffffffff, 'class');
  if (number > HIGHEST_CLASS) throw invalid(`class: at most ${HIGHEST_CLASS} expected`);
  const destination = [wanted.d0, wanted.d1, wanted.d2, wanted.d3] as const;
  const result = conntrack.expectations.add(
    {
      family,
      protocol: wanted.protocol,
      src: [wanted.s0, wanted.s1, wanted.s2, wanted.s3],
      srcMask: addressWords(family, dto.maskSrc, 'maskSrc'),
      sport: wanted.srcPort,
      sportMask: numberIn(dto.maskSport, 65_535, 'maskSport'),
      dst: destination,
      dport: wanted.dstPort,
      masterRow: master,
      masterId: conntrack.table.get(master, Field.Id),
      helper,
      childHelper,
      class: number,
      // Only helpers in user space are marked as such, and a command is none.
      flags: optionalNumber(dto.flags, 0xffffffff, 'flags') & ~ExpectFlag.Userspace,
      kind: 0,
      direction: Direction.Original,
      savedAddress: destination,
      savedPort: wanted.dstPort,
      followsMasterNat: false,
    },
    engine.clock.ms,
    conntrack.settings.timeouts.expectation,
  );
  refuseUnless(result);
  const made = conntrack.expectations.ofMaster(master).at(-1)!;
  await reply.item(expectationDto(engine, made));
  reply.done();
}

function refuseUnless(result: number): void {
  if (result === ExpectResult.Ok) return;
  if (result === ExpectResult.Full) throw failure(CommandResult.Full);
  throw failure(CommandResult.Busy);
}

/** Removes expectations by their ids, or (`expect.flush`) all. */
export async function deleteExpectations(
  host: GatewayHost,
  args: Args,
  reply: Reply,
): Promise<void> {
  const ids = idsArg(args);
  const removed = removeWhere(host, ({ id }) => ids.has(id));
  for (const expectation of removed) await reply.item(expectation);
  reply.done();
}

export function flushExpectations(host: GatewayHost, reply: Reply): void {
  removeWhere(host, () => true);
  reply.done();
}

function removeWhere({ engine }: GatewayHost, isMeant: (expectation: Expectation) => boolean) {
  const { expectations } = engine.tracking.conntrack;
  return expectations
    .all()
    .filter(isMeant)
    .map((expectation) => {
      const dto = expectationDto(engine, expectation);
      expectations.remove(expectation);
      return dto;
    });
}
