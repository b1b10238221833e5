/** The kernels that the kernel tier is run on, and where Debian has them. */

export interface Kernel {
  /** What the user calls it: the series. */
  readonly name: string;
  /** Who runs it. */
  readonly usedBy: string;
  /** Names of its image package; of several the newest is taken. The cloud flavour boots under QEMU in seconds. */
  readonly image: RegExp;
}

export const MATRIX: readonly Kernel[] = [
  { name: '5.10', usedBy: 'Debian 11', image: /^linux-image-5\.10\.0-\d+-cloud-amd64$/ },
  { name: '6.1', usedBy: 'Debian 12', image: /^linux-image-6\.1\.0-\d+-cloud-amd64$/ },
  { name: '6.12', usedBy: 'Debian 13', image: /^linux-image-6\.12\.\d+\+deb\d+-cloud-amd64$/ },
  { name: '6.18', usedBy: 'Debian 13 backports', image: /^linux-image-6\.18\.\d+\+deb\d+-cloud-amd64$/ },
  { name: '7', usedBy: 'Debian 13 backports', image: /^linux-image-7\.\d+\.\d+\+deb\d+-cloud-amd64$/ },
];

/** deb822 sources that have all of the matrix. They are read by a private apt root, never by the machine's own. */
export const SOURCES = [
  ['http://deb.debian.org/debian', 'bookworm trixie-backports'],
  ['http://deb.debian.org/debian-security', 'bullseye-security bookworm-security'],
]
  .map(([uri, suites]) =>
    [
      'Types: deb',
      `URIs: ${uri}`,
      `Suites: ${suites}`,
      'Components: main',
      'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg',
      '',
    ].join('\n'),
  )
  .join('\n');
