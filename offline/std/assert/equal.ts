/**
 * The comparison behind `assertEquals` and `assertNotEquals`.
 *
 * `node:assert` compares deeply as well, but not alike: it tells 0 from -0, and it takes two errors of
 * one message for equal. A test must not depend on which of the two packages it runs with.
 *
 * @module
 */

/** True when `a` and `b` are deeply equal; throws a `TypeError` for weak collections. */
export function equal(a: unknown, b: unknown, { seen = new Map<object, object>() } = {}): boolean {
  if (a === b || Object.is(a, b)) return true;
  if (!isObject(a) || !isObject(b)) return false;
  if (a instanceof Date && b instanceof Date) return Object.is(a.getTime(), b.getTime());
  if (prototype(a) !== prototype(b)) return false;
  const bytes = elements(a);
  if (bytes) return sameElements(bytes, elements(b)!);
  if (a instanceof WeakRef) return equal(a.deref(), (b as WeakRef<object>).deref(), { seen });
  if (a instanceof WeakMap || a instanceof WeakSet) {
    throw new TypeError(`Cannot compare ${a.constructor.name} instances`);
  }
  // A cycle: this pair is being compared further up, which decides about it.
  if (seen.get(a) === b) return true;
  if (Object.keys(a).length !== Object.keys(b).length) return false;
  seen.set(a, b);
  if (isCollection(a)) {
    const other = b as Collection;
    return a.size === other.size &&
      [...a.entries()].every((entry) => contains(other, { entry, seen }));
  }
  if (WRITTEN_OUT.includes(prototype(a))) return String(a) === String(b);
  for (const key of keys(a).union(keys(b))) {
    if (key in a !== key in b) return false;
    if (!equal(Reflect.get(a, key), Reflect.get(b, key), { seen })) return false;
  }
  return true;
}

type Collection = Map<unknown, unknown> | Set<unknown>;

/** Their state is out of reach, but all of it is in what they print. */
const WRITTEN_OUT: readonly unknown[] = [
  RegExp.prototype,
  URL.prototype,
  URLSearchParams.prototype,
  Intl.Locale.prototype,
];

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function isCollection(value: unknown): value is Collection {
  return value instanceof Map || value instanceof Set;
}

/** A null prototype makes no difference to a plain object. */
function prototype(value: object): unknown {
  return Object.getPrototypeOf(value) ?? Object.prototype;
}

function elements(value: object): ArrayLike<unknown> | undefined {
  if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) {
    return new Uint8Array(value);
  }
  return ArrayBuffer.isView(value) && !(value instanceof DataView)
    ? value as unknown as ArrayLike<unknown>
    : undefined;
}

function sameElements(a: ArrayLike<unknown>, b: ArrayLike<unknown>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i] && !Object.is(a[i], b[i])) return false;
  }
  return true;
}

function contains(
  collection: Collection,
  { entry: [key, value], seen }: { entry: [unknown, unknown]; seen: Map<object, object> },
): boolean {
  if (!isObject(key)) {
    if (!collection.has(key)) return false;
    return collection instanceof Set || equal(value, collection.get(key), { seen });
  }
  return [...collection.entries()].some(([otherKey, otherValue]) =>
    equal(key, otherKey, { seen }) && equal(value, otherValue, { seen })
  );
}

/** Of an instance the accessors of its classes count, too: they show what its private fields hold. */
function keys(value: object): Set<PropertyKey> {
  const own = new Set<PropertyKey>();
  const plain: unknown[] = [Object.prototype, Array.prototype];
  if (plain.includes(prototype(value))) return new Set(Reflect.ownKeys({ ...value }));
  for (let at: object | null = value; at && !plain.includes(at); at = Object.getPrototypeOf(at)) {
    for (const key of Reflect.ownKeys(at)) own.add(key);
  }
  return own;
}
