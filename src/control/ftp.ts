import {
  type ConntrackTable,
  Direction,
  type Expectation,
  Field,
  isExpectationOver,
  Tuple,
} from '../conntrack/index.ts';
import type { Engine } from '../engine/index.ts';
import { HelperId } from '../helpers/index.ts';
import { formatAddress } from '../wire/index.ts';
import { connectionDto, expectationDto } from './dto.ts';
import { isLiving, walk } from './entries.ts';
import { RequestError } from './entry-args.ts';
import type {
  EndDto,
  FtpDataDto,
  FtpDialogueDto,
  FtpHoleDto,
  FtpSessionDto,
  FtpSessionsArgs,
} from './ftp-types.ts';
import type { GatewayHost } from './gateway.ts';
import { addressOf } from './row-filter.ts';
import type { Reply } from './serve-lines.ts';

type Args = Record<string, unknown>;

/** A row and the entry that was in it: rows are given to others when their entry has ended. */
interface RowRef {
  readonly row: number;
  readonly id: number;
}

const tuple = new Tuple();

/** `ftp.sessions`: control connections with their data connections and what is expected of them. */
export async function listFtpSessions(
  host: GatewayHost,
  args: Args,
  reply: Reply,
  signal: AbortSignal,
): Promise<void> {
  const { engine } = host;
  const { table } = engine.tracking.conntrack;
  const isWanted = filterOf(args);
  const { sessions, children } = await gather(host, signal);
  for (const ref of sessions) {
    if (signal.aborted) return;
    if (!isStill(table, ref)) continue;
    const data = (children.get(ref.row) ?? []).filter((child) => isStill(table, child));
    const dto = sessionDto(
      engine,
      ref.row,
      data.map(({ row }) => row),
    );
    if (isWanted(dto)) await reply.item(dto);
  }
  reply.done();
}

/** `ftp.counters`: items are the refusals of each server. */
export async function answerFtpCounters(host: GatewayHost, reply: Reply): Promise<void> {
  const { ftp } = host.engine.tracking;
  for (const server of ftp.refusals.byServer()) await reply.item(server);
  const sessions = await countSessions(host);
  const { announced, refused, rejected, rewritten } = ftp.counters;
  reply.done({
    mode: ftp.mode,
    sessions,
    announced,
    refused,
    rejected,
    rewritten,
    reasons: ftp.refusals.byReason(),
  });
}

function isSession(table: ConntrackTable, row: number): boolean {
  return table.helper(row) === HelperId.Ftp;
}

async function countSessions(host: GatewayHost): Promise<number> {
  const { table } = host.engine.tracking.conntrack;
  let count = 0;
  const isMeant = (row: number) => isSession(table, row) && isLiving(host, row);
  await walk(host, isMeant, () => {
    count++;
  });
  return count;
}

/** One walk for masters and children alike: a walk for each session would take too long. */
async function gather(host: GatewayHost, signal: AbortSignal) {
  const { conntrack } = host.engine.tracking;
  const { table } = conntrack;
  const sessions: RowRef[] = [];
  const children = new Map<number, RowRef[]>();
  const isMeant = (row: number) =>
    (isSession(table, row) || table.masterHelper(row) === HelperId.Ftp) && isLiving(host, row);
  const visit = (row: number) => {
    const ref = { row, id: table.get(row, Field.Id) };
    if (isSession(table, row)) sessions.push(ref);
    const master = conntrack.masterOf(row);
    if (master < 0) return;
    const siblings = children.get(master);
    if (siblings === undefined) children.set(master, [ref]);
    else siblings.push(ref);
  };
  await walk(host, isMeant, visit, signal);
  return { sessions, children };
}

function isStill(table: ConntrackTable, { row, id }: RowRef): boolean {
  return table.inUse(row) && table.get(row, Field.Id) === id;
}

function sessionDto(engine: Engine, row: number, dataRows: readonly number[]): FtpSessionDto {
  const { conntrack } = engine.tracking;
  const { id, family, state, timeout } = connectionDto(engine, row);
  const holes = conntrack.expectations
    .ofMaster(row)
    .filter((expectation) => !isExpectationOver(expectation, engine.clock.ms));
  return {
    id,
    family,
    state,
    timeout,
    ...endsOf(conntrack.table, row),
    dialogue: dialogueDto(engine, row),
    holes: holes.map((expectation) => holeDto(engine, expectation)),
    data: dataRows.map((data) => dataDto(engine, data)),
  };
}

function endsOf(
  table: ConntrackTable,
  row: number,
): Pick<FtpSessionDto, 'client' | 'server' | 'realServer' | 'seenClient'> {
  table.readTuple(row, Direction.Original, tuple);
  const client = sourceOf(tuple);
  const server = destinationOf(tuple);
  table.readTuple(row, Direction.Reply, tuple);
  return { client, server, realServer: sourceOf(tuple), seenClient: destinationOf(tuple) };
}

function sourceOf({ family, s0, s1, s2, s3, srcPort: port }: Tuple): EndDto {
  return { address: formatAddress(family, s0, s1, s2, s3), port };
}

function destinationOf({ family, d0, d1, d2, d3, dstPort: port }: Tuple): EndDto {
  return { address: formatAddress(family, d0, d1, d2, d3), port };
}

/** Field by field: what the helper may one day know more is not thereby told. */
function dialogueDto(engine: Engine, row: number): FtpDialogueDto | null {
  const view = engine.tracking.ftp.sessionOf(row);
  if (view === null) return null;
  const { user, isLoggedIn, isEncrypted, mode, command, file, transfers, bytes, lastReply } = view;
  return {
    user,
    loggedIn: isLoggedIn,
    encrypted: isEncrypted,
    mode,
    command,
    file,
    transfers,
    bytes,
    lastReply,
  };
}

function holeDto(engine: Engine, expectation: Expectation): FtpHoleDto {
  const {
    id,
    kind,
    src,
    dst,
    dport,
    dportLast = dport,
    timeout,
  } = expectationDto(engine, expectation);
  const { family, savedAddress, savedPort } = expectation;
  return {
    id,
    kind,
    src,
    dst: { address: dst, port: dport },
    lastPort: dportLast,
    leadsTo: { address: formatAddress(family, ...savedAddress), port: savedPort },
    timeout,
  };
}

function dataDto(engine: Engine, row: number): FtpDataDto {
  const { id, state, timeout, orig, reply, accounting } = connectionDto(engine, row);
  return { id, state, timeout, orig, reply, bytes: accounting ? orig.bytes + reply.bytes : null };
}

/** Throws RequestError for what is no address. */
function filterOf(args: Args): (session: FtpSessionDto) => boolean {
  const { user } = args as FtpSessionsArgs;
  const client = canonicalAddress(args, 'client');
  const server = canonicalAddress(args, 'server');
  const holds = (wanted: string | undefined, ...ends: readonly EndDto[]) =>
    wanted === undefined || ends.some(({ address }) => address === wanted);
  return (session) =>
    holds(client, session.client, session.seenClient) &&
    holds(server, session.server, session.realServer) &&
    (user === undefined || session.dialogue?.user === user);
}

function canonicalAddress(args: Args, name: 'client' | 'server'): string | undefined {
  const text = args[name];
  if (text === undefined) return undefined;
  const found = typeof text === 'string' ? addressOf(text) : null;
  if (found === null) throw new RequestError('INVALID', `${name}: "${String(text)}" is no address`);
  return formatAddress(found.family, ...found.words);
}
