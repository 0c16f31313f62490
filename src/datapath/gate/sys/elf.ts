import { DatapathUnavailable } from '../../host/index.ts';

/**
 * Reads the gate's object file: ELF64, little endian, machine BPF, as `clang -target bpf -c` writes
 * it (System V ABI, chapters 4 and 5; relocations: LLVM's ELFRelocs/BPF.def). Nothing but program
 * sections and their references to maps is understood; everything else is refused, so that nothing
 * is loaded half right.
 */

export interface MapReference {
  /** Byte of the section where the two-slot load of the map's address begins. */
  readonly offset: number;
  /** Symbol of section ".maps". */
  readonly map: string;
}

export interface ObjectProgram {
  /** Name of the section. */
  readonly name: string;
  /** Eight bytes each. */
  readonly instructions: Uint8Array;
  readonly maps: readonly MapReference[];
}

interface Section {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly info: number;
}

interface ElfSymbol {
  readonly name: string;
  readonly type: number;
  readonly section: number;
}

const HEADER_BYTES = 64;
const SECTION_BYTES = 64;
const SYMBOL_BYTES = 24;
const RELOCATION_BYTES = 16;
const ET_REL = 1;
const EM_BPF = 247;
const SectionType = { Bits: 1, Symbols: 2, Rela: 4, Nothing: 8, Rel: 9 } as const;
const SHF_EXECINSTR = 4;
const STT_FUNC = 2;
const R_BPF_64_64 = 1;
const R_BPF_64_32 = 10;
/** BPF_LD | BPF_IMM | BPF_DW, and BPF_JMP | BPF_CALL with its kind of call in the upper half byte. */
const OPCODE_LOAD_64 = 0x18;
const OPCODE_CALL = 0x85;
const PSEUDO_CALL = 1;

/** The programs of an object file, by section. Throws `DatapathUnavailable` ('bad-object'). */
export function readObject(file: Uint8Array): ObjectProgram[] {
  const reader = new ObjectReader(file);
  return reader.programs();
}

/** The number in the object's section `layout`; 0 where it has none. Throws as `readObject`. */
export function layoutOf(file: Uint8Array): number {
  return new ObjectReader(file).layout();
}

function refuse(why: string): never {
  const mend = 'build it again with scripts/build-gate.sh';
  throw new DatapathUnavailable('bad-object', `the gate's object file: ${why}`, mend);
}

class ObjectReader {
  private readonly file: Uint8Array;
  private readonly view: DataView;
  private readonly sections: readonly Section[];
  private readonly symbols: readonly ElfSymbol[];

  constructor(file: Uint8Array) {
    this.file = file;
    this.view = new DataView(file.buffer, file.byteOffset, file.byteLength);
    this.checkHeader();
    this.sections = this.readSections();
    this.symbols = this.readSymbols();
  }

  programs(): ObjectProgram[] {
    const programs: ObjectProgram[] = [];
    this.sections.forEach((section, index) => {
      const isCode = section.type === SectionType.Bits && (section.flags & SHF_EXECINSTR) !== 0;
      if (isCode && section.size > 0) programs.push(this.program(section, index));
    });
    if (programs.length === 0) refuse('no program in it');
    return programs;
  }

  layout(): number {
    const section = this.sections.find(({ name, size }) => name === 'layout' && size === 4);
    return section === undefined ? 0 : this.view.getUint32(section.offset, true);
  }

  private program(section: Section, index: number): ObjectProgram {
    const { name } = section;
    if (name === '.text') refuse('a function outside a program section: it must be always_inline');
    if (section.size % 8 !== 0) refuse(`section ${name}: not whole instructions`);
    const functions = this.symbols.filter((s) => s.section === index && s.type === STT_FUNC);
    if (functions.length > 1) refuse(`section ${name}: more than one function`);
    // A copy: a Buffer's own slice would share its memory.
    const instructions = new Uint8Array(this.bytesOf(section));
    refuseCalls(name, instructions);
    return { name, instructions, maps: this.mapReferences(section, index) };
  }

  private mapReferences(section: Section, index: number): MapReference[] {
    const references: MapReference[] = [];
    for (const table of this.sections) {
      if (table.info !== index) continue;
      if (table.type === SectionType.Rela) refuse(`section ${section.name}: unknown relocations`);
      if (table.type !== SectionType.Rel) continue;
      this.check(table, RELOCATION_BYTES);
      for (let at = 0; at < table.size; at += RELOCATION_BYTES) {
        references.push(this.mapReference(section, table.offset + at));
      }
    }
    return references;
  }

