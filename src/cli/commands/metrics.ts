/** `shunt metrics`: what Prometheus would be told, also for the textfile collector of its node exporter. */
import { type Context, withApi } from '../context.ts';
import { print } from '../output.ts';

export interface MetricsOptions {
  /** Seconds for which the programs' cost is measured from now on. */
  readonly cost?: number;
}

export async function metrics(context: Context, options: MetricsOptions): Promise<void> {
  const answer = await withApi(context.instance, (api) =>
    api.metrics(context.output === 'json' ? 'json' : 'text', options.cost),
  );
  print(typeof answer === 'string' ? answer.trimEnd() : JSON.stringify(answer, undefined, 2));
}
