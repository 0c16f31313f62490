import { CommandResult, EntryCommands, Field, type NewEntry, Status } from '../conntrack/index.ts';
import { HelperId } from '../helpers/index.ts';
import { Manip, type ManipCode } from '../nat/index.ts';
import type { NatRange } from '../rules/index.ts';
import { connectionDto } from './dto.ts';
import {
  addressWords,
  causeArg,
  changeOf,
  failure,
  familyOf,
  idsArg,
  newEntryOf,
  objectArg,
  optionalNumber,
  RequestError,
  tupleOf,
} from './entry-args.ts';
import type {
  ConntrackChangeDto,
  ConntrackCreateDto,
  ConntrackFilterDto,
  ConntrackListArgs,
  NatSetDto,
} from './entry-types.ts';
import type { GatewayHost } from './gateway.ts';
import { LineBuffer } from './line-buffer.ts';
import { isObject } from './line-socket.ts';
import { compileRowFilter } from './row-filter.ts';
import { RowText } from './row-text.ts';
import type { Reply } from './serve-lines.ts';
import { Turns } from './turns.ts';

/** Bytes of a dump that are handed to the socket at once. */
const PIECE_BYTES = 60_000;

type Args = Record<string, unknown>;
type Visit = (row: number) => void | Promise<void>;

export function turnsOf(host: GatewayHost): Turns {
  return new Turns(host.monotonicMs ?? (() => performance.now()), () => host.refreshClock());
}

/**
 * Goes through all rows, in turns. An entry keeps its row for its life, so that one that lives
 * through the walk is met exactly once; what comes and goes meanwhile is met once or not at all.
 */
export async function walk(
  host: GatewayHost,
  isMeant: (row: number) => boolean,
  visit: Visit,
  signal?: AbortSignal,
): Promise<void> {
  const { carried, table } = host.engine.tracking.conntrack;
  const turns = turnsOf(host);
  for (let row = 0; row < table.highWater; row++) {
    // What has passed without the engine counts, too.
    if (table.inUse(row)) carried.collect(row);
    if (table.inUse(row) && isMeant(row)) {
      const waited = visit(row);
      if (waited !== undefined) {
        await waited;
        turns.begin();
      }
    }
    if (turns.step()) await turns.next();
    if (signal?.aborted) return;
  }
}

/** Confirmed, and its time not over: what a packet would still find. */
export function isLiving({ engine }: GatewayHost, row: number): boolean {
  const { conntrack } = engine.tracking;
  return conntrack.table.hasStatus(row, Status.Confirmed) && !conntrack.isOver(row);
}

/** The rows of a table. `dying` is always empty: what has ended is gone, with its event told. */
function tableTest(host: GatewayHost, table: ConntrackListArgs['table']): (row: number) => boolean {
  if (table === 'dying') return () => false;
  if (table !== 'unconfirmed') return (row) => isLiving(host, row);
  const { conntrack } = host.engine.tracking;
  return (row) => !conntrack.table.hasStatus(row, Status.Confirmed);
}

function filterTest(host: GatewayHost, filter: unknown): (row: number) => boolean {
  if (filter !== undefined && !isObject(filter)) {
    throw new RequestError('BAD_REQUEST', 'filter: an object expected');
  }
  return compileRowFilter(host.engine, (filter ?? {}) as ConntrackFilterDto);
}

/** Lists entries in pieces of text; the reader's pace is the dump's. */
export async function listEntries(
  host: GatewayHost,
  args: Args,
  reply: Reply,
  signal: AbortSignal,
): Promise<void> {
  const { engine } = host;
  const { table } = engine.tracking.conntrack;
  const isListed = tableTest(host, args.table as ConntrackListArgs['table']);
  const matches = filterTest(host, args.filter);
  const rowText = new RowText(engine);
  const waiting = new LineBuffer();
  const send = (): void | Promise<void> =>
    waiting
      .take()
      .map((chunk) => reply.lines(chunk))
      .at(-1);
  const visit: Visit = (row) => {
    waiting.push(`${reply.itemHead}${rowText.of(row)}}\n`);
    if (args.zero === true) table.zeroCounters(row);
    return waiting.bytes < PIECE_BYTES ? undefined : send();
  };
  await walk(host, (row) => isListed(row) && matches(row), visit, signal);
  await send();
  reply.done();
}

/** Whoever asks for an entry holds it while it is shown, and shows that (`use`). */
export async function getEntry(host: GatewayHost, args: Args, reply: Reply): Promise<void> {
  const family = familyOf(args.family);
  const zone = optionalNumber(args.zone, 65_535, 'zone');
  const tuple = tupleOf(family, args.proto, args.orig ?? args.reply, zone);
  const row = commandsOf(host).find(tuple);
  if (row < 0) throw new RequestError('NOT_FOUND', 'there is no such connection');
  const entry = connectionDto(host.engine, row);
  await reply.item({ ...entry, use: entry.use + 1 });
  reply.done();
}

export async function createEntry(host: GatewayHost, args: Args, reply: Reply): Promise<void> {
  const dto = objectArg<ConntrackCreateDto>(args, 'entry');
  const entry = newEntryOf(dto);
  const ranges = natRangesOf(dto);
  const commands = commandsOf(host);
  const row = host.events.causedBy(causeArg(args), () => {
    const held = args.orChange === true ? commands.find(entry.original) : -1;
    if (held < 0) return enter(host, commands, entry, ranges);
    // Only a new entry gets its translation and its master (ctnetlink_change_conntrack).
    if (ranges !== null || entry.master !== undefined) throw failure(CommandResult.NotSupported);
    change(host, commands, held, dto);
    return held;
  });
  await reply.item(connectionDto(host.engine, row));
  reply.done();
}

