// So many in a second; what is above is counted, and told once when the second is over.
const windowMs = 1_000;

export function createRate(perSecondMax: number) {
  let startedAt = -Infinity;
  let admitted = 0;
  let left = 0;
  const isOver = () => performance.now() - startedAt >= windowMs;
  const takeLeft = () => {
    const omitted = left;
    left = 0;
    return omitted;
  };
  return {
    /** How many were left out before this one; `undefined`: this one is, too. */
    admit(): number | undefined {
      if (isOver()) {
        startedAt = performance.now();
        admitted = 0;
      }
      if (admitted >= perSecondMax) {
        left += 1;
        return undefined;
      }
      admitted += 1;
      return takeLeft();
    },
    /** How many were left out in a second that is over. */
    omitted: () => (left > 0 && isOver() ? takeLeft() : 0),
  };
}
