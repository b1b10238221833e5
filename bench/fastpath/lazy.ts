/** What a benchmark needs only for some of its groups: made at the first use, by whoever comes first. */
export function lazy<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
