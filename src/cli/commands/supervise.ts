/** The supervisor itself: `shunt up --foreground`, and the hidden command that `up` starts in the background. */
import { serveApi } from '../../api/server.ts';
import type { Source } from '../../config/source.ts';
import { Supervisor } from '../../supervisor/supervisor.ts';
import type { Context } from '../context.ts';
import { printError } from '../output.ts';

/** For answers that are under way when the supervisor ends. */
const LINGER_MS = 5000;

/**
 * Runs until SIGTERM or SIGINT (the mesh goes on: another supervisor adopts it) or until `down`. With sources it applies them
 * first; without, it adopts what runs.
 */
export async function supervise(context: Context, sources?: readonly Source[]): Promise<void> {
  const supervisor = await Supervisor.start(context.instance, { logLine: printError });
  const server = await serveApi(supervisor, context.instance.apiSocket);
  const stop = (): void => supervisor.stop();
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  try {
    if (sources !== undefined) {
      await supervisor.apply(sources.map(({ file, text }) => ({ file, text: Buffer.from(text).toString('utf8') })));
    }
    await supervisor.stopped;
  } finally {
    server.close();
    server.closeIdleConnections();
    await supervisor.close();
    // Whoever does not take an answer, a stopped `shunt pcap` for example, must not keep this process.
    setTimeout(() => server.closeAllConnections(), LINGER_MS).unref();
  }
}
