package stack;

import java.time.DateTimeException;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Optional;
import java.util.Set;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerToken;

/** What an MSK broker takes for a log-in: a URL of the region's clusters that was signed within the last 15 minutes. */
record MskToken(String value, String principalName, Instant signedAt, Instant end) implements OAuthBearerToken {
    private static final DateTimeFormatter DATE = DateTimeFormatter.ofPattern("uuuuMMdd'T'HHmmss'Z'");
    /** The life that the signers give a token. */
    private static final long MOST_SECONDS = 900;
    /** How far a signer's clock may be ahead: what Signature Version 4 allows elsewhere; MSK's own figure is not published. */
    private static final long SKEW_SECONDS = 300;

    /** Checks a token, at a moment of this machine's clock. */
    static MskToken verified(String token, Control control, Instant at) throws Refused {
        Instant now = at.plusSeconds(control.clockOffsetSeconds());
        var url = SignedUrl.ofToken(token);
        String origin = "https://kafka." + control.region() + ".amazonaws.com";
        if (!url.origin().equals(origin) || !url.path().equals("/")) {
            throw new Refused("it is for " + url.origin() + url.path() + " in place of " + origin + "/");
        }
        url.expect("Action", "kafka-cluster:Connect");

        String date = url.parameter("X-Amz-Date").orElse("");
        Instant signedAt = instant(date);
        String[] credential = url.parameter("X-Amz-Credential").orElse("").split("/", 2);
        String scope = date.substring(0, 8) + "/" + control.region() + "/kafka-cluster/aws4_request";
        url.expect("X-Amz-Credential", credential[0] + "/" + scope);
        Control.Identity identity = control.identity(credential[0])
            .orElseThrow(() -> new Refused("the access key " + credential[0] + " is unknown"));
        Optional<String> sessionToken = url.parameter("X-Amz-Security-Token");
        if (!sessionToken.equals(identity.sessionToken())) {
            throw new Refused("the session token is " + (sessionToken.isPresent() ? "another" : "missing"));
        }
        url.expectSignature(identity.secret(), date, scope);

        long life = Math.min(life(url), control.sessionCapSeconds());
        if (signedAt.isAfter(now.plusSeconds(SKEW_SECONDS))) {
            throw new Refused("it was signed at " + signedAt + ", which is in the future at " + now);
        }
        if (!now.isBefore(signedAt.plusSeconds(life))) {
            throw new Refused("it was signed at " + signedAt + " for " + life + " s, which are over at " + now);
        }
        // By this machine's clock, which is the one that Kafka ends the session by.
        Instant end = signedAt.plusSeconds(life - control.clockOffsetSeconds());
        return new MskToken(token, identity.principal(), signedAt, end);
    }

    private static Instant instant(String date) throws Refused {
        try {
            return LocalDateTime.parse(date, DATE).toInstant(ZoneOffset.UTC);
        } catch (DateTimeException failed) {
            throw new Refused("X-Amz-Date is no date");
        }
    }

    private static long life(SignedUrl url) throws Refused {
        try {
            long seconds = Long.parseLong(url.parameter("X-Amz-Expires").orElse(""));
            if (seconds > 0 && seconds <= MOST_SECONDS) {
                return seconds;
            }
        } catch (NumberFormatException failed) {
            // Said below.
        }
        throw new Refused("X-Amz-Expires is not a number from 1 to " + MOST_SECONDS);
    }

    @Override
    public Set<String> scope() {
        return Set.of();
    }

    /** Kafka ends the session at this moment, or has it log in again. */
    @Override
    public long lifetimeMs() {
        return end.toEpochMilli();
    }

    @Override
    public Long startTimeMs() {
        return signedAt.toEpochMilli();
    }
}
