import {
  type Conntrack,
  Direction,
  type DirectionCode,
  Field,
  SctpWord,
  Status,
  shownSctpTag,
  Tuple,
} from '../conntrack/index.ts';
import type { Engine } from '../engine/index.ts';
import { helperName } from '../helpers/index.ts';
import { formatAddress, Proto } from '../wire/index.ts';
import { hasPortFields, stateName } from './state-names.ts';

/**
 * Connections as the JSON text of a `ConntrackDto`, straight from the row: what a dump of a million
 * entries and a hundred thousand events a second are made of. Says exactly what `connectionDto` says.
 */
export class RowText {
  private readonly engine: Engine;
  private readonly conntrack: Conntrack;
  private readonly original = new Tuple();
  private readonly reply = new Tuple();
  // Ends of connections come again and again: the reply's are mostly the original's.
  private srcText = '';
  private dstText = '';

  constructor(engine: Engine) {
    this.engine = engine;
    this.conntrack = engine.tracking.conntrack;
  }

  of(row: number): string {
    const { conntrack, original, reply } = this;
    const { clock } = this.engine;
    const { table } = conntrack;
    table.readTuple(row, Direction.Original, original);
    table.readTuple(row, Direction.Reply, reply);
    const { family, protocol } = original;
    const startSec = table.get(row, Field.StartSec);
    const master = conntrack.masterOf(row);
    const labels = conntrack.labels.list(row);
    this.srcText = formatAddress(family, original.s0, original.s1, original.s2, original.s3);
    this.dstText = formatAddress(family, original.d0, original.d1, original.d2, original.d3);
    const orig = this.direction(row, Direction.Original, this.srcText, this.dstText, original);
    const answer = this.direction(
      row,
      Direction.Reply,
      this.replySource(family),
      this.replyDestination(family),
      reply,
    );
    return (
      `{"id":${table.get(row, Field.Id) >>> 0},"family":${family},"proto":${protocol},` +
      `"accounting":${table.hasStatus(row, Status.Accounting)},` +
      `"timestamped":${table.hasStatus(row, Status.Timestamped)},` +
      `"labels":${labels === null ? 'null' : `[${labels}]`},` +
      `"state":"${stateName(table, row)}","timeout":${table.secondsLeft(row, clock)},` +
      `"orig":${orig},"reply":${answer},` +
      `"status":${table.get(row, Field.Status) & Status.Visible},` +
      `"mark":${table.get(row, Field.Mark) >>> 0},${zonesText(original.zone, reply.zone)},` +
      `"use":${1 + table.get(row, Field.Children)},` +
      `"helper":${JSON.stringify(helperName(table.helper(row)))},` +
      `"startSec":${clock.baseEpochSec + startSec},"deltaTime":${clock.sec - startSec},` +
      `"masterId":${master < 0 ? 'null' : table.get(master, Field.Id) >>> 0}` +
      `${protocol === Proto.Sctp ? this.tagsText(row) : ''}}`
    );
  }

  private tagsText(row: number): string {
    const { table } = this.conntrack;
    const original = shownSctpTag(table.get(row, SctpWord.TagOriginal));
    return `,"origVtag":${original},"replyVtag":${shownSctpTag(table.get(row, SctpWord.TagReply))}`;
  }

  private replySource(family: number): string {
    const { original, reply } = this;
    return reply.s0 === original.d0 &&
      reply.s1 === original.d1 &&
      reply.s2 === original.d2 &&
      reply.s3 === original.d3
      ? this.dstText
      : formatAddress(family, reply.s0, reply.s1, reply.s2, reply.s3);
  }

  private replyDestination(family: number): string {
    const { original, reply } = this;
    return reply.d0 === original.s0 &&
      reply.d1 === original.s1 &&
      reply.d2 === original.s2 &&
      reply.d3 === original.s3
      ? this.srcText
      : formatAddress(family, reply.d0, reply.d1, reply.d2, reply.d3);
  }

  private direction(
    row: number,
    direction: DirectionCode,
    src: string,
    dst: string,
    tuple: Tuple,
  ): string {
    const { table } = this.conntrack;
    return (
      `{"src":"${src}","dst":"${dst}",${portsText(tuple)}` +
      `"packets":${table.packets(row, direction)},"bytes":${table.bytes(row, direction)}}`
    );
  }
}

function portsText({ protocol, srcPort, dstPort }: Tuple): string {
  if (hasPortFields(protocol)) return `"sport":${srcPort},"dport":${dstPort},`;
  if (protocol !== Proto.Icmp && protocol !== Proto.Icmpv6) return '';
  return `"icmpType":${dstPort >> 8},"icmpCode":${dstPort & 0xff},"icmpId":${srcPort},`;
}

function zonesText(original: number, reply: number): string {
  return original === reply
    ? `"zone":${original},"origZone":0,"replyZone":0`
    : `"zone":0,"origZone":${original},"replyZone":${reply}`;
}
