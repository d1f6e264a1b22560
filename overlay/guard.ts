/**
 * How servers that are joined in a ring keep from passing a message on for ever, when a line between
 * two servers is no more than `<a> to <b>: <message>` and carries no number.
 *
 * @module
 */

/** For so long a line is known again; a copy needs milliseconds for its way round, an echo no more. */
export const MEMORY_MS = 5000;
/** What the known lines may take, in characters, before the older half of them is forgotten. */
const BUDGET_CHARS = 16 * 1024 * 1024;
/** What an entry takes beside its text, roughly. */
const ENTRY_CHARS = 200;

/** What is known of one line. */
interface Entry {
  /** How many messages of these words there were. */
  messages: number;
  /** How many times each link has brought them, by the link's number. */
  readonly arrivals: Map<number, number>;
  seenAt: number;
}

/**
 * Tells a message from a copy of one that was here before, by counting: people say the same thing
 * twice, but a link keeps order and brings each message once. So the second arrival *on one link* is a
 * second message, and the first arrival on another link is a copy of the first. What this server sent
 * out itself counts likewise, which covers servers that send back what they cannot deliver.
 *
 * In a tree of servers every message comes by one link, and nothing is ever taken for a copy.
 */
export class LoopGuard {
  readonly #now: () => number;
  readonly #links = new Set<number>();
  // Two generations: the older one is dropped whole, which costs nothing for each line.
  #recent = new Map<string, Entry>();
  #older = new Map<string, Entry>();
  #recentSince: number;
  #chars = 0;

  /** A guard that knows no line yet; `now` is in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
    this.#recentSince = now();
  }

  /** Takes note of a link, by a number of its own. */
  opened(link: number): void {
    this.#links.add(link);
    // What was said before is not expected on it any more: whatever it brings is new.
    for (const entry of this.#entries()) entry.arrivals.set(link, entry.messages);
  }

  /** Takes note of the end of a link. */
  closed(link: number): void {
    this.#links.delete(link);
    for (const entry of this.#entries()) {
      entry.arrivals.delete(link);
      // From here on messages may take another way, by links that were behind the one that is gone.
      for (const each of this.#links) entry.arrivals.set(each, entry.messages);
    }
  }

  /** Takes note of a line that this server sends out for one of its own clients. */
  originated(line: string): void {
    this.#entry(line).messages++;
  }

  /** Whether a line that `link` has brought is a message; if not, it is a copy, to be dropped. */
  arrived(line: string, link: number): boolean {
    const entry = this.#entry(line);
    const count = (entry.arrivals.get(link) ?? 0) + 1;
    entry.arrivals.set(link, count);
    if (count <= entry.messages) return false;
    entry.messages = count;
    return true;
  }

  #entry(line: string): Entry {
    const now = this.#now();
    if (now - this.#recentSince > MEMORY_MS || this.#chars > BUDGET_CHARS) {
      this.#older = this.#recent;
      this.#recent = new Map();
      this.#recentSince = now;
      this.#chars = 0;
    }
    let entry = this.#recent.get(line);
    if (entry && now - entry.seenAt <= MEMORY_MS) {
      entry.seenAt = now;
      return entry;
    }
    entry = entry ? undefined : this.#older.get(line);
    if (!entry || now - entry.seenAt > MEMORY_MS) {
      entry = { messages: 0, arrivals: new Map(), seenAt: now };
    }
    entry.seenAt = now;
    this.#recent.set(line, entry);
    this.#chars += line.length + ENTRY_CHARS;
    return entry;
  }

  *#entries(): Generator<Entry> {
    yield* this.#older.values();
    yield* this.#recent.values();
  }
}
