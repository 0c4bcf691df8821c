// A token bucket as plain data: one per socket, so it holds no closure.

const burstSeconds = 5;

export interface TokenBucket {
  tokens: number;
  /** Milliseconds of the monotonic clock at which tokens were last added. */
  filledAtMs: number;
}

const burstOf = (perSecondMax: number) => Math.max(1, perSecondMax * burstSeconds);

export function fullBucket(perSecondMax: number, nowMs: number): TokenBucket {
  return { tokens: burstOf(perSecondMax), filledAtMs: nowMs };
}

/** Takes a token, if there is one: `perSecondMax` on average, five seconds' worth at once. */
export function takeToken(bucket: TokenBucket, perSecondMax: number, nowMs: number): boolean {
  const added = ((nowMs - bucket.filledAtMs) / 1000) * perSecondMax;
  bucket.tokens = Math.min(burstOf(perSecondMax), bucket.tokens + added);
  bucket.filledAtMs = nowMs;
  if (bucket.tokens < 1) return false;
  bucket.tokens -= 1;
  return true;
}
