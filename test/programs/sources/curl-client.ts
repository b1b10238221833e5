/** curl: one process that PUTs files and GETs them again over one kept connection. Usage: report.ts */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Report, report, STALL_MS } from './report.ts';

const [host = '', port = '', text = ''] = process.argv.slice(2);
const sizes = text.split(',').map(Number);
const dir = mkdtempSync(join(tmpdir(), 'shunt-programs-curl-'));
const stall = `speed-time = ${STALL_MS / 1000}\nspeed-limit = 1\nfail\nsilent\nshow-error\n`;
const config = sizes
  .flatMap((size, index) => {
    const sent = join(dir, `sent-${index}`);
    writeFileSync(sent, randomBytes(size));
    const url = `url = "http://${host}:${port}/${index}"\n`;
    return [
      `${url}upload-file = "${sent}"\noutput = "/dev/null"\n${stall}`,
      `${url}output = "${join(dir, `back-${index}`)}"\n${stall}`,
    ];
  })
  .join('next\n');
writeFileSync(join(dir, 'config'), config);

const timeouts: string[] = [];
const wrong: string[] = [];
try {
  await promisify(execFile)('curl', ['--config', join(dir, 'config')]);
} catch (error) {
  const { code, stderr } = error as { code: number; stderr: string };
  (code === 28 ? timeouts : wrong).push(`curl: exit ${code}: ${stderr.trim()}`);
}
const equal = (index: number): boolean => {
  try {
    return readFileSync(join(dir, `sent-${index}`)).equals(readFileSync(join(dir, `back-${index}`)));
  } catch {
    return false;
  }
};
sizes.forEach((size, index) => {
  if (!equal(index)) wrong.push(`exchange ${index}, ${size} bytes`);
});
rmSync(dir, { recursive: true });
const bytes = sizes.reduce((sum, size) => sum + size, 0);
await report({ exchanges: sizes.length, bytes, wrong, timeouts } satisfies Report);
