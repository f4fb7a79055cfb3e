package stack;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * What a test wants of the verifier now: a file of lines, each a word and its values. It is read anew for each log-in, so
 * that a running broker changes its mind. Who writes it replaces it whole.
 *
 * <pre>
 * region eu-west-1
 * clock_offset_s -1200
 * session_cap_s 20
 * connects_per_second 4
 * identity ACCESS_KEY SECRET SESSION_TOKEN|- PRINCIPAL
 * </pre>
 */
final class Control {
    /** Who may log in. The session token is there for temporary credentials only. */
    record Identity(String secret, Optional<String> sessionToken, String principal) {}

    private final Map<String, Identity> identities = new HashMap<>();
    private final Map<String, String> values = new HashMap<>();

    static Control read(Path file) {
        try {
            var control = new Control();
            Files.readAllLines(file).forEach(control::add);
            return control;
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    private void add(String line) {
        // At white space only: secrets and session tokens hold `/`, `+` and `=`.
        String[] words = line.split("\\s+");
        if (words[0].equals("identity") && words.length == 5) {
            Optional<String> sessionToken = Optional.of(words[3]).filter(token -> !token.equals("-"));
            identities.put(words[1], new Identity(words[2], sessionToken, words[4]));
        } else if (words.length == 2) {
            values.put(words[0], words[1]);
        } else {
            throw new IllegalArgumentException("a control line of " + words.length + " words: " + words[0]);
        }
    }

    Optional<Identity> identity(String accessKey) {
        return Optional.ofNullable(identities.get(accessKey));
    }

    /** Whose tokens are taken. */
    String region() {
        return value("region").orElseThrow();
    }

    /** How far this broker's clock is ahead of the machine's. */
    long clockOffsetSeconds() {
        return value("clock_offset_s").map(Long::parseLong).orElse(0L);
    }

    /** How long a token lives at most, and so the session it opens. */
    long sessionCapSeconds() {
        return value("session_cap_s").map(Long::parseLong).orElse(Long.MAX_VALUE);
    }

    /** How many log-ins are taken; MSK's are 4 on its small brokers. */
    double connectsPerSecond() {
        return value("connects_per_second").map(Double::parseDouble).orElse(Double.POSITIVE_INFINITY);
    }

    private Optional<String> value(String name) {
        return Optional.ofNullable(values.get(name));
    }
}
