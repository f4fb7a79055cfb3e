package stack;

/** The reason for refusing a token. It goes to the broker's log, never to the client. */
final class Refused extends Exception {
    private static final long serialVersionUID = 1;

    Refused(String reason) {
        super(reason);
    }
}
