package stack;

/** A token bucket with the capacity of one second. */
final class RateLimit {
    private static final double NANOSECONDS = 1e9;

    private double rate = Double.NaN;
    private double left;
    private long filledAt;

    /** Takes a token from the bucket, if there is one. A changed rate starts with a full bucket. */
    synchronized boolean admits(double perSecond) {
        if (Double.isInfinite(perSecond)) {
            rate = Double.NaN;
            return true;
        }
        // With less than one token of capacity the bucket would never admit anything.
        double capacity = Math.max(perSecond, 1);
        long now = System.nanoTime();
        left = perSecond == rate ? Math.min(capacity, left + (now - filledAt) / NANOSECONDS * perSecond) : capacity;
        rate = perSecond;
        filledAt = now;
        if (left < 1) {
            return false;
        }
        left -= 1;
        return true;
    }
}
