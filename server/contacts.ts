/**
 * The bridge server's contacts, in a database of SQLite: in memory, or in a file.
 *
 * @module
 */

import { StartError } from "../lib/program.ts";
import type { Contact } from "../lib/wire/bridge.ts";

/** Who is registered, in the order of registration; who registers again goes to the end. */
export interface Contacts extends Disposable {
  /** How many are registered. */
  readonly size: number;
  /**
   * Stores a contact or replaces that of the same id. Once it returns, a file holds the contact even
   * if this process is killed at once. Throws the database's error.
   */
  put(contact: Contact): void;
  /** The contact of an id. */
  get(id: string): Contact | undefined;
  /** The one that was registered last, other than this id. */
  other(id: string): Contact | undefined;
  /** All of them, one after the other. */
  all(): Iterable<Contact>;
}

/**
 * WAL with NORMAL: a commit is a write without waiting for the disk, 70,000 a second instead of 1,000.
 * It survives the end of the process, however that comes, and at worst not a loss of power.
 */
const SETUP = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  PRAGMA busy_timeout = 200;
  CREATE TABLE IF NOT EXISTS contacts (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    ip TEXT NOT NULL,
    port INTEGER NOT NULL CHECK (port BETWEEN 1 AND 65535)
  ) STRICT;
`;

/**
 * Opens the contacts in `file`, or in memory. A file needs read and write permission. Rejects with a
 * {@linkcode StartError} when it cannot be had or is no such database.
 */
export async function openContacts(file?: string): Promise<Contacts> {
  // Loaded only by the server that needs it: the others start faster without.
  const { DatabaseSync } = await import("node:sqlite");
  try {
    const database = new DatabaseSync(file ?? ":memory:");
    database.exec(SETUP);
    return new Table(database);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StartError(`cannot use the contacts file ${file}: ${reason}`);
  }
}

class Table implements Contacts {
  readonly #database;
  readonly #put;
  readonly #get;
  readonly #other;
  readonly #all;
  #size: number;

  constructor(database: InstanceType<typeof import("node:sqlite").DatabaseSync>) {
    this.#database = database;
    // REPLACE deletes the old row, so that who registers again is the last to have registered.
    this.#put = database.prepare("INSERT OR REPLACE INTO contacts (id, ip, port) VALUES (?, ?, ?)");
    this.#get = database.prepare("SELECT id, ip, port FROM contacts WHERE id = ?");
    this.#other = database.prepare(
      "SELECT id, ip, port FROM contacts WHERE id <> ? ORDER BY seq DESC LIMIT 1",
    );
    this.#all = database.prepare("SELECT id, ip, port FROM contacts ORDER BY seq");
    this.#size = Number(database.prepare("SELECT count(*) AS n FROM contacts").get()!["n"]);
  }

  get size(): number {
    return this.#size;
  }

  put({ id, ip, port }: Contact): void {
    const known = this.get(id) !== undefined;
    this.#put.run(id, ip, port);
    if (!known) this.#size++;
  }

  get(id: string): Contact | undefined {
    return this.#get.get(id) as Contact | undefined;
  }

  other(id: string): Contact | undefined {
    return this.#other.get(id) as Contact | undefined;
  }

  all(): Iterable<Contact> {
    return this.#all.iterate() as Iterable<unknown> as Iterable<Contact>;
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}

/** Whether the file may be read and written without anybody being asked. */
export async function permitted(file: string): Promise<boolean> {
  const states = await Promise.all(
    (["read", "write"] as const).map((name) => Deno.permissions.query({ name, path: file })),
  );
  return states.every(({ state }) => state === "granted");
}
