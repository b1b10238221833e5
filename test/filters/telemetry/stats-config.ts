/** What an Envoy's bootstrap needs to show labels as tags; README.md of the filter has the same. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { Json } from '../support/envoy.ts';

const README = join(import.meta.dirname, '../../../filters/telemetry/README.md');

/** The YAML block that begins with `stats_config:`, as it stands in README.md. */
export function documentedStatsConfig(): { [key: string]: Json } {
  const blocks = [...readFileSync(README, 'utf8').matchAll(/```yaml\n(.*?)```/gs)].map(([, block]) => block ?? '');
  const found = blocks.find((block) => block.startsWith('stats_config:'));
  if (found === undefined) throw new Error(`${README} shows no stats_config`);
  return parse(found) as { [key: string]: Json };
}
