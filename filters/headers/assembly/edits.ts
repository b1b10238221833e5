import { Headers, PropertyText } from "proxy-wasm-sdk/assembly";

export class Edit {
  constructor(readonly name: ArrayBuffer, readonly value: PropertyText) {}
}

/** What is done to one map of headers: first all removals, then set, add, append. */
export class Edits {
  remove: ArrayBuffer[] = [];
  set: Edit[] = [];
  add: Edit[] = [];
  append: Edit[] = [];

  apply(headers: Headers): void {
    for (let i = 0; i < this.remove.length; i++) headers.remove(this.remove[i]);
    for (let i = 0; i < this.set.length; i++) {
      const edit = this.set[i];
      const value = edit.value.render();
      // a client's own header must not stand in for a value that is absent
      if (value === null) headers.remove(edit.name);
      else headers.set(edit.name, value);
    }
    for (let i = 0; i < this.add.length; i++) {
      const value = this.add[i].value.render();
      if (value !== null) headers.add(this.add[i].name, value);
    }
    for (let i = 0; i < this.append.length; i++) {
      const value = this.append[i].value.render();
      if (value !== null) append(headers, this.append[i].name, value);
    }
  }
}

/** Makes one list of all values that are there and of this one (RFC 9110, 5.3). */
function append(headers: Headers, name: ArrayBuffer, value: ArrayBuffer): void {
  const pairs = headers.pairs();
  let size = value.byteLength;
  let found = 0;
  while (pairs.next()) {
    if (!pairs.nameIs(name)) continue;
    size += pairs.value.length + 1;
    found++;
  }
  if (found == 0) {
    headers.set(name, value);
    return;
  }
  const list = new ArrayBuffer(size);
  let at = changetype<usize>(list);
  pairs.rewind();
  while (pairs.next()) {
    if (!pairs.nameIs(name)) continue;
    const old = pairs.value;
    memory.copy(at, old.start, old.length);
    at += old.length;
    store<u8>(at++, 0x2c);
  }
  memory.copy(at, changetype<usize>(value), value.byteLength);
  headers.set(name, list);
}
