/**
 * The structured logger. It writes lines to a sink that the caller owns (a log file, standard error) and never to the
 * console: only src/cli prints.
 */
import { type Clock, systemClock } from './clock.ts';

/** In rising order; a logger writes its own level and those after it. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What happened, in values that a machine can read. `undefined` is left out; errors and bigints are written as text. */
export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger to the same sink that adds `fields` to each record; a record's own field wins. */
  child(fields: LogFields): Logger;
}

export interface LogOptions {
  /** Receives one line at a time, newline included. It must not throw: a log that fails must not stop the program. */
  write: (line: string) => void;
  /** Least level written. Default `info`. */
  level?: LogLevel;
  /**
   * `json`: one object a line (`time` ISO 8601 UTC, `level`, `message`, then the fields; a field cannot replace these).
   * `text`: `HH:MM:SS.mmm level message key=value` in UTC, for terminals. Default `json`.
   */
  format?: 'json' | 'text';
  /** Colour the level of a `text` record. Default false. */
  colour?: boolean;
  /** In every record. */
  fields?: LogFields;
  clock?: Pick<Clock, 'nowMs'>;
}

interface Described {
  code?: unknown;
  message: string;
  cause?: unknown;
}

const COLOURS: Record<LogLevel, number> = { debug: 90, info: 36, warn: 33, error: 31 };
const LONGEST_CAUSE = 4;

function describe(error: Error, depth = 0): Described {
  const described: Described = { message: error.message };
  if ('code' in error) described.code = error.code;
  if (error.cause instanceof Error && depth < LONGEST_CAUSE) described.cause = describe(error.cause, depth + 1);
  return described;
}

/** For JSON.stringify: what it would drop (errors), or throw on (bigints), becomes readable. */
function readable(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Error) return describe(value);
  return value;
}

function stringify(value: unknown): string {
  try {
    // a function or a symbol has no JSON
    return JSON.stringify(value, readable) ?? JSON.stringify(String(value));
  } catch (error) {
    // a circular value, or a toJSON that throws: say so instead of losing the record or the program
    return JSON.stringify(`(unprintable: ${error instanceof Error ? error.message : String(error)})`);
  }
}

function jsonLine(time: Date, level: LogLevel, message: string, fields: LogFields): string {
  const head = stringify({ time: time.toISOString(), level, message }).slice(0, -1);
  const rest = Object.entries(fields)
    .filter(([key, value]) => value !== undefined && key !== 'time' && key !== 'level' && key !== 'message')
    .map(([key, value]) => `,${JSON.stringify(key)}:${stringify(value)}`);
  return `${head}${rest.join('')}}\n`;
}

/** A line break must not forge a second record, nor an escape sequence reach the terminal. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (character) => {
    const escaped = JSON.stringify(character).slice(1, -1);
    return escaped === character ? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}` : escaped;
  });
}

function textValue(value: unknown): string {
  if (value instanceof Error) return printable(JSON.stringify(value.message));
  return printable(typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : stringify(value));
}

function textLine(time: Date, level: LogLevel, message: string, fields: LogFields, colour: boolean): string {
  const padded = level.padEnd(5);
  const shown = colour ? `\u001b[${COLOURS[level]}m${padded}\u001b[0m` : padded;
  const rest = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}=${textValue(value)}`);
  return `${time.toISOString().slice(11, 23)} ${shown} ${printable(message)}${rest.join('')}\n`;
}

/** Never throws while writing a record, whatever its fields are. */
export function createLogger(options: LogOptions): Logger {
  const { write, level: least = 'info', format = 'json', colour = false, fields: always = {} } = options;
  const clock = options.clock ?? systemClock;
  const log = (level: LogLevel, message: string, fields: LogFields = {}): void => {
    if (LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(least)) return;
    const time = new Date(clock.nowMs());
    const all = { ...always, ...fields };
    write(format === 'json' ? jsonLine(time, level, message, all) : textLine(time, level, message, all, colour));
  };
  return {
    debug: (message, fields) => log('debug', message, fields),
    info: (message, fields) => log('info', message, fields),
    warn: (message, fields) => log('warn', message, fields),
    error: (message, fields) => log('error', message, fields),
    child: (fields) => createLogger({ ...options, fields: { ...always, ...fields } }),
  };
}

/** For what has nothing to say: tests, and library use without a log. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
};
