/** Envoy's response flags, by bit: `CoreResponseFlag` in its stream_info.h, names as in its access logs. */
const NAMES = [
  "LH", "UH", "UT", "LR", "UR", "UF", "UC", "UO", "NR", "DI", "FI", "RL", "UAEX", "RLSE", "DC", "URX", "SI", "IH", "DPE",
  "UMSDR", "RFCF", "NFCF", "DT", "UPE", "NC", "OM", "DF", "DO", "DR", "UDO",
];

/** Names joined with commas; `-` where there is none. Bits of later versions come out as numbers. */
export function flagNames(bits: u64): string {
  let names = "";
  for (let bit = 0; bits != 0; bit++, bits >>= 1) {
    if ((bits & 1) == 0) continue;
    if (names.length > 0) names += ",";
    names += bit < NAMES.length ? NAMES[bit] : bit.toString();
  }
  return names.length > 0 ? names : "-";
}
