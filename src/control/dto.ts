import {
  type ConntrackTable,
  Direction,
  type DirectionCode,
  type Expectation,
  Field,
  isSpan,
  SctpWord,
  Status,
  shownSctpTag,
  Tuple,
} from '../conntrack/index.ts';
import type { Engine } from '../engine/index.ts';
import { type FtpEncrypted, helperName, kindName } from '../helpers/index.ts';
import { formatAddress, Proto } from '../wire/index.ts';
import type {
  ConntrackDto,
  CountedTupleDto,
  ExpectDto,
  StatsDto,
  TupleDto,
} from './entry-types.ts';
import type { EncryptedEventDto } from './ftp-types.ts';
import { hasPortFields, stateName } from './state-names.ts';

/** The tables as plain objects, for screens, events and JSON. Cold path only. */

const tuple = new Tuple();

/** One connection, as it is now. `RowText` says the same as text. */
export function connectionDto(engine: Engine, row: number): ConntrackDto {
  const { conntrack } = engine.tracking;
  const { table } = conntrack;
  const nowSec = engine.clock.sec;
  table.readTuple(row, Direction.Original, tuple);
  const { family, protocol } = tuple;
  const startSec = table.get(row, Field.StartSec);
  const master = conntrack.masterOf(row);
  return {
    id: table.get(row, Field.Id) >>> 0,
    family: family === 6 ? 6 : 4,
    proto: protocol,
    accounting: table.hasStatus(row, Status.Accounting),
    timestamped: table.hasStatus(row, Status.Timestamped),
    labels: conntrack.labels.list(row),
    state: stateName(table, row),
    timeout: table.secondsLeft(row, engine.clock),
    orig: countedTuple(engine, row, Direction.Original),
    reply: countedTuple(engine, row, Direction.Reply),
    status: table.get(row, Field.Status) & Status.Visible,
    mark: table.get(row, Field.Mark) >>> 0,
    ...zonesOf(table, row),
    use: 1 + table.get(row, Field.Children),
    helper: helperName(table.helper(row)),
    startSec: engine.clock.baseEpochSec + startSec,
    deltaTime: nowSec - startSec,
    masterId: master < 0 ? null : table.get(master, Field.Id) >>> 0,
    ...(protocol === Proto.Sctp && {
      origVtag: shownSctpTag(table.get(row, SctpWord.TagOriginal)),
      replyVtag: shownSctpTag(table.get(row, SctpWord.TagReply)),
    }),
  };
}

/** As the kernel tells them: a zone of one direction alone is not the connection's. */
function zonesOf(
  table: ConntrackTable,
  row: number,
): Pick<ConntrackDto, 'zone' | 'origZone' | 'replyZone'> {
  const origZone = table.zone(row, Direction.Original);
  const replyZone = table.zone(row, Direction.Reply);
  if (origZone === replyZone) return { zone: origZone, origZone: 0, replyZone: 0 };
  return { zone: 0, origZone, replyZone };
}

function countedTuple(engine: Engine, row: number, direction: DirectionCode): CountedTupleDto {
  const { table } = engine.tracking.conntrack;
  return {
    ...tupleDto(engine, row, direction),
    packets: table.packets(row, direction),
    bytes: table.bytes(row, direction),
  };
}

/** One direction of a connection. */
export function tupleDto(engine: Engine, row: number, direction: DirectionCode): TupleDto {
  engine.tracking.conntrack.table.readTuple(row, direction, tuple);
  const { family, protocol, srcPort, dstPort } = tuple;
  const ends = {
    src: formatAddress(family, tuple.s0, tuple.s1, tuple.s2, tuple.s3),
    dst: formatAddress(family, tuple.d0, tuple.d1, tuple.d2, tuple.d3),
  };
  if (protocol === Proto.Icmp || protocol === Proto.Icmpv6) {
    return { ...ends, icmpType: dstPort >> 8, icmpCode: dstPort & 0xff, icmpId: srcPort };
  }
  return hasPortFields(protocol) ? { ...ends, sport: srcPort, dport: dstPort } : ends;
}

/** One expectation. Of the destination everything counts, and the mask says so. */
export function expectationDto(engine: Engine, expectation: Expectation): ExpectDto {
  const { family, src, srcMask, dst } = expectation;
  const left = (expectation.expiresAt - engine.clock.ms) | 0;
  return {
    id: expectation.id,
    family: family === 6 ? 6 : 4,
    timeout: left <= 0 ? 0 : (left / 1000) | 0,
    proto: expectation.protocol,
    src: formatAddress(family, ...src),
    dst: formatAddress(family, ...dst),
    sport: expectation.sport,
    dport: expectation.dport,
    maskSrc: formatAddress(family, ...srcMask),
    maskDst: formatAddress(family, -1, -1, -1, -1),
    maskSport: expectation.sportMask,
    maskDport: 65_535,
    master: tupleDto(engine, expectation.masterRow, Direction.Original),
    class: expectation.class,
    flags: expectation.flags,
    zone: expectation.zone,
    helper: helperName(expectation.helper),
    kind: expectationKind(expectation.kind),
    ...(isSpan(expectation) && { dportLast: expectation.dportLast }),
  };
}

/** What announced an expectation: `PORT`, `EPRT`, `227` or `229`. */
function expectationKind(kind: number): string {
  return kind === 0 ? '' : (kindName(kind as Parameters<typeof kindName>[0]) ?? '');
}

/** A control connection that has turned encrypted just now. */
export function encryptedEventDto(
  engine: Engine,
  { row, passiveRange }: FtpEncrypted,
): EncryptedEventDto {
  return {
    event: 'ENCRYPTED',
    time: engine.clock.epochSeconds(),
    helper: 'ftp',
    master: tupleDto(engine, row, Direction.Original),
    server: tupleDto(engine, row, Direction.Reply).src,
    passiveRange,
  };
}

/** The counters under the kernel's column names; the engine counts as one CPU. */
export function statsDto(engine: Engine): StatsDto {
  const { stats, expectations } = engine.tracking.conntrack;
  return {
    cpu: 0,
    found: stats.found,
    invalid: stats.invalid,
    insert: stats.insert,
    insert_failed: stats.insertFailed,
    drop: stats.drop,
    early_drop: stats.earlyDrop,
    error: stats.error,
    search_restart: 0,
    clash_resolve: stats.clashResolve,
    chaintoolong: 0,
    expect_new: expectations.fulfilled,
    expect_create: expectations.created,
    expect_delete: expectations.deleted,
  };
}
