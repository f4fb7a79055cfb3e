package stack;

import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** A URL with a Signature Version 4 in its query. An MSK token is such a URL in base64. */
final class SignedUrl {
    private static final String ALGORITHM = "AWS4-HMAC-SHA256";

    private final URI url;
    /** Decoded names and values, in the order in which they are signed. */
    private final TreeMap<String, String> parameters = new TreeMap<>();

    private SignedUrl(URI url) throws Refused {
        this.url = url;
        for (String parameter : url.getRawQuery().split("&")) {
            String[] parts = parameter.split("=", 2);
            if (parameters.put(decoded(parts[0]), decoded(parts[1])) != null) {
                throw new Refused("the parameter " + parts[0] + " is there twice");
            }
        }
    }

    static SignedUrl ofToken(String token) throws Refused {
        try {
            return new SignedUrl(URI.create(new String(Base64.getUrlDecoder().decode(token), StandardCharsets.US_ASCII)));
        } catch (RuntimeException failed) {
            throw new Refused("it is not a signed URL in base64");
        }
    }

    /** Returns scheme, host and port. */
    String origin() {
        return url.getScheme() + "://" + url.getRawAuthority();
    }

    String path() {
        return url.getRawPath();
    }

    Optional<String> parameter(String name) {
        return Optional.ofNullable(parameters.get(name));
    }

    /** Throws unless the parameter has this value. */
    void expect(String name, String value) throws Refused {
        String found = parameter(name).orElse("nothing");
        if (!found.equals(value)) {
            throw new Refused(name + " is " + found + " in place of " + value);
        }
    }

    /** Throws unless the URL was signed with this secret for this date and scope. */
    void expectSignature(String secret, String date, String scope) throws Refused {
        expect("X-Amz-Algorithm", ALGORITHM);
        expect("X-Amz-SignedHeaders", "host");
        String request = String.join("\n", "GET", path(), query(), "host:" + url.getHost(), "", "host", hash(""));
        String signed = String.join("\n", ALGORITHM, date, scope, hash(request));
        byte[] key = ("AWS4" + secret).getBytes(StandardCharsets.UTF_8);
        for (String part : scope.split("/")) {
            key = keyedHash(key, part);
        }
        byte[] expected = HexFormat.of().formatHex(keyedHash(key, signed)).getBytes(StandardCharsets.US_ASCII);
        byte[] found = parameter("X-Amz-Signature").orElse("").getBytes(StandardCharsets.UTF_8);
        if (!MessageDigest.isEqual(expected, found)) {
            throw new Refused("the signature does not match");
        }
    }

    /** Returns the signed part of the query. The signers add `User-Agent` afterwards. */
    private String query() {
        return parameters.entrySet().stream()
            .filter(entry -> !entry.getKey().equals("X-Amz-Signature") && !entry.getKey().equals("User-Agent"))
            .map(entry -> encoded(entry.getKey()) + "=" + encoded(entry.getValue()))
            .collect(Collectors.joining("&"));
    }

    private static String decoded(String text) {
        return URLDecoder.decode(text, StandardCharsets.UTF_8);
    }

    /** Percent-encodes by RFC 3986, from which Java's `URLEncoder` differs. */
    private static String encoded(String text) {
        var encoded = new StringBuilder();
        for (byte value : text.getBytes(StandardCharsets.UTF_8)) {
            boolean plain = value >= '0' && value <= '9' || value >= 'A' && value <= 'Z' || value >= 'a' && value <= 'z'
                || "-._~".indexOf(value) >= 0;
            encoded.append(plain ? String.valueOf((char) value) : String.format("%%%02X", value));
        }
        return encoded.toString();
    }

    private static String hash(String text) {
        try {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(hash);
        } catch (GeneralSecurityException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    private static byte[] keyedHash(byte[] key, String text) {
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(key, mac.getAlgorithm()));
            return mac.doFinal(text.getBytes(StandardCharsets.UTF_8));
        } catch (GeneralSecurityException impossible) {
            throw new IllegalStateException(impossible);
        }
    }
}
