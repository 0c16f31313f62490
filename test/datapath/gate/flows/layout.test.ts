/** bpf/layout.h and layout.ts say the same. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import * as layout from '../../../../src/datapath/gate/layout.ts';

const HEADER = 'src/datapath/gate/bpf/layout.h';

interface CStruct {
  /** In words of 32 bits. */
  readonly size: number;
  /** First word of each field; of fields that are structures also as `field.inner`, of the first. */
  readonly offsets: ReadonlyMap<string, number>;
}

/** The compiled test lies deeper than its source: the header is looked for from here upwards. */
function readHeader(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, HEADER))) {
    assert.notEqual(directory, dirname(directory), `${HEADER} is nowhere above the test`);
    directory = dirname(directory);
  }
  const text = readFileSync(join(directory, HEADER), 'utf8');
  return text.replace(/\/\*[\s\S]*?\*\//g, '');
}

const header = readHeader();
const defines = new Map(
  [...header.matchAll(/^#define (\w+) (\w+)$/gm)].map((match) => [
    match[1]!,
    Number(match[2]!.replace(/u$/, '')),
  ]),
);
const structs = new Map<string, CStruct>();
for (const match of header.matchAll(/struct (\w+) \{([^}]*)\};/g)) {
  structs.set(match[1]!, parseStruct(match[2]!));
}
const enums = new Map<string, Map<string, number>>();
for (const match of header.matchAll(/enum (\w+) \{([^}]*)\};/g)) {
  enums.set(match[1]!, parseEnum(match[2]!));
}

/** Example line: `struct ends ends[2];` */
function parseStruct(body: string): CStruct {
  const offsets = new Map<string, number>();
  let at = 0;
  for (const line of body.split(';').map((text) => text.trim())) {
    if (line === '') continue;
    const match = /^(?:__u32|struct (\w+)) (\w+)(?:\[(\w+)\])?$/.exec(line);
    assert.ok(match, `a field that this test cannot read: ${line}`);
    const [, type, name, length] = match;
    const inner = type === undefined ? null : structs.get(type)!;
    offsets.set(name!, at);
    for (const [field, offset] of inner?.offsets ?? [])
      offsets.set(`${name}.${field}`, at + offset);
    at += (inner?.size ?? 1) * (length === undefined ? 1 : (defines.get(length) ?? Number(length)));
  }
  return { size: at, offsets };
}

function parseEnum(body: string): Map<string, number> {
  const values = new Map<string, number>();
  let next = 0;
  for (const item of body.split(',').map((text) => text.trim())) {
    if (item === '') continue;
    const [name, value] = item.split('=').map((text) => text.trim());
    next = value === undefined ? next : Number(value);
    values.set(name!, next++);
  }
  return values;
}

function fields(struct: string): Record<string, number> {
  return Object.fromEntries(structs.get(struct)!.offsets);
}

test('sizes', () => {
  const words = (name: string) => structs.get(name)!.size;
  assert.equal(words('flow'), layout.FLOW_WORDS);
  assert.equal(words('annex'), layout.FLOW_WORDS);
  assert.equal(words('direction'), layout.DIRECTION_WORDS);
  assert.equal(words('side'), layout.SIDE_WORDS);
  assert.equal(words('bucket'), layout.BUCKET_SLOTS);
  assert.equal(words('hop'), layout.HOP_WORDS);
  assert.equal(words('config'), layout.CONFIG_WORDS);
  assert.equal(4 * words('punt'), layout.PUNT_HEADER_BYTES);
  const bytes = ['flow', 'annex', 'bucket', 'hop', 'config'].map((name) => 4 * words(name));
  assert.deepEqual(bytes, [4 * layout.FLOW_WORDS, 4 * layout.FLOW_WORDS, 64, 32, 128]);
});

