/** A composed YAML document -> plain values and their offsets. Pure. */
import { type Document, isAlias, isMap, isScalar, isSeq } from 'yaml';
import { shown } from './problems.ts';

/** Most values of a document, aliases counted as often as they are used: a document of 1 KiB can name billions. */
export const MAX_VALUES = 50_000;

/** Offsets in the text. For a list, `key` and `value` are equal. */
export interface Places {
  readonly root: number;
  readonly of: ReadonlyMap<object, ReadonlyMap<string | number, { key: number; value: number }>>;
}

export interface Fault {
  readonly offset: number;
  readonly what: string;
  readonly expected: string;
}

interface Converted {
  readonly value: unknown;
  /** Number of values, itself included, with aliases expanded. */
  readonly weight: number;
}

export function convert(document: Document.Parsed): { value: unknown; places: Places; faults: Fault[] } {
  const of = new Map<object, Map<string | number, { key: number; value: number }>>();
  const anchors = new Map<string, Converted | 'open'>();
  const faults: Fault[] = [];
  let overweight = false;

  const offsetOf = (node: unknown, otherwise: number): number =>
    (node as { range?: [number, number, number] | null } | null)?.range?.[0] ?? otherwise;

  /** An alias stands for the same object as its anchor: nothing is copied, and the weight is known without a walk. */
  const visit = (node: unknown, offset: number): Converted => {
    if (isAlias(node)) {
      const target = anchors.get(node.source);
      if (target !== undefined && target !== 'open') return target;
      const what =
        target === 'open' ? `alias *${node.source} is inside what it names` : `unknown alias *${node.source}`;
      faults.push({ offset, what, expected: 'an anchor that is complete before it is used' });
      return { value: null, weight: 1 };
    }
    const anchor = (node as { anchor?: string } | null)?.anchor;
    if (anchor !== undefined) anchors.set(anchor, 'open');
    const converted = isMap(node)
      ? visitMap(node.items, offset)
      : isSeq(node)
        ? visitList(node.items, offset)
        : { value: scalar(node, offset), weight: 1 };
    if (anchor !== undefined) anchors.set(anchor, converted);
    if (converted.weight > MAX_VALUES && !overweight) {
      overweight = true;
      faults.push({
        offset,
        what: `more than ${MAX_VALUES} values (aliases expanded)`,
        expected: 'fewer in a document',
      });
    }
    return converted;
  };

  const visitList = (items: readonly unknown[], offset: number): Converted => {
    const list: unknown[] = [];
    const places = new Map<string | number, { key: number; value: number }>();
    let weight = 1;
    for (const [index, item] of items.entries()) {
      const at = offsetOf(item, offset);
      const converted = visit(item, at);
      places.set(index, { key: at, value: at });
      list.push(converted.value);
      weight += converted.weight;
    }
    of.set(list, places);
    return { value: list, weight };
  };

  const visitMap = (items: readonly { key: unknown; value: unknown }[], offset: number): Converted => {
    const map: Record<string, unknown> = Object.create(null);
    const places = new Map<string | number, { key: number; value: number }>();
    let weight = 1;
    for (const item of items) {
      const keyAt = offsetOf(item.key, offset);
      const key = isScalar(item.key) && typeof item.key.value === 'string' ? item.key.value : undefined;
      const valueAt = offsetOf(item.value, keyAt);
      const converted = visit(item.value, valueAt);
      weight += converted.weight;
      if (key === undefined) faults.push({ offset: keyAt, what: 'a key that is no text', expected: 'a name' });
      else if (places.has(key)) {
        faults.push({ offset: keyAt, what: `duplicate key ${shown(key)}`, expected: 'each key once in a map' });
      } else {
        places.set(key, { key: keyAt, value: valueAt });
        map[key] = converted.value;
      }
    }
    of.set(map, places);
    return { value: map, weight };
  };

  const scalar = (node: unknown, offset: number): unknown => {
    const value = isScalar(node) ? node.value : null;
    if (typeof value === 'string' && (value.includes('\0') || !value.isWellFormed())) {
      faults.push({ offset, what: `the text ${shown(value)} cannot be encoded`, expected: 'text without U+0000' });
    }
    return value ?? null;
  };

  const root = offsetOf(document.contents, 0);
  const { value } = visit(document.contents, root);
  return { value, places: { root, of }, faults };
}