/** Returns the row of the new entry. */
function enter(
  host: GatewayHost,
  commands: EntryCommands,
  entry: NewEntry,
  ranges: NatRanges | null,
): number {
  const row = commands.begin(entry);
  if (row < 0) throw failure(-row as Parameters<typeof failure>[0]);
  if (ranges !== null) translate(host, row, ranges);
  const result = commands.finish(row, entry);
  if (result !== CommandResult.Ok) throw failure(result);
  const { conntrack, ftp } = host.engine.tracking;
  if (conntrack.table.helper(row) === HelperId.Ftp) ftp.pickUp(row);
  return row;
}

/** What each side is to be translated to; null for nothing but a tuple that is free. */
interface NatRanges {
  readonly source: NatRange | null;
  readonly destination: NatRange | null;
}

function natRangesOf({ family, srcNat, dstNat }: ConntrackCreateDto): NatRanges | null {
  if (srcNat === undefined && dstNat === undefined) return null;
  return {
    source: srcNat === undefined ? null : natRange(family, srcNat),
    destination: dstNat === undefined ? null : natRange(family, dstNat),
  };
}

/** Where one side is to be translated, the other is decided too (ctnetlink_setup_nat). */
function translate(host: GatewayHost, row: number, ranges: NatRanges): void {
  const { nat } = host.engine.tracking;
  const bind = (range: NatRange | null, manip: ManipCode) => {
    if (range === null) nat.bindNothing(row, manip);
    else nat.bind(row, range, manip);
  };
  bind(ranges.destination, Manip.Destination);
  bind(ranges.source, Manip.Source);
}

function natRange(
  family: 4 | 6,
  { minAddress, maxAddress, minPort, maxPort }: NatSetDto,
): NatRange {
  const length = family === 4 ? 1 : 4;
  const low = optionalNumber(minPort, 65_535, 'minPort');
  return {
    minAddress: addressWords(family, minAddress, 'minAddress').slice(0, length),
    maxAddress: addressWords(family, maxAddress, 'maxAddress').slice(0, length),
    minPort: low,
    maxPort: maxPort === undefined ? low : optionalNumber(maxPort, 65_535, 'maxPort'),
    random: false,
    randomFully: false,
    persistent: false,
  };
}

/** Throws where the change is refused. */
function change(
  host: GatewayHost,
  commands: EntryCommands,
  row: number,
  dto: ConntrackChangeDto,
): void {
  const { tracking } = host.engine;
  const { table } = tracking.conntrack;
  const hadFtp = table.helper(row) === HelperId.Ftp;
  const result = commands.change(row, changeOf(dto, table.protocol(row)));
  if (hadFtp && table.helper(row) !== HelperId.Ftp) tracking.ftp.forget(row);
  if (result !== CommandResult.Ok) throw failure(result);
}

/**
 * Changes entries one after the other. One that refuses is listed with its `failure`, the others are
 * changed all the same, and the answer ends with the first failure.
 */
export async function updateEntries(host: GatewayHost, args: Args, reply: Reply): Promise<void> {
  const dto = objectArg<ConntrackChangeDto>(args, 'change');
  const ids = idsArg(args);
  const cause = causeArg(args);
  const commands = commandsOf(host);
  const { table } = host.engine.tracking.conntrack;
  let first: RequestError | null = null;
  const isMeant = (row: number) => isLiving(host, row) && ids.has(table.get(row, Field.Id) >>> 0);
  await walk(host, isMeant, (row) => {
    const refused = refusalOf(() =>
      host.events.causedBy(cause, () => change(host, commands, row, dto)),
    );
    first ??= refused;
    const entry = connectionDto(host.engine, row);
    return reply.item(refused === null ? entry : { ...entry, failure: refused.code });
  });
  if (first !== null) throw first;
  reply.done();
}

function refusalOf(run: () => void): RequestError | null {
  try {
    run();
    return null;
  } catch (error) {
    if (error instanceof RequestError) return error;
    throw error;
  }
}

/** By `ids`, or all that `filter` holds for. */
export async function deleteEntries(host: GatewayHost, args: Args, reply: Reply): Promise<void> {
  const { conntrack } = host.engine.tracking;
  const matches = filterTest(host, args.filter);
  const ids = args.ids === undefined && args.filter !== undefined ? null : idsArg(args);
  const cause = causeArg(args);
  const isMeant = (row: number) =>
    isLiving(host, row) &&
    (ids === null || ids.has(conntrack.table.get(row, Field.Id) >>> 0)) &&
    matches(row);
  await walk(host, isMeant, (row) => {
    const entry = connectionDto(host.engine, row);
    host.events.causedBy(cause, () => conntrack.destroy(row));
    return reply.item(entry);
  });
  reply.done();
}

/** Ends every connection, or those of one family. What begins meanwhile may stay. */
export async function flushEntries(host: GatewayHost, args: Args, reply: Reply): Promise<void> {
  const { conntrack } = host.engine.tracking;
  const { family } = args;
  const matches = filterTest(host, family === undefined ? {} : { family: familyOf(family) });
  const cause = causeArg(args);
  const isMeant = (row: number) => conntrack.table.hasStatus(row, Status.Confirmed) && matches(row);
  await walk(host, isMeant, (row) => {
    host.events.causedBy(cause, () => conntrack.destroy(row));
  });
  reply.done();
}

function commandsOf({ engine }: GatewayHost): EntryCommands {
  return new EntryCommands(engine.tracking.conntrack, engine.clock);
}
