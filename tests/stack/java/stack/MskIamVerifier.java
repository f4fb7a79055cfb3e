package stack;

import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import javax.security.auth.callback.Callback;
import javax.security.auth.callback.UnsupportedCallbackException;
import javax.security.auth.login.AppConfigurationEntry;
import org.apache.kafka.common.errors.SaslAuthenticationException;
import org.apache.kafka.common.security.auth.AuthenticateCallbackHandler;
import org.apache.kafka.common.security.auth.SaslExtensionsCallback;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerExtensionsValidatorCallback;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerTokenCallback;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallback;

/** The broker's side of a log-in by IAM: the listener's callback handler. It says no in MSK's words. */
public final class MskIamVerifier implements AuthenticateCallbackHandler {
    /** One for the broker, which makes a handler for each of its uses. */
    private static final RateLimit CONNECTS = new RateLimit();

    private Path control;

    @Override
    public void configure(Map<String, ?> configs, String mechanism, List<AppConfigurationEntry> entries) {
        control = Path.of(entries.get(0).getOptions().get("control").toString());
    }

    @Override
    public void handle(Callback[] callbacks) throws UnsupportedCallbackException {
        for (Callback callback : callbacks) {
            if (callback instanceof OAuthBearerValidatorCallback validation) {
                verify(validation);
            } else if (callback instanceof OAuthBearerExtensionsValidatorCallback extensions) {
                extensions.inputExtensions().map().keySet().forEach(extensions::valid);
            } else if (!(callback instanceof OAuthBearerTokenCallback || callback instanceof SaslExtensionsCallback)) {
                // Those two are the broker's own log-in, which each listener makes at its start: nobody asks for its token.
                throw new UnsupportedCallbackException(callback);
            }
        }
    }

    private void verify(OAuthBearerValidatorCallback validation) {
        var now = Control.read(control);
        if (!CONNECTS.admits(now.connectsPerSecond())) {
            throw refusal("Too many connects", "more than " + now.connectsPerSecond() + " a second");
        }
        try {
            validation.token(MskToken.verified(validation.tokenValue(), now, Instant.now()));
        } catch (Refused refused) {
            throw refusal("Access denied", refused.getMessage());
        }
    }

    /** Thrown: with the callback's own `error` the client would read JSON. */
    private static SaslAuthenticationException refusal(String said, String reason) {
        String message = "[" + UUID.randomUUID() + "]: " + said;
        System.err.println("IAM refused " + message + ": " + reason);
        return new SaslAuthenticationException(message);
    }

    @Override
    public void close() {}
}
