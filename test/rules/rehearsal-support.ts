/** What the tests of rehearsals share. */
import { Status } from '../../src/conntrack/index.ts';
import type { RuleTrail } from '../../src/rules/index.ts';
import type { Packet } from '../../src/wire/index.ts';
import { FakeConnection, type TestContext } from './support.ts';

export function openConnection(): FakeConnection {
  const connection = new FakeConnection();
  connection.exists = true;
  connection.status = Status.Assured | Status.SeenReply | Status.Confirmed;
  return connection;
}

export const bytesOf = (packet: Packet) =>
  Buffer.from(packet.bytes.slice(packet.frameOffset, packet.l3End)).toString('hex');

/** All of a context that a walk could change and somebody could see. */
export const seenOf = ({ packet, connection }: TestContext) =>
  `${bytesOf(packet)} ${connection.mark} ${[...connection.labels]}`;

export const rowsOf = ({ rows, count }: RuleTrail) => [...rows.slice(0, count)];
