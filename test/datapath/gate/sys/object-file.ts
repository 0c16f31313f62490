/** Makes object files as clang does, section by section, for the tests of the loader. */

export interface FakeProgram {
  readonly name: string;
  readonly instructions: readonly number[];
  /** Byte offset, name of the symbol, kind of the relocation (1: R_BPF_64_64). */
  readonly relocations?: readonly (readonly [offset: number, symbol: string, kind?: number])[];
}

export interface FakeObject {
  readonly programs: readonly FakeProgram[];
  /** Symbols of section .maps. */
  readonly maps: readonly string[];
  /** Symbols of section .rodata. */
  readonly constants?: readonly string[];
}

interface FakeSection {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly data: Buffer;
  readonly link: number;
  readonly info: number;
}

const STRINGS = 1;
const MAPS = 2;
const CONSTANTS = 3;
const SYMBOLS = 4;
const FIRST_PROGRAM = 5;

export function objectFile({ programs, maps, constants = [] }: FakeObject): Buffer {
  const strings = new Strings();
  const symbols = [
    ...maps.map((name) => ({ name, section: MAPS })),
    ...constants.map((name) => ({ name, section: CONSTANTS })),
  ];
  const symbolTable = Buffer.alloc((symbols.length + 1) * 24);
  symbols.forEach(({ name, section }, i) => {
    symbolTable.writeUInt32LE(strings.add(name), (i + 1) * 24);
    symbolTable.writeUInt8(0x11, (i + 1) * 24 + 4);
    symbolTable.writeUInt16LE(section, (i + 1) * 24 + 6);
  });
  const section = (name: string, type: number, data: Buffer, flags = 0, info = 0): FakeSection => {
    strings.add(name);
    return { name, type, flags, data, link: type === 2 ? STRINGS : SYMBOLS, info };
  };
  const code = programs.map(({ name, instructions }) =>
    section(name, 1, Buffer.from(instructions), 6),
  );
  const tables = programs.map(({ name, relocations = [] }, i) => {
    const data = Buffer.alloc(relocations.length * 16);
    relocations.forEach(([offset, symbol, kind = 1], row) => {
      data.writeUInt32LE(offset, row * 16);
      data.writeUInt32LE(kind, row * 16 + 8);
      data.writeUInt32LE(symbols.findIndex((s) => s.name === symbol) + 1, row * 16 + 12);
    });
    return section(`.rel${name}`, 9, data, 0, FIRST_PROGRAM + i);
  });
  const before = [
    section('', 0, Buffer.alloc(0)),
    section('.strtab', 3, Buffer.alloc(0)),
    section('.maps', 1, Buffer.alloc(4 * maps.length), 3),
    section('.rodata', 1, Buffer.alloc(4 * constants.length), 2),
    section('.symtab', 2, symbolTable),
  ];
  return layOut([...before, ...code, ...tables], strings);
}

function layOut(sections: readonly FakeSection[], strings: Strings): Buffer {
  const header = Buffer.alloc(64);
  header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  header.writeUInt16LE(1, 16);
  header.writeUInt16LE(247, 18);
  header.writeUInt16LE(64, 58);
  header.writeUInt16LE(sections.length, 60);
  header.writeUInt16LE(STRINGS, 62);
  const headers = Buffer.alloc(sections.length * 64);
  const data: Buffer[] = [];
  let at = header.length + headers.length;
  header.writeUInt32LE(header.length, 40);
  sections.forEach(({ name, type, flags, data: own, link, info }, i) => {
    const bytes = i === STRINGS ? strings.bytes() : own;
    headers.writeUInt32LE(strings.add(name), i * 64);
    headers.writeUInt32LE(type, i * 64 + 4);
    headers.writeUInt32LE(flags, i * 64 + 8);
    headers.writeUInt32LE(at, i * 64 + 24);
    headers.writeUInt32LE(bytes.length, i * 64 + 32);
    headers.writeUInt32LE(link, i * 64 + 40);
    headers.writeUInt32LE(info, i * 64 + 44);
    data.push(bytes);
    at += bytes.length;
  });
  return Buffer.concat([header, headers, ...data]);
}

class Strings {
  private text = '\0';

  add(name: string): number {
    if (name === '') return 0;
    const known = this.text.indexOf(`\0${name}\0`);
    if (known >= 0) return known + 1;
    this.text += `${name}\0`;
    return this.text.length - name.length - 1;
  }

  bytes(): Buffer {
    return Buffer.from(this.text, 'latin1');
  }
}

/** A load of a map's address into a register: two slots. */
const loadMap = (register: number): number[] => [0x18, register, ...Array<number>(14).fill(0)];
const set = (register: number, value: number): number[] => [0xb7, register, 0, 0, value, 0, 0, 0];
const call = (helper: number): number[] => [0x85, 0, 0, 0, helper, 0, 0, 0];
const EXIT = [0x95, 0, 0, 0, 0, 0, 0, 0];

/** `return value` */
export const returns = (value: number): number[] => [...set(0, value), ...EXIT];

/** Calls a slot of the map of programs; returns 0 where there is none. */
const entry = (name: string, slot: number): FakeProgram => ({
  name,
  instructions: [...loadMap(2), ...set(3, slot), ...call(12), ...returns(0)],
  relocations: [[0, 'programs']],
});

/** Counts in the first counter, writes the words 0x1234 and 0 to the ring, and drops. */
const ingress: FakeProgram = {
  name: 'ingress',
  instructions: [
    ...[0x7a, 0x0a, 0xf8, 0xff, 0x34, 0x12, 0, 0], // *(u64 *)(r10 - 8) = 0x1234
    ...[0x62, 0x0a, 0xf4, 0xff, 0, 0, 0, 0], // *(u32 *)(r10 - 12) = 0
    ...loadMap(1),
    ...[0xbf, 0xa2, 0, 0, 0, 0, 0, 0], // r2 = r10
    ...[0x07, 0x02, 0, 0, 0xf4, 0xff, 0xff, 0xff], // r2 -= 12
    ...call(1),
    ...[0x15, 0, 2, 0, 0, 0, 0, 0], // if r0 == 0 skip 2
    ...set(1, 1),
    ...[0xdb, 0x10, 0, 0, 0, 0, 0, 0], // *(u64 *)r0 += r1
    ...loadMap(1),
    ...[0xbf, 0xa2, 0, 0, 0, 0, 0, 0],
    ...[0x07, 0x02, 0, 0, 0xf8, 0xff, 0xff, 0xff],
    ...set(3, 8),
    ...set(4, 0),
    ...call(130),
    ...returns(2),
  ],
  relocations: [
    [16, 'counters'],
    [80, 'known_ring'],
  ],
};

/** An object with all sections of the gate, of programs that do little. */
export const smallGate: FakeObject = {
  programs: [
    entry('entry_ingress', 0),
    entry('entry_egress', 1),
    entry('entry_loopback', 2),
    ingress,
    { name: 'egress', instructions: returns(0) },
    { name: 'reentry', instructions: returns(0) },
    { name: 'segments', instructions: returns(0) },
    { name: 'loopback', instructions: returns(0) },
  ],
  maps: ['programs', 'counters', 'known_ring'],
};
