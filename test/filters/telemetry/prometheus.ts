/** Prometheus' text format, as far as Envoy writes it. */
export interface Sample {
  readonly metric: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const LABEL = /([a-z_]+)="((?:[^"\\]|\\.)*)"/g;

export function samplesOf(text: string): Sample[] {
  return text.split('\n').flatMap((line) => {
    const {
      metric = '',
      labels = '',
      value = '',
    } = /^(?<metric>[a-zA-Z_:]+)\{(?<labels>.*)\} (?<value>\S+)$/.exec(line)?.groups ?? {};
    if (metric === '') return [];
    const pairs = [...labels.matchAll(LABEL)].map(([, name = '', escaped = '']) => [name, unescaped(escaped)]);
    return [{ metric, labels: Object.fromEntries(pairs), value: Number(value) }];
  });
}

function unescaped(text: string): string {
  return text.replaceAll(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c));
}
