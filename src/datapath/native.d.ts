/** The parts of the two untyped addons that the datapath uses. */

declare module 'cap' {
  import type { EventEmitter } from 'node:events';

  export class Cap extends EventEmitter {
    /**
     * Opens a live capture. Keeps a raw pointer to `buffer` and no reference: the caller must hold
     * it until `close`. Returns the link type, 'ETHERNET' for Ethernet.
     */
    open(device: string, filter: string, ringBytes: number, buffer: Buffer): string;
    /** Sends the first `length` bytes of `frame`. Throws what the kernel says. */
    send(frame: Buffer, length: number): void;
    close(): boolean;
    on(event: 'packet', listener: (length: number, truncated: boolean) => void): this;
  }

  const cap: { readonly Cap: typeof Cap };
  export default cap;
}

declare module 'raw-socket' {
  /** The addon's own object behind a socket: `send` is one system call, made at once. */
  export interface SocketWrap {
    send(
      buffer: Buffer,
      offset: number,
      length: number,
      address: string,
      done: (bytes: number) => void,
    ): void;
    setOption(level: number, option: number, value: number): void;
  }

  export interface Socket {
    readonly wrap: SocketWrap;
    pauseRecv(): this;
    pauseSend(): this;
    close(): this;
    on(event: 'error' | 'close', listener: (error?: Error) => void): this;
    on(event: 'message', listener: (packet: Buffer, source: string) => void): this;
  }

  export interface RawSocketModule {
    createSocket(options: { protocol: number; addressFamily: number }): Socket;
    readonly AddressFamily: { readonly IPv4: number; readonly IPv6: number };
  }

  const raw: RawSocketModule;
  export default raw;
}
