/** A filter's schema.json, for editors and for `shunt`: it must not be stricter than the filter. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';

const FILTERS = join(import.meta.dirname, '../../../filters');

/** Returns what is wrong with a configuration, '' for nothing. @throws for a schema that is itself wrong. */
export function schemaOf(filter: string): (configuration: unknown) => string {
  const ajv = new Ajv2020({ allErrors: true, strict: true, strictRequired: false });
  const validate = ajv.compile(JSON.parse(readFileSync(join(FILTERS, filter, 'schema.json'), 'utf8')));
  return (configuration) => (validate(configuration) ? '' : ajv.errorsText(validate.errors));
}
