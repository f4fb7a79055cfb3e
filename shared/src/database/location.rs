//! A database's URL: address, TLS verification and login.

use std::{fmt, net::IpAddr, str::FromStr};

use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};

use super::{
    authorities::{PrivateAuthorities, PrivateAuthoritiesError},
    connection::{Database, plain_host},
};
use crate::{credentials::Signer, settings::Reader};

/// A URL of the form `mysql://user:password@host:3306/database`, with options after a `?`:
///
/// - `login=iam`: an IAM token in place of the password;
/// - `ssl-mode`: as in MySQL's own clients. The default is `VERIFY_IDENTITY`, and `PREFERRED` for a database on this machine,
///   where no traffic can be intercepted;
/// - `ssl-ca`: a PEM file of the authorities to trust in place of Amazon's for RDS.
#[derive(Clone)]
pub struct Location {
    options: MySqlConnectOptions,
    iam: bool,
    has_login: bool,
}

/// Omits the options, which hold a password.
impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Location")
            .field("host", &self.options.get_host())
            .field("user", &self.options.get_username())
            .field("iam", &self.iam)
            .finish_non_exhaustive()
    }
}

/// The reason why a text is not a database's URL. No message shows the text, which may hold a password.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message is its documentation")]
pub enum LocationError {
    #[error("not `mysql://user:password@host:3306/database`")]
    Scheme,
    #[error(
        "not a URL as `mysql://user:password@host:3306/database`: escape special characters of the password, as in `%40`"
    )]
    Url(#[source] sqlx::Error),
    #[error("the URL names no database: mysql://user@host/database")]
    NoDatabase,
    #[error("`ssl-mode` is DISABLED, PREFERRED, REQUIRED, VERIFY_CA or VERIFY_IDENTITY")]
    Mode,
    // Without its name: if the password has a `?`, the option is the rest of the password.
    #[error("the URL has an option other than {} after the `?`", OPTIONS.join(", "))]
    Option,
    #[error("`{name}` appears twice in the URL")]
    Twice { name: String },
    #[error("`login` is `iam` or `password`")]
    Login,
    #[error("`ssl-ca` cannot be used")]
    Authorities(#[from] PrivateAuthoritiesError),
    #[error("`ssl-ca` has no effect unless `ssl-mode` is VERIFY_IDENTITY or VERIFY_CA")]
    AuthoritiesUnused,
    #[error("`login=iam` sends its token in clear text inside TLS: `ssl-mode` has to be VERIFY_IDENTITY or omitted")]
    IamUnverified,
    #[error("`login=iam` needs the user in the URL, of ASCII letters, digits, `_`, `-` and `.`, and no password")]
    IamUser,
}

/// The options after the `?`. sqlx ignores unknown ones, so a misspelt `login` would have no effect.
const OPTIONS: &[&str] = &["login", "ssl-mode", "ssl-ca", "ssl-cert", "ssl-key", "socket"];

impl Location {
    /// Returns whether the URL has a user. Otherwise a secret provides one.
    #[must_use]
    pub const fn has_login(&self) -> bool {
        self.has_login
    }

    /// Reads the AWS variables if the login needs them; `None` means that the reader recorded a problem.
    pub fn identify<F: Fn(&str) -> Option<String>>(&self, reader: &mut Reader<F>) -> Option<Database> {
        let signer = if self.iam { Some(Signer::read(reader)?) } else { None };
        Some(Database { options: self.options.clone(), signer })
    }
}

impl FromStr for Location {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, LocationError> {
        if !text.starts_with("mysql://") {
            return Err(LocationError::Scheme);
        }
        let query = Query::of(text)?;
        let iam = match query.get("login") {
            Some("iam") => true,
            None | Some("password") => false,
            Some(_) => return Err(LocationError::Login),
        };
        let mode = query.get("ssl-mode").map(str::parse::<MySqlSslMode>).transpose();
        // sqlx's error shows the value.
        let mode = mode.map_err(|_| LocationError::Mode)?;
        // sqlx parses URLs in the same way, applies the options it knows, and resolves escapes.
        let options = text.parse::<MySqlConnectOptions>().map_err(LocationError::Url)?;
        let host = plain_host(options.get_host()).to_owned();
        let mut options = options.host(&host);
        if options.get_database().is_none_or(str::is_empty) {
            return Err(LocationError::NoDatabase);
        }
        if iam && !names_only_a_user(text, options.get_username()) {
            return Err(LocationError::IamUser);
        }
        let authorities = query.get("ssl-ca");
        if mode.is_none() && (iam || authorities.is_some() || !is_this_machine(&options)) {
            options = options.ssl_mode(MySqlSslMode::VerifyIdentity);
        }
        let mode = options.get_ssl_mode();
        if iam && (!matches!(mode, MySqlSslMode::VerifyIdentity) || options.get_socket().is_some()) {
            return Err(LocationError::IamUnverified);
        }
        if matches!(mode, MySqlSslMode::VerifyIdentity | MySqlSslMode::VerifyCa) {
            let authorities = authorities.map_or(Ok(PrivateAuthorities::AmazonRds), str::parse)?;
            options = options.ssl_ca_from_pem(authorities.into_pem());
        } else if authorities.is_some() {
            return Err(LocationError::AuthoritiesUnused);
        }
        let authority = text.trim_start_matches("mysql://").split('/').next();
        let has_login = iam || authority.is_some_and(|authority| authority.contains('@'));
        Ok(Self { options, iam, has_login })
    }
}

/// The options after the `?`, unparsed.
struct Query<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Query<'a> {
    fn of(url: &'a str) -> Result<Self, LocationError> {
        let query = url.split_once('?').map_or("", |(_, query)| query);
        let mut options: Vec<(&str, &str)> = Vec::new();
        for option in query.split('&').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            if !OPTIONS.contains(&name) {
                return Err(LocationError::Option);
            }
            if options.iter().any(|(other, _)| *other == name) {
                return Err(LocationError::Twice { name: name.to_owned() });
            }
            options.push((name, value));
        }
        Ok(Self(options))
    }

    fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find_map(|(key, value)| (*key == name).then_some(*value))
    }
}

