/**
 * Maps by address: two addresses that are equal in words are one, whichever objects they are.
 *
 * @module
 */

function key({ hostname, port }: Deno.NetAddr): string {
  return `${hostname} ${port}`;
}

/** Whether two addresses are the same in host and port. */
export function sameAddress(a: Deno.NetAddr, b: Deno.NetAddr): boolean {
  return a.port === b.port && a.hostname === b.hostname;
}

/** A map by address, in which two equal addresses are one key. */
export class AddressMap {
  readonly #entries = new Map<string, [address: Deno.NetAddr, name: string]>();

  /** How many addresses there are. */
  get size(): number {
    return this.#entries.size;
  }

  /** The name at an address. */
  get(address: Deno.NetAddr): string | undefined {
    return this.#entries.get(key(address))?.[1];
  }

  /** Whether an address is there. */
  has(address: Deno.NetAddr): boolean {
    return this.#entries.has(key(address));
  }

  /** Puts a name at an address. */
  set(address: Deno.NetAddr, name: string): this {
    this.#entries.set(key(address), [address, name]);
    return this;
  }

  /** Takes an address out; whether it was there. */
  delete(address: Deno.NetAddr): boolean {
    return this.#entries.delete(key(address));
  }

  /** Takes all out. */
  clear(): void {
    this.#entries.clear();
  }

  /** The addresses, in the order they came. */
  *keys(): Generator<Deno.NetAddr> {
    for (const [address] of this.#entries.values()) yield address;
  }

  /** The names, in the order they came. */
  *values(): Generator<string> {
    for (const [, name] of this.#entries.values()) yield name;
  }

  /** Addresses and names, in the order they came. */
  *[Symbol.iterator](): Generator<[Deno.NetAddr, string]> {
    for (const [address, name] of this.#entries.values()) yield [address, name];
  }
}
