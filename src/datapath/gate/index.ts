/**
 * gate: the live datapath over eBPF (docs/gate.md). `bpf/` is the program, `sys/` talks to the kernel,
 * `flows/` is the memory shared with the program, `punt/` the slow path to the engine. Here they are
 * put together. Starting and following links is cold; the slow path is hot.
 *
 * Invariants: whatever is changed on the host is on disk before, and undone on every way out or by the
 * next start; until the engine runs, and after a crash, nothing new passes, unless the administrator
 * has chosen otherwise; nothing stays pinned.
 */
export { GateDatapath } from './gate-datapath.ts';
export { gateRefusal } from './kernel-part.ts';
export { type GateOptions, prepareGate } from './prepare.ts';
