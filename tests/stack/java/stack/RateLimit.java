package stack;

/** A bucket that holds a second's worth and fills as time goes by. */
final class RateLimit {
    private static final double NANOSECONDS = 1e9;

    private double rate = Double.NaN;
    private double left;
    private long filledAt;

    /** Whether one more fits in at this rate. Another rate than before starts with a full bucket. */
    synchronized boolean admits(double perSecond) {
        if (Double.isInfinite(perSecond)) {
            rate = Double.NaN;
            return true;
        }
        // Below one a second the bucket would never hold one.
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
