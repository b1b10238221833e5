/** Figures of results as SVG, by Observable Plot: dots for ratios, lines for curves; the spread of the rounds is a bar or a band. */
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import type { GroupResult, MetricResult, VariantResult } from './results.ts';

const WIDTH = 860;
const ROW_HEIGHT = 22;

interface Mark {
  readonly variant: string;
  readonly x: number;
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** How the first metric that is compared stands to the baseline, one row a variant. Absent when nothing is compared. */
export function ratioSvg(groups: readonly GroupResult[]): string | undefined {
  const marks = groups.flatMap((group) =>
    group.variants.flatMap(({ variant, metrics }) => {
      const metric = metrics.find((one) => one.ratio !== undefined);
      if (metric?.ratio === undefined) return [];
      return [{ row: `${group.group}, ${metric.name}: ${variant}`, variant, ...metric.ratio }];
    }),
  );
  if (marks.length === 0) return undefined;
  return svg({
    width: WIDTH,
    height: 60 + marks.length * ROW_HEIGHT,
    marginLeft: 400,
    x: { type: 'log', label: 'ratio to the baseline (bar: all rounds)', grid: true, tickFormat: '~g' },
    y: { label: null, domain: marks.map(({ row }) => row) },
    marks: [
      Plot.ruleX([1]),
      Plot.ruleY(marks, {
        y: 'row',
        x1: 'min',
        x2: 'max',
        stroke: 'variant',
        strokeWidth: 5,
        strokeOpacity: 0.4,
      }),
      Plot.dot(marks, { y: 'row', x: 'median', fill: 'variant', r: 4 }),
    ],
  });
}

/** One metric over x, one line a variant: its ratio to the baseline, or itself where nothing is compared. */
export function curveSvg(groups: readonly GroupResult[], metric: string): string {
  const names = (groups[0]?.variants ?? []).map(({ variant }) => variant);
  const marks = groups.flatMap((group) =>
    group.variants.flatMap((variant): Mark[] => {
      const { summary, ratio } = metricOf(variant, metric);
      const plotted = names.length === 1 ? summary : ratio;
      if (plotted === undefined) return [];
      return [{ variant: variant.variant, x: group.point?.x ?? 0, ...plotted }];
    }),
  );
  const [first] = groups;
  const label = names.length === 1 ? metricOf(first?.variants[0], metric).unit : `ratio to ${names[0]}`;
  const lines = [...new Set(marks.map(({ variant }) => variant))];
  return svg({
    width: WIDTH,
    height: 360,
    marginLeft: 60,
    marginRight: 110,
    x: {
      type: 'log',
      label: first?.point?.axis ?? null,
      ticks: [...new Set(marks.map(({ x }) => x))],
      tickFormat: (x: number) => x.toLocaleString('en'),
    },
    y: { label: `${metric}: ${label}, median; band: all rounds`, grid: true, nice: true, zero: names.length === 1 },
    color: { domain: lines },
    marks: [
      ...(names.length === 1 ? [] : [Plot.ruleY([1])]),
      Plot.areaY(marks, { x: 'x', y1: 'min', y2: 'max', fill: 'variant', fillOpacity: 0.15 }),
      Plot.lineY(marks, { x: 'x', y: 'median', stroke: 'variant' }),
      Plot.dot(marks, { x: 'x', y: 'median', fill: 'variant', r: 2.5 }),
      // Names beside the lines would lie on each other where the lines do.
      ...lines.map((line, row) =>
        Plot.text([line], { text: [line], frameAnchor: 'top-right', dx: 90, dy: row * 16, fill: () => line }),
      ),
    ],
  });
}

function metricOf(variant: VariantResult | undefined, name: string): MetricResult {
  const found = variant?.metrics.find((metric) => metric.name === name);
  if (found === undefined) throw new RangeError(`no metric ${name} to plot`);
  return found;
}

/** A file of its own: with a namespace, and with a background, because a dark page would hide the text. */
function svg(options: Plot.PlotOptions): string {
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  const figure = Plot.plot({
    ...options,
    document: document as never,
    style: { background: 'white', fontSize: '12px' },
  });
  figure.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  return `${figure.outerHTML}\n`;
}
