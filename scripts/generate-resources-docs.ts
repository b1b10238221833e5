/** Writes docs/resources.md from the schemas of src/config/kinds. `--check` exits 1 when the file differs, and writes nothing. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Metadata } from '../src/config/kinds/fields.ts';
import type { Kind } from '../src/config/kinds/kind.ts';
import { KINDS } from '../src/config/kinds/kinds.ts';
import { MAX_FILE_BYTES } from '../src/config/source.ts';
import { MAX_DEPTH, MAX_TOKENS } from '../src/config/yaml.ts';
import { MAX_VALUES } from '../src/config/yaml-value.ts';

const METADATA = Metadata as unknown as Schema;
const path = join(import.meta.dirname, '../docs/resources.md');

/** What the page reads of a schema. */
interface Schema {
  readonly description?: string;
  readonly expected?: string;
  readonly names?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly patternProperties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly required?: readonly string[];
  readonly refused?: Readonly<Record<string, string>>;
}

/** The text of docs/resources.md. */
export function resourcesPage(kinds: readonly Kind[] = KINDS): string {
  return `<!-- Generated from src/config/kinds by scripts/generate-resources-docs.ts; do not edit. -->

# Resources

shunt reads YAML 1.2 in the shape of Kubernetes resources: files, folders (recursively, all \`*.yaml\` and \`*.yml\`, hidden
ones left out) and \`-\` for standard input, several documents in a file. Every mistake of every file is reported at once, as
\`file:line:column: what; expected …\`, and then nothing is applied. What is not on this page is refused, never ignored.

Two resources of one kind, namespace and name are a mistake, and so is a selector that selects no Workload of the given
files.

Limits: ${MAX_FILE_BYTES / 1024 / 1024} MiB and ${count(MAX_TOKENS)} YAML tokens a file; ${count(MAX_VALUES)} values a document, with aliases expanded; ${MAX_DEPTH} levels of lists and
maps. Anchors and aliases work; merge keys (\`<<\`), tags of one's own, duplicate keys and \`%YAML 1.1\` are refused.

## Metadata

Of every kind. A Mesh belongs to no namespace.

${table(fieldRows(METADATA, 'metadata'))}

${kinds.map(kindSection).join('\n')}
${SEMANTICS}`;
}

const SEMANTICS = `## How a policy decides

A policy guards the workloads of its namespace that its selector selects; in the namespace \`istio-system\`, those of all
namespaces. For a request to a guarded workload:

1. If a DENY policy matches, it is denied.
2. If no ALLOW policy guards the workload, it is allowed.
3. If an ALLOW policy matches, it is allowed; else it is denied.

A policy matches when any of its rules does; a rule when any of \`from\`, any of \`to\` and all of \`when\` match; a source, an
operation or a condition when each field that it has matches: by any of its values, or, \`not…\`, by none of them. Ports are those
of the workload, never those of the Service.

An **AUDIT** policy decides nothing: a request that matches is counted (\`shunt_authz.policy.NAME.audited\`) and written to the
proxy's log. A policy with the annotation \`istio.io/dry-run: "true"\` is not enforced: what such policies alone would decide is
counted (\`shunt_authz.shadow_allowed\`, \`shunt_authz.shadow_denied\`, and for each policy).

| value | matches |
| --- | --- |
| \`text\` | that text; capitals count |
| \`text*\` | what begins with it |
| \`*text\` | what ends with it |
| \`*\` | anything that is not empty |
| \`/a/{*}/b\` | paths only: \`{*}\` is one segment that is not empty |
| \`/a/{**}\` | paths only: \`{**}\` is any text, also none; so \`/a/\` and \`/a/b/c\`, not \`/a\` |
| \`10.0.0.0/8\` | addresses only: IPv4 or IPv6, single or a network |
| \`ISSUER/SUBJECT\` | request principals: a \`*\` stands at the start of the issuer or at the end of the subject |

Hosts are compared in any case, with the port that was sent: \`api.example.com\` is not \`api.example.com:8080\`. Of a
repeated header any value may match, and \`*\` is satisfied with an empty one; a claim that is a list matches by any of its texts. What a request does not have matches no value, and so every \`not…\`.

A path is compared without query and fragment. The wildcards of a template take the characters that RFC 3986 allows in a
path, as Envoy's do. Values that could never match (a method in small letters, a \`*\` inside, \`spiffe://\`) are
refused: in a DENY policy they would silently deny nothing.

**Tokens** (\`requestPrincipals\`, \`request.auth…\`) are verified by a \`jwt_authn\` filter, which an Envoy of your own has
(\`shunt filters snippet authz\`). The proxy of a mesh has none: there no request has a token.

**TCP.** A port that no Service serves as HTTP is judged when the connection is made. As in Istio, an ALLOW rule that asks for
what only a request has (hosts, methods, paths, headers, tokens) never matches there, and a DENY rule matches as if it did not
ask for it. Here that holds for \`connection.sni\` too, which is sent after the connection is made; AUDIT and dry-run policies
are not looked at. The kernel decides before a workload is chosen: a Service is refused when any workload behind it would refuse.

**Unknown callers** are denied, and so is a port to which no Service leads.
`;

