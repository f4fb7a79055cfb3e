package stack;

import java.time.DateTimeException;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Optional;
import java.util.Set;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerToken;

/** The token that an MSK broker accepts: a signed URL of the region's clusters, at most 15 minutes old. */
record MskToken(String value, String principalName, Instant signedAt, Instant end) implements OAuthBearerToken {
    private static final DateTimeFormatter DATE = DateTimeFormatter.ofPattern("uuuuMMdd'T'HHmmss'Z'");
    /** The lifetime that the signers give a token. */
    private static final long MAX_LIFETIME_SECONDS = 900;
    /** The tolerated clock skew of a signer. Signature Version 4 allows 5 minutes elsewhere; MSK's own value is not published. */
    private static final long MAX_CLOCK_SKEW_SECONDS = 300;

    /** Verifies a token at a time of this machine's clock. */
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
        if (signedAt.isAfter(now.plusSeconds(MAX_CLOCK_SKEW_SECONDS))) {
            throw new Refused("it was signed at " + signedAt + ", which is in the future at " + now);
        }
        if (!now.isBefore(signedAt.plusSeconds(life))) {
            throw new Refused("it was signed at " + signedAt + " for " + life + " s, which are over at " + now);
        }
        // Kafka ends the session by this machine's clock.
        Instant end = signedAt.plusSeconds(life - control.clockOffsetSeconds());
        return new MskToken(token, identity.principal(), signedAt, end);
    }

    private static Instant instant(String date) throws Refused {
        try {
            return LocalDateTime.parse(date, DATE).toInstant(ZoneOffset.UTC);
        } catch (DateTimeException failed) {
            throw new Refused("X-Amz-Date is not a date");
        }
    }

    private static long life(SignedUrl url) throws Refused {
        try {
            long seconds = Long.parseLong(url.parameter("X-Amz-Expires").orElse(""));
            if (seconds > 0 && seconds <= MAX_LIFETIME_SECONDS) {
                return seconds;
            }
        } catch (NumberFormatException failed) {
            // Reported below.
        }
        throw new Refused("X-Amz-Expires is not a number from 1 to " + MAX_LIFETIME_SECONDS);
    }

    @Override
    public Set<String> scope() {
        return Set.of();
    }

    /** The time at which Kafka ends the session, unless the client re-authenticates. */
    @Override
    public long lifetimeMs() {
        return end.toEpochMilli();
    }

    @Override
    public Long startTimeMs() {
        return signedAt.toEpochMilli();
    }
}
