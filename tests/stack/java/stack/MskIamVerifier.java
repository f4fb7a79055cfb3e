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

/** The listener's callback handler: verifies IAM log-ins on the broker and refuses them with MSK's messages. */
public final class MskIamVerifier implements AuthenticateCallbackHandler {
    /** Shared by all handlers of the broker, which creates several. */
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
                // The broker's own log-in, made by each listener at its start. Its token is never verified.
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

    /** Builds an exception, because the callback's own `error` would send JSON to the client. */
    private static SaslAuthenticationException refusal(String answer, String reason) {
        String message = "[" + UUID.randomUUID() + "]: " + answer;
        System.err.println("IAM refused " + message + ": " + reason);
        return new SaslAuthenticationException(message);
    }

    @Override
    public void close() {}
}
