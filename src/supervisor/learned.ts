/**
 * What was learned of workloads by watching them, in the state directory: it outlives the supervisor, their programs and
 * changes of the resources, until somebody forgets it or the instance is taken down.
 */
import { join } from 'node:path';
import type { Instance, ResourceKey } from '../instance.ts';
import { readIfExists, replaceFile } from './state.ts';

/** `became-blocking`: a socket was made blocking after its promotion, which a socket hash does not survive unseen. */
export type Lesson = 'became-blocking';

export interface LearnedFact {
  readonly workload: ResourceKey;
  readonly lesson: Lesson;
  /** When it was seen first, ISO 8601. */
  readonly since: string;
}

/** Workloads of which something is learned stay off the fast path. */
export class Learned {
  readonly #file: string;
  #facts: readonly LearnedFact[];

  /** Reads what an earlier supervisor learned. */
  constructor(instance: Instance) {
    this.#file = join(instance.runDir, 'learned.json');
    this.#facts = JSON.parse(readIfExists(this.#file) ?? '[]') as LearnedFact[];
  }

  /** Sorted by workload. */
  get facts(): readonly LearnedFact[] {
    return this.#facts;
  }

  about(workload: ResourceKey): LearnedFact | undefined {
    return this.#facts.find((fact) => fact.workload === workload);
  }

  /** False when that was known. */
  note(workload: ResourceKey, lesson: Lesson, at: Date): boolean {
    if (this.about(workload) !== undefined) return false;
    const all = [...this.#facts, { workload, lesson, since: at.toISOString() }];
    this.#write(all.sort((a, b) => (a.workload < b.workload ? -1 : 1)));
    return true;
  }

  /** @param workload Default: all. Returns how many facts are gone. */
  forget(workload?: string): number {
    const kept = this.#facts.filter((fact) => workload !== undefined && fact.workload !== workload);
    const gone = this.#facts.length - kept.length;
    if (gone > 0) this.#write(kept);
    return gone;
  }

  #write(facts: readonly LearnedFact[]): void {
    replaceFile(this.#file, `${JSON.stringify(facts, undefined, 1)}\n`);
    this.#facts = facts;
  }
}
