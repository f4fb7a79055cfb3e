package stack;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The verifier's settings, which a test may change: a file of lines, each a name and its values. It is read anew for
 * each
 * log-in, so a running broker picks up changes. Writers must replace the file atomically.
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
    /** The credentials that may log in. Only temporary credentials have a session token. */
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
        // Split at white space only: secrets and session tokens contain `/`, `+` and `=`.
        String[] words = line.split("\\s+");
        if (words[0].equals("identity") && words.length == 5) {
            Optional<String> sessionToken = Optional.of(words[3]).filter(token -> !token.equals("-"));
            identities.put(words[1], new Identity(words[2], sessionToken, words[4]));
        } else if (words.length == 2) {
            values.put(words[0], words[1]);
        } else {
            throw new IllegalArgumentException("unexpected control line with " + words.length + " words: " + words[0]);
        }
    }

    Optional<Identity> identity(String accessKey) {
        return Optional.ofNullable(identities.get(accessKey));
    }

    /** The region whose tokens are accepted. */
    String region() {
        return value("region").orElseThrow();
    }

    /** The seconds by which this broker's clock is ahead of the machine's. */
    long clockOffsetSeconds() {
        return value("clock_offset_s").map(Long::parseLong).orElse(0L);
    }

    /** The maximum lifetime of a token, and so of the session it opens. */
    long sessionCapSeconds() {
        return value("session_cap_s").map(Long::parseLong).orElse(Long.MAX_VALUE);
    }

    /** The number of log-ins that are accepted per second. MSK's small brokers accept 4. */
    double connectsPerSecond() {
        return value("connects_per_second").map(Double::parseDouble).orElse(Double.POSITIVE_INFINITY);
    }

    private Optional<String> value(String name) {
        return Optional.ofNullable(values.get(name));
    }
}
