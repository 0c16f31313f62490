/**
 * capture: the live datapath over `cap` (libpcap) and `raw-socket`. Taps the managed interfaces,
 * keeps the kernel from forwarding or answering behind the tap, lets the engine decide, and sends
 * what it lets through. Starting and following links is cold; `PacketPath.take` is hot, allocates
 * nothing per packet, and lets no exception out.
 *
 * Invariants: whatever is changed on the host is on disk before, and undone on every way out, by the
 * next start at the latest; until the tap is open, and after a crash, nothing passes. No packet from
 * outside bears this host's own address, and none reaches its loopback.
 *
 * Limits. Figures are single runs of two seconds on two cores that other work shared (load 4), veth
 * pairs, 60 byte datagrams, an engine that forwards everything: an order of magnitude, no more.
 * - 60,000 packets/s were forwarded without loss; offered 100,000 to 250,000, between 30,000 and
 *   100,000. TCP: 830 to 840 Mbit/s. What is lost is lost in the ring. By libpcap's arithmetic (not
 *   measured) 32 MiB hold about 500 frames where a slot must take a super-frame, and about twenty
 *   thousand where it is as long as the MTU.
 * - `cap` drains its ring before the event loop turns. Packets are therefore shed once a turn has
 *   lasted 100 ms. Over all runs the longest gap of a 20 ms timer was 163 ms with the default ring,
 *   173 ms with 128 MiB. Gaps were shorter with 8 MiB (65 ms against 107 at 100,000 packets/s), but
 *   fewer packets came through; that was one run each. `setMinBytes` exists on Windows only.
 * - Packets of this host itself are seen, not held: OUTPUT rules cannot be enforced, its answers
 *   cannot be translated.
 * - Taking a managed interface down ends the process where `cap` was built with assertions; with
 *   `CXXFLAGS=-DNDEBUG npm rebuild cap` the tap is closed and opened again.
 * - UDP super-frames (UDP_SEGMENT over a virtual link) cannot be cut: nobody knows where their
 *   datagrams ended. They are dropped and counted.
 * - A DHCP client that listens on an ETH_P_IP packet socket does not hear unicast answers.
 * - The first frame after a handle was opened is lost (see `tapFilter`).
 */
export { CaptureDatapath, type CaptureOptions, prepareCapture } from './capture-datapath.ts';
export type { CaptureEngine } from './packet-path.ts';
export type { CaptureStats } from './stats.ts';