  private mapReference(section: Section, at: number): MapReference {
    const offset = this.long(at);
    const kind = this.view.getUint32(at + 8, true);
    const symbol = this.symbols[this.view.getUint32(at + 12, true)];
    if (symbol === undefined) return refuse(`section ${section.name}: no such symbol`);
    const where = `section ${section.name}+${offset}`;
    if (kind === R_BPF_64_32) refuse(`${where}: calls ${symbol.name}: it must be always_inline`);
    if (kind !== R_BPF_64_64) refuse(`${where}: relocation kind ${kind} is unknown`);
    if (offset % 8 !== 0 || offset + 16 > section.size) refuse(`${where}: relocation outside`);
    if (this.file[section.offset + offset] !== OPCODE_LOAD_64) refuse(`${where}: not a load`);
    const target = this.sections[symbol.section]?.name ?? 'nowhere';
    if (target !== '.maps' || symbol.name === '') {
      refuse(`${where}: refers to ${symbol.name} in ${target}: only maps may be referred to`);
    }
    return { offset, map: symbol.name };
  }

  private checkHeader(): void {
    if (this.file.length < HEADER_BYTES) refuse('too short for an ELF file');
    const { view } = this;
    if (view.getUint32(0, false) !== 0x7f454c46) refuse('not an ELF file');
    // EI_CLASS 2: 64 bits; EI_DATA 1: little endian.
    if (this.file[4] !== 2 || this.file[5] !== 1) refuse('not 64 bits, little endian');
    const machine = view.getUint16(18, true);
    if (machine !== EM_BPF) refuse(`for machine ${machine}, not for BPF (${EM_BPF})`);
    if (view.getUint16(16, true) !== ET_REL) refuse('not a relocatable object');
    if (view.getUint16(58, true) !== SECTION_BYTES) refuse('section headers of an unknown size');
  }

  private readSections(): Section[] {
    const { view } = this;
    const start = this.long(40);
    const count = view.getUint16(60, true);
    if (start + count * SECTION_BYTES > this.file.length) refuse('truncated: section headers');
    const raw = Array.from({ length: count }, (_, i) => this.sectionHeader(start, i));
    const names = raw[view.getUint16(62, true)];
    if (names === undefined) return refuse('no section names');
    return raw.map((section) => ({ ...section, name: this.text(names, section.nameAt) }));
  }

  private sectionHeader(start: number, index: number): Section & { readonly nameAt: number } {
    const { view } = this;
    const at = start + index * SECTION_BYTES;
    const section = {
      name: '',
      nameAt: view.getUint32(at, true),
      type: view.getUint32(at + 4, true),
      flags: this.long(at + 8),
      offset: this.long(at + 24),
      size: this.long(at + 32),
      link: view.getUint32(at + 40, true),
      info: view.getUint32(at + 44, true),
    };
    const stored = section.type === SectionType.Nothing || section.type === 0 ? 0 : section.size;
    if (section.offset + stored > this.file.length) refuse(`truncated: section ${index}`);
    return section;
  }

  private readSymbols(): ElfSymbol[] {
    const table = this.sections.find(({ type }) => type === SectionType.Symbols);
    if (table === undefined) return [];
    this.check(table, SYMBOL_BYTES);
    const names = this.sections[table.link];
    if (names === undefined) return refuse('no symbol names');
    return Array.from({ length: table.size / SYMBOL_BYTES }, (_, i) => {
      const at = table.offset + i * SYMBOL_BYTES;
      return {
        name: this.text(names, this.view.getUint32(at, true)),
        type: this.view.getUint8(at + 4) & 0x0f,
        section: this.view.getUint16(at + 6, true),
      };
    });
  }

  private check(table: Section, entryBytes: number): void {
    if (table.size % entryBytes !== 0) refuse(`section ${table.name}: not whole entries`);
  }

  private bytesOf({ offset, size }: Section): Uint8Array {
    return this.file.subarray(offset, offset + size);
  }

  /** A string of a string table, which ends with a zero. */
  private text(table: Section, at: number): string {
    const bytes = this.bytesOf(table);
    const end = bytes.indexOf(0, at);
    if (at >= bytes.length || end < 0) return refuse('a name outside the string table');
    return Buffer.from(bytes.subarray(at, end)).toString('latin1');
  }

  /** 64 bits; what does not fit a file is past its end in any case. */
  private long(at: number): number {
    return this.view.getUint32(at, true) + this.view.getUint32(at + 4, true) * 2 ** 32;
  }
}

/** Calls within a section leave no relocation: they are found by their opcode. */
function refuseCalls(name: string, instructions: Uint8Array): void {
  for (let at = 0; at < instructions.length; at += 8) {
    const isCall = instructions[at] === OPCODE_CALL;
    if (isCall && instructions[at + 1]! >> 4 === PSEUDO_CALL) {
      refuse(`section ${name}+${at}: calls a function: it must be always_inline`);
    }
    // The second slot of a 64-bit load is no instruction.
    if (instructions[at] === OPCODE_LOAD_64) at += 8;
  }
}
