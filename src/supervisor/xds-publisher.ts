/**
 * Hands configuration to Envoy by files and believes nothing until Envoy says that it accepted it. What Envoy refuses is
 * taken back, so that the file on disk is always one that a restarted Envoy accepts.
 */
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../clock.ts';
import { ShuntError } from '../errors.ts';
import type { Instance } from '../instance.ts';
import { isEcds, type XdsType, xdsFile } from '../proxy/envoy/config-source.ts';
import { type XdsText, xdsVersion } from '../proxy/envoy/xds.ts';
import type { EnvoyProcess } from './envoy-process.ts';
import { readIfExists, replaceFile } from './state.ts';

/** Envoy watches the directory and takes 1 to 13 ms; compiling a new wasm module takes some 100 ms. */
const ACCEPT_TIMEOUT_MS = 15_000;
const POLL_INTERVAL_MS = 10;

/**
 * Clusters before what routes to them; the policy before listeners that bring new callers in, so that a caller is never
 * served under rules that do not know it (authz denies an unknown caller).
 */
function inOrder(wanted: XdsText): XdsType[] {
  const filters = Object.keys(wanted).filter(isEcds).sort();
  return ['cds', ...filters, 'lds'];
}

/** Files that differ from what is on disk. */
export function changedXds(instance: Instance, wanted: XdsText): XdsType[] {
  return inOrder(wanted).filter((type) => readIfExists(xdsFile(instance, type)) !== wanted[type]);
}

/** Before Envoy runs: it reads the files when it starts. */
export function writeXds(instance: Instance, wanted: XdsText): void {
  pruneXds(instance, wanted);
  for (const type of changedXds(instance, wanted)) write(instance, type, wanted[type] ?? '');
}

function write(instance: Instance, type: XdsType, text: string): void {
  const file = xdsFile(instance, type);
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  replaceFile(file, text);
}

/**
 * Removes the folders of plugins that are gone. Only while Envoy does not run: a listener that drains keeps its subscriptions,
 * a new one shares them, and what watches a folder that was removed never sees a file again.
 */
function pruneXds(instance: Instance, wanted: XdsText): void {
  if (!existsSync(instance.xdsDir)) return;
  for (const type of readdirSync(instance.xdsDir)) {
    if (isEcds(type) && wanted[type] === undefined) rmSync(join(instance.xdsDir, type), { recursive: true });
  }
}

/**
 * Publishes to a running Envoy and waits until it accepted all.
 * @throws E_PROXY (E_POLICY for the policy) with Envoy's reason; all files are then what they were before.
 */
export async function publishXds(
  instance: Instance,
  envoy: EnvoyProcess,
  clock: Clock,
  wanted: XdsText,
): Promise<XdsType[]> {
  const changed = changedXds(instance, wanted);
  const before = new Map(changed.map((type) => [type, readIfExists(xdsFile(instance, type))] as const));
  try {
    for (const type of changed) {
      // Nobody subscribes to a filter before the first listener that has it.
      const subscribed = !isEcds(type) || (await envoy.admin.subscription(type)).version !== undefined;
      await publishOne(instance, envoy, clock, type, wanted[type] ?? '', subscribed);
    }
    await accepted(envoy, clock, wanted, changed);
  } catch (error) {
    for (const [type, text] of before) if (text !== undefined) replaceFile(xdsFile(instance, type), text);
    for (const [type, text] of before) if (text === undefined) rmSync(xdsFile(instance, type), { force: true });
    throw error;
  }
  return changed;
}

async function publishOne(
  instance: Instance,
  envoy: EnvoyProcess,
  clock: Clock,
  type: XdsType,
  text: string,
  wait: boolean,
): Promise<void> {
  const { rejected } = await envoy.admin.subscription(type);
  write(instance, type, text);
  if (!wait) return;
  await until(clock, `Envoy took ${type} ${xdsVersion(text)}`, async () => {
    const now = await envoy.admin.subscription(type);
    if (now.version === xdsVersion(text)) return true;
    // The last listener that had it has drained meanwhile; the next one reads the file.
    if (isEcds(type) && now.version === undefined) return true;
    if (now.rejected > rejected) throw await refusal(envoy, type);
    return false;
  });
}

/** A listener is warm only when it has its filters, or Envoy refused their first configuration. */
async function accepted(
  envoy: EnvoyProcess,
  clock: Clock,
  wanted: XdsText,
  changed: readonly XdsType[],
): Promise<void> {
  if (changed.length === 0) return;
  await until(clock, 'Envoy serves every listener', async () => {
    if (!(await envoy.admin.listenersActive())) return false;
    for (const type of ['ecds', ...changed.filter((each) => isEcds(each) && each !== 'ecds')] as const) {
      const { version, rejected } = await envoy.admin.subscription(type);
      if (version === undefined && rejected > 0) throw await refusal(envoy, type);
      if (version !== undefined && version !== xdsVersion(wanted[type] ?? '')) return false;
    }
    return true;
  });
}

async function refusal(envoy: EnvoyProcess, type: XdsType): Promise<ShuntError> {
  const errors = type === 'lds' ? await envoy.admin.listenerErrors() : [];
  const reason = errors.length > 0 ? errors.join('; ') : envoy.lastWords();
  const name = type === 'ecds' ? 'the policy' : type === 'lds' ? 'the listeners' : 'the clusters';
  const what = type.startsWith('ecds.') ? `WasmPlugin ${type.slice('ecds.'.length).replace('.', '/')}` : name;
  return new ShuntError(
    type === 'ecds' ? 'E_POLICY' : 'E_PROXY',
    `Envoy refused ${what}; the old stay in force: ${reason}`,
  );
}

async function until(clock: Clock, condition: string, check: () => Promise<boolean>): Promise<void> {
  const deadlineMs = clock.monotonicMs() + ACCEPT_TIMEOUT_MS;
  while (!(await check())) {
    if (clock.monotonicMs() > deadlineMs)
      throw new ShuntError('E_TIMEOUT', `not in ${ACCEPT_TIMEOUT_MS} ms: ${condition}`);
    await delay(POLL_INTERVAL_MS);
  }
}
