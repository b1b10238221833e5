/** What the shop sells: known to the api, which serves it, and to the load generator, which knows what it must get. */

export interface Item {
  readonly id: number;
  readonly name: string;
  readonly text: string;
}

export const ITEM_COUNT = 64;

/** About 2 kB as JSON; always the same for an id. */
export function itemOf(id: number): Item {
  return { id, name: `item ${id}`, text: `${id}:`.concat(`${id * 7919} `.repeat(400)).slice(0, 2000) };
}
