/** What the loader needs to know of a kind of resource. */
import type { TSchema } from 'typebox';
import type { Path } from '../problems.ts';

/** Notes what is wrong at a path of the resource in hand. `key`: the place is the field's name, not its value. */
export type Reject = (path: Path, what: string, expected: string, place?: 'key') => void;

/** A document that its schema accepts. */
export interface Kind<Spec = unknown, Built = unknown> {
  readonly name: string;
  /** One or two sentences, for the documentation. */
  readonly summary: string;
  /** Accepted values of `apiVersion`; the first is what the documentation shows. */
  readonly apiVersions: readonly string[];
  /** Of the whole resource. Annotations: `expected` (for messages), `refused` (known fields and why not), `description`. */
  readonly schema: TSchema;
  /** Model with all defaults, from a document that the schema accepts. Further mistakes go to `reject`. */
  build(resource: Resource<Spec>, reject: Reject): Built;
  /** A whole YAML document, for the documentation; a test applies it. */
  readonly example: string;
}

/** The shape that all schemas share. */
export interface Resource<Spec> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec?: Spec;
}