test('fields', () => {
  const { FlowWord, DirectionWord, SideWord, AnnexWord, HopWord, ConfigWord, PuntWord } = layout;
  const flow = fields('flow');
  assert.deepEqual(
    [flow.meta, flow.last_seen_ms, flow.connection, flow.ends, flow.directions, flow.paths],
    [
      FlowWord.Meta,
      FlowWord.LastSeenMs,
      FlowWord.Connection,
      FlowWord.Original,
      FlowWord.Directions,
      FlowWord.Paths,
    ],
  );
  assert.equal(flow.sides, FlowWord.Sides);
  assert.equal(flow.stamps, FlowWord.Stamps);
  assert.equal(flow.last_end, FlowWord.LastEnd);
  assert.equal(flow.closing, FlowWord.Closing);
  assert.equal(flow.ends! + structs.get('ends')!.size, FlowWord.Reply);
  assert.deepEqual(fields('ends'), { source: 0, destination: 1, ports: 2 });
  assert.deepEqual(Object.values(fields('direction')), Object.values(DirectionWord));
  assert.deepEqual(Object.keys(fields('direction')), ['way', 'hop', 'packets', 'bytes']);
  assert.deepEqual(Object.values(fields('side')), Object.values(SideWord));
  assert.deepEqual(Object.keys(fields('side')), ['end', 'max_end', 'max_window', 'max_ack']);
  const annex = fields('annex');
  const reply = structs.get('annex_ends')!.size;
  assert.equal(annex['ends.source'], AnnexWord.OriginalSource);
  assert.equal(annex['ends.destination'], AnnexWord.OriginalDestination);
  assert.equal(annex['ends.source']! + reply, AnnexWord.ReplySource);
  assert.equal(annex['ends.destination']! + reply, AnnexWord.ReplyDestination);
  assert.deepEqual(Object.values(fields('hop')), Object.values(HopWord));
  assert.deepEqual(Object.keys(fields('hop')), ['ifindex', 'mtu', 'family', 'flags', 'address']);
  const config = fields('config');
  assert.deepEqual(
    Object.entries(config).filter(([name]) => !name.startsWith('unused')),
    [
      ['magic', ConfigWord.Magic],
      ['version', ConfigWord.Version],
      ['generation', ConfigWord.Generation],
      ['now_ms', ConfigWord.NowMs],
      ['seed', ConfigWord.Seed],
      ['bucket_mask', ConfigWord.BucketMask],
      ['ref_bits', ConfigWord.RefBits],
      ['punt_ifindex', ConfigWord.PuntIfindex],
      ['mark', ConfigWord.Mark],
      ['units', ConfigWord.Units],
      ['watched', ConfigWord.Watched],
    ],
  );
  const { Source, Destination, Ports, Kind } = layout.WatchKeyWord;
  assert.deepEqual(Object.values(fields('ends_of_packet')), [Source, Destination, Ports, Kind]);
  assert.equal(structs.get('ends_of_packet')!.size, layout.WATCH_KEY_WORDS);
  assert.deepEqual(fields('punt'), {
    length: PuntWord.Length,
    way: PuntWord.Way,
    uid: PuntWord.Uid,
    mark: PuntWord.Mark,
  });
});

