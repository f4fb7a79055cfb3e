package stack;

/** Why a token is not good. The client is not told: the broker's log is. */
final class Refused extends Exception {
    private static final long serialVersionUID = 1;

    Refused(String reason) {
        super(reason);
    }
}