/// Returns whether the URL has this user and no password, and the name needs no escaping in another URL.
fn names_only_a_user(url: &str, user: &str) -> bool {
    let plain = user.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
    plain && url.starts_with(&format!("mysql://{user}@"))
}

/// Returns whether the traffic stays on this machine.
fn is_this_machine(options: &MySqlConnectOptions) -> bool {
    let host = options.get_host();
    let loopback = host.parse::<IpAddr>().map_or(host == "localhost", |address| address.is_loopback());
    loopback || options.get_socket().is_some()
}

#[cfg(test)]
mod tests {
    use super::{super::connection::Address, *};
    use crate::error_chain::one_line;

    const RDS: &str = "db.abc.eu-west-1.rds.amazonaws.com";

    fn mode(url: &str) -> MySqlSslMode {
        url.parse::<Location>().unwrap_or_else(|error| panic!("{url}: {error}")).options.get_ssl_mode()
    }

    #[test]
    fn tls_is_verified_unless_the_database_is_local_or_the_url_opts_out() {
        for url in ["mysql://u:p@db/d", "mysql://u@10.0.0.1:3307/d", "mysql://u@localhost/d?login=iam"] {
            assert!(matches!(mode(url), MySqlSslMode::VerifyIdentity), "{url}");
        }
        for url in ["mysql://u@localhost/d", "mysql://127.0.0.1/d", "mysql://u@[::1]:1/d", "mysql://u/d?socket=/s"] {
            assert!(matches!(mode(url), MySqlSslMode::Preferred), "{url}");
        }
        assert!(matches!(mode("mysql://u@db/d?ssl-mode=DISABLED"), MySqlSslMode::Disabled));
        assert!(matches!(mode("mysql://u@db/d?ssl-mode=VERIFY_CA"), MySqlSslMode::VerifyCa));
    }

    #[test]
    fn an_ipv6_address_has_brackets_only_in_urls_and_messages() {
        for (url, host, display) in [
            ("mysql://u:p@[::1]:3307/d", "::1", "u@[::1]:3307"),
            ("mysql://u@[2001:db8::7]/d?login=iam", "2001:db8::7", "u@[2001:db8::7]:3306"),
            ("mysql://u:p@192.0.2.1/d", "192.0.2.1", "u@192.0.2.1:3306"),
            ("mysql://u:p@db.example/d", "db.example", "u@db.example:3306"),
        ] {
            let location: Location = url.parse().unwrap();
            assert_eq!(location.options.get_host(), host);
            let lookup = |name: &str| (name != "AWS_CREDENTIAL_EXPIRATION").then(|| "eu-west-1".to_owned());
            assert_eq!(location.identify(&mut Reader::new(lookup)).unwrap().to_string(), display);
        }
        for host in ["::1", "[::1]"] {
            let address = Address { host: host.to_owned(), port: 3306 };
            let database = Database::with_password(&address, "u", "p", PrivateAuthorities::AmazonRds);
            assert_eq!((database.options.get_host(), &*database.to_string()), ("::1", "u@[::1]:3306"));
        }
    }

