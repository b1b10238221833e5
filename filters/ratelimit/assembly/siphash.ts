/**
 * SipHash-2-4: which bucket a request draws from. Its key is made at start, so that a client cannot choose values that
 * fall into another client's bucket.
 */
export class SipHash {
  private v0: u64 = 0;
  private v1: u64 = 0;
  private v2: u64 = 0;
  private v3: u64 = 0;
  private word: u64 = 0;
  private size: u64 = 0;

  start(k0: u64, k1: u64): void {
    this.v0 = k0 ^ 0x736f6d6570736575;
    this.v1 = k1 ^ 0x646f72616e646f6d;
    this.v2 = k0 ^ 0x6c7967656e657261;
    this.v3 = k1 ^ 0x7465646279746573;
    this.word = 0;
    this.size = 0;
  }

  bytes(at: usize, length: i32): void {
    for (let i = 0; i < length; i++) {
      this.word |= <u64>load<u8>(at + i) << ((this.size & 7) * 8);
      this.size++;
      if ((this.size & 7) == 0) {
        this.mix(this.word);
        this.word = 0;
      }
    }
  }

  finish(): u64 {
    this.mix(this.word | (this.size << 56));
    this.v2 ^= 0xff;
    for (let i = 0; i < 4; i++) this.round();
    return this.v0 ^ this.v1 ^ this.v2 ^ this.v3;
  }

  private mix(word: u64): void {
    this.v3 ^= word;
    this.round();
    this.round();
    this.v0 ^= word;
  }

  private round(): void {
    this.v0 += this.v1;
    this.v2 += this.v3;
    this.v1 = rotl(this.v1, 13) ^ this.v0;
    this.v3 = rotl(this.v3, 16) ^ this.v2;
    this.v0 = rotl(this.v0, 32);
    this.v2 += this.v1;
    this.v0 += this.v3;
    this.v1 = rotl(this.v1, 17) ^ this.v2;
    this.v3 = rotl(this.v3, 21) ^ this.v0;
    this.v2 = rotl(this.v2, 32);
  }
}