function kindSection(kind: Kind): string {
  const schema = kind.schema as unknown as Schema;
  const refused = refusedFields(schema.properties?.spec, 'spec');
  const refusedText = refused.length === 0 ? '' : `\nRefused by name: ${refused.join(', ')}.\n`;
  return `## ${kind.name}

${kind.summary}

\`apiVersion\`: ${kind.apiVersions.map((version) => `\`${version}\``).join(' or ')}.

${table(fieldRows(schema.properties?.spec, 'spec'))}
${refusedText}
\`\`\`yaml
${kind.example}\`\`\`
`;
}

/** A row for each field that holds no further fields, and for each that has something to say itself. */
function fieldRows(schema: Schema | undefined, name: string, required = true): string[] {
  if (schema === undefined) return [];
  const item = schema.items;
  const inner = item?.properties !== undefined ? item : schema.properties !== undefined ? schema : undefined;
  const list = item === undefined ? '' : '[]';
  const rows = Object.entries(inner?.properties ?? {}).flatMap(([field, value]) =>
    fieldRows(value, `${name}${list}.${field}`, inner?.required?.includes(field) ?? false),
  );
  const meaning = [required && inner === undefined ? 'Required.' : '', schema.description ?? item?.description ?? ''];
  const text = meaning.filter((part) => part !== '').join(' ');
  return inner === undefined || text !== '' ? [row(`\`${name}\``, valueText(schema), text), ...rows] : rows;
}

function valueText(schema: Schema): string {
  const each = schema.items?.properties === undefined ? schema.items?.expected : undefined;
  const value = Object.values(schema.patternProperties ?? {})[0]?.expected;
  const parts = [schema.expected, each && `each ${each}`, schema.names && `each name ${schema.names}`, value];
  return parts.filter((part) => part !== undefined && part !== '').join('; ');
}

function refusedFields(schema: Schema | undefined, name: string): string[] {
  if (schema === undefined) return [];
  const own = Object.keys(schema.refused ?? {}).map((field) => `\`${name}.${field}\``);
  const inner = Object.entries(schema.properties ?? {}).flatMap(([field, value]) =>
    refusedFields(value, `${name}.${field}`),
  );
  return [...own, ...inner, ...refusedFields(schema.items, `${name}[]`)];
}

function table(rows: readonly string[]): string {
  return ['| field | value | meaning |', '| --- | --- | --- |', ...rows].join('\n');
}

function row(...cells: string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function count(value: number): string {
  return value.toLocaleString('en-GB');
}

if (import.meta.main) {
  if (!process.argv.includes('--check')) {
    writeFileSync(path, resourcesPage());
  } else if (readFileSync(path, 'utf8') !== resourcesPage()) {
    console.error('docs/resources.md is not what src/config/kinds says; run: node scripts/generate-resources-docs.ts');
    process.exitCode = 1;
  }
}
