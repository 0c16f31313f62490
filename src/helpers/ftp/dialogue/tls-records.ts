/** TLS on a control connection (RFC 4217), as far as it can be seen from outside. */

/** change_cipher_spec to heartbeat (RFC 8446 section 5.1, RFC 6520). */
const FIRST_TYPE = 20;
const LAST_TYPE = 24;
const MAJOR_VERSION = 3;
const HEADER_BYTES = 5;
/** RFC 5246 section 6.2.3: no ciphertext is longer. */
const MAX_RECORD_BYTES = 16_384 + 2048;
const HANDSHAKE = 22;

/** Whether these first bytes of a client begin a TLS handshake: FTPS on a port of its own. */
export function looksLikeTls(bytes: Uint8Array, start: number, end: number): boolean {
  return end - start >= 2 && bytes[start] === HANDSHAKE && bytes[start + 1] === MAJOR_VERSION;
}

/**
 * Follows the records of one direction, and notices where they end: CCC (RFC 4217 section 6) takes
 * the connection back to plain text behind a whole record. Hot: integers only.
 */
export class TlsRecords {
  /** False once the stream is no TLS that can be followed: it is then never called plain again. */
  isFollowed = true;
  private headerBytes = 0;
  private recordLen = 0;
  /** Bytes of the record that are still to come, once its header is known. */
  private bodyBytes = 0;
  private hasRecord = false;

  /** Takes the next bytes of the stream, in order. Where plain text begins in them, or -1. */
  feed(bytes: Uint8Array, start: number, end: number): number {
    let pos = start;
    while (pos < end && this.isFollowed) {
      if (this.bodyBytes > 0) {
        const taken = Math.min(this.bodyBytes, end - pos);
        this.bodyBytes -= taken;
        pos += taken;
        if (this.bodyBytes === 0) this.hasRecord = true;
        continue;
      }
      const byte = bytes[pos]!;
      const isBoundary = this.headerBytes === 0;
      if (isBoundary && this.hasRecord && !isRecordType(byte)) return pos;
      this.headerByte(byte);
      pos++;
    }
    return -1;
  }

  private headerByte(byte: number): void {
    const at = this.headerBytes++;
    if (at === 0) this.isFollowed = isRecordType(byte);
    else if (at === 1) this.isFollowed = byte === MAJOR_VERSION;
    else if (at === 3) this.recordLen = byte << 8;
    else if (at === HEADER_BYTES - 1) this.startBody(this.recordLen | byte);
  }

  private startBody(recordLen: number): void {
    this.headerBytes = 0;
    this.bodyBytes = recordLen;
    if (recordLen === 0) this.hasRecord = true;
    if (recordLen > MAX_RECORD_BYTES) this.isFollowed = false;
  }
}

function isRecordType(byte: number): boolean {
  return byte >= FIRST_TYPE && byte <= LAST_TYPE;
}