    #[test]
    fn a_url_has_a_user_or_leaves_it_to_a_secret() {
        let has_login = |url: &str| url.parse::<Location>().unwrap().has_login();
        for url in ["mysql://u@h/d", "mysql://u:p@h/d", "mysql://u@h/d?login=iam"] {
            assert!(has_login(url), "{url}");
        }
        assert!(!has_login("mysql://h:3307/d?ssl-mode=REQUIRED"));
    }

    #[test]
    fn invalid_urls_are_rejected_without_their_password() {
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        for (url, message) in [
            ("postgres:/u@h/d", "not `mysql://"),
            ("mysql://u:s3cret@h:port/d", "not a URL as `mysql://"),
            ("mysql://u:s3cret@h", "names no database"),
            ("mysql://u:s3cret@h/d?logn=iam", "an option other than login, ssl-mode"),
            ("mysql://u:s3cret@h/d?sslmode=DISABLED", "an option other than login"),
            ("mysql://u:1?s3cret@h/d", "an option other than login"),
            ("mysql://u@h/d?login=iam&login=password", "`login` appears twice in the URL"),
            ("mysql://u@h/d?login=IAM", "`login` is `iam` or `password`"),
            ("mysql://u:s3cret@h/d?login=iam", "needs the user in the URL"),
            ("mysql://h/d?login=iam", "needs the user in the URL"),
            ("mysql://a%26b@h/d?login=iam", "needs the user in the URL"),
            ("mysql://u@h/d?login=iam&ssl-mode=REQUIRED", "`ssl-mode` has to be VERIFY_IDENTITY"),
            ("mysql://u@h/d?login=iam&ssl-mode=VERIFY_CA", "`ssl-mode` has to be VERIFY_IDENTITY"),
            ("mysql://u@h/d?login=iam&socket=/s", "`ssl-mode` has to be VERIFY_IDENTITY"),
            ("mysql://u@h/d?ssl-mode=REQUIRED&ssl-ca=/a.pem", "`ssl-ca` has no effect"),
            ("mysql://u@h/d?ssl-ca=/no/such.pem", "`ssl-ca` cannot be used: /no/such.pem cannot be read: No such file"),
            (&format!("mysql://u@localhost/d?ssl-ca={manifest}"), "holds no certificate"),
            ("mysql://u@h/d?ssl-mode=SAFE", "`ssl-mode` is DISABLED, PREFERRED"),
        ] {
            let error = one_line(&url.parse::<Location>().expect_err(url));
            assert!(error.contains(message) && !error.contains("s3cret"), "{url}: {error}");
        }
    }

    #[test]
    fn an_iam_login_names_every_missing_variable() {
        let location: Location = format!("mysql://emulator@{RDS}/pinterest?login=iam").parse().unwrap();
        let mut reader = Reader::new(|_: &str| None);
        let database = location.identify(&mut reader);
        let error = reader.finish(database).unwrap_err().to_string();
        for name in ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
            assert!(error.contains(&format!("{name} is not set")), "{error}");
        }
    }

    #[test]
    fn output_has_no_secret() {
        let location: Location = format!("mysql://u:s3cret@{RDS}/d").parse().unwrap();
        let database = location.identify(&mut Reader::new(|_: &str| None)).unwrap();
        let output = format!("{location:?} {database:?} {database}");
        assert!(output.contains("u@db.abc") && !output.contains("s3cret"), "{output}");

        let location: Location = format!("mysql://u@{RDS}/d?login=iam").parse().unwrap();
        let database = location.identify(&mut Reader::new(|name: &str| Some(format!("s3cret-{name}"))));
        assert!(database.is_none(), "the expiry is not a date");
        let lookup = |name: &str| (name != "AWS_CREDENTIAL_EXPIRATION").then(|| format!("s3cret-{name}"));
        let output = format!("{:?}", location.identify(&mut Reader::new(lookup)).unwrap());
        assert!(!output.contains("s3cret"), "{output}");
    }
}