test('constants', () => {
  assert.equal(defines.get('LAYOUT_VERSION'), layout.LAYOUT_VERSION);
  assert.equal(defines.get('CONFIG_MAGIC'), layout.CONFIG_MAGIC);
  assert.equal(Buffer.from([0x50, 0x48, 0x47, 0x31]).readUInt32LE(), layout.CONFIG_MAGIC);
  assert.equal(defines.get('ACTION_MASK'), layout.ACTION_MASK);
  assert.equal(defines.get('WAY_CLOSES'), layout.WAY_CLOSES);
  assert.equal(layout.WAY_CLOSES & (layout.ACTION_MASK | ~0xff), 0, 'neither action nor interface');
  assert.equal(defines.get('BYTES_TO_COLLECT'), layout.BYTES_TO_COLLECT);
  assert.equal(defines.get('BUCKET_SLOTS'), layout.BUCKET_SLOTS);
  assert.equal(defines.get('HOPS'), layout.HOPS);
  const values = (name: string) => Object.fromEntries(enums.get(name)!);
  const { FlowAction, FlowFlag, HopFlag, PuntFlag, ReentryOp, ProgramSlot } = layout;
  assert.deepEqual(values('flow_action'), {
    ACTION_NONE: FlowAction.None,
    ACTION_FORWARD: FlowAction.Forward,
    ACTION_LOCAL: FlowAction.Local,
    ACTION_OUT: FlowAction.Out,
    ACTION_PUNT: FlowAction.Punt,
    ACTION_ACKS: FlowAction.Acks,
  });
  assert.deepEqual(values('flow_flag'), {
    FLOW_CHECK_WINDOW: FlowFlag.CheckWindow,
    FLOW_ORIGINAL_NO_SACK: FlowFlag.OriginalNoSack,
    FLOW_REPLY_NO_SACK: FlowFlag.ReplyNoSack,
    FLOW_REPLY_SPOKE_LAST: FlowFlag.ReplySpokeLast,
    FLOW_ENGINE_SPOKE_LAST: FlowFlag.EngineSpokeLast,
    FLOW_FIN_LAST: FlowFlag.FinLast,
  });
  assert.deepEqual(values('hop_flag'), { HOP_MANAGED: HopFlag.Managed });
  assert.deepEqual(values('punt_flag'), {
    PUNT_OUTPUT: PuntFlag.Output,
    PUNT_SEGMENT: PuntFlag.Segment,
  });
  assert.deepEqual(values('reentry_op'), {
    REENTRY_FORWARD: ReentryOp.Forward,
    REENTRY_UP: ReentryOp.Up,
    REENTRY_SEGMENT: ReentryOp.Segment,
  });
  assert.deepEqual(values('program_slot'), {
    PROGRAM_INGRESS: ProgramSlot.Ingress,
    PROGRAM_EGRESS: ProgramSlot.Egress,
    PROGRAM_LOOPBACK: ProgramSlot.Loopback,
    PROGRAM_SLOTS: Object.keys(ProgramSlot).length,
  });
});

test('fields of how far a connection is closed', () => {
  const { Closing } = layout;
  const { Fins, FinsMask, Waits, WaitsMask, Over, OverMask } = Closing;
  const define = (name: string) => defines.get(`CLOSING_${name}`);
  assert.deepEqual([define('FINS'), define('FINS_MASK')], [Fins, FinsMask]);
  assert.deepEqual([define('WAITS'), define('WAITS_MASK')], [Waits, WaitsMask]);
  assert.deepEqual([define('OVER'), define('OVER_MASK')], [Over, OverMask]);
  assert.deepEqual(
    [define('BY_ORIGINAL'), define('BY_REPLY')],
    [Closing.ByOriginal, Closing.ByReply],
  );
  const masks = [FinsMask, WaitsMask, OverMask, Closing.ByOriginalMask, Closing.ByReplyMask];
  assert.equal(
    masks.reduce((sum, mask) => sum + mask, 0),
    0xffff_ffff,
    'none overlaps another one',
  );
  // What is added is the lowest bit of its field.
  const units = [Fins, Waits, Over, Closing.ByOriginal, Closing.ByReply];
  assert.deepEqual(
    masks.map((mask) => (mask & -mask) >>> 0),
    units,
  );
});

test('counters stand in the same order', () => {
  const names = [...enums.get('counter')!.keys()].slice(0, -1);
  const camel = names.map((name) =>
    name
      .replace('COUNT_', '')
      .toLowerCase()
      .replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
  );
  assert.deepEqual(camel, [...layout.gateCounterNames]);
  assert.equal(enums.get('counter')!.get('COUNTERS'), names.length);
});
