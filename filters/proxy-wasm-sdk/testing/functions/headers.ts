import { HeaderMap, Status } from '../abi.ts';
import { decodePairs, encodePairs, type HeaderList } from '../pairs.ts';
import type { Vm } from '../vm.ts';
import type { HostFunctions } from './all.ts';

/** Headers and trailers. As in Envoy, a look-up gives the first value only. */
export function headerFunctions(vm: Vm): HostFunctions {
  const mapOf = (map: number): HeaderList | undefined =>
    (map >= HeaderMap.GrpcInitialMetadata ? vm.context?.root : vm.context)?.maps[map];
  return {
    proxy_get_header_map_value(map: number, name: number, nameSize: number, outValue: number, outSize: number) {
      const wanted = vm.memory.text(name, nameSize).toLowerCase();
      const found = mapOf(map)?.find(([header]) => header === wanted);
      return found === undefined ? Status.NotFound : vm.memory.give(found[1], outValue, outSize);
    },
    proxy_add_header_map_value(map: number, name: number, nameSize: number, value: number, size: number) {
      const headers = mapOf(map);
      if (headers === undefined) return Status.BadArgument;
      headers.push([vm.memory.text(name, nameSize).toLowerCase(), vm.memory.text(value, size)]);
      return Status.Ok;
    },
    proxy_replace_header_map_value(map: number, name: number, nameSize: number, value: number, size: number) {
      const headers = mapOf(map);
      if (headers === undefined) return Status.BadArgument;
      const header = vm.memory.text(name, nameSize).toLowerCase();
      removeAll(headers, header);
      headers.push([header, vm.memory.text(value, size)]);
      return Status.Ok;
    },
    proxy_remove_header_map_value(map: number, name: number, nameSize: number) {
      const headers = mapOf(map);
      if (headers === undefined) return Status.BadArgument;
      removeAll(headers, vm.memory.text(name, nameSize).toLowerCase());
      return Status.Ok;
    },
    proxy_get_header_map_pairs(map: number, outPairs: number, outSize: number) {
      const headers = mapOf(map);
      return headers === undefined ? Status.BadArgument : vm.memory.give(encodePairs(headers), outPairs, outSize);
    },
    proxy_set_header_map_pairs(map: number, pairs: number, size: number) {
      const headers = mapOf(map);
      const replacement = decodePairs(vm.memory.bytes(pairs, size));
      if (headers === undefined || replacement === undefined) return Status.BadArgument;
      headers.splice(0, headers.length, ...replacement);
      return Status.Ok;
    },
    proxy_get_header_map_size(map: number, outSize: number) {
      const headers = mapOf(map);
      if (headers === undefined) return Status.BadArgument;
      vm.memory.setU32(
        outSize,
        headers.reduce((sum, [name, value]) => sum + name.length + value.length, 0),
      );
      return Status.Ok;
    },
  };
}

function removeAll(headers: HeaderList, name: string): void {
  for (let i = headers.length - 1; i >= 0; i--) if (headers[i]?.[0] === name) headers.splice(i, 1);
}
