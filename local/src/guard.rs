//! Rejects requests to foreign host names and from foreign web pages.
//!
//! Every page in a developer's browser can send requests to a server on that machine. So this server accepts only its own names:
//! otherwise a page whose name resolves to this machine (DNS rebinding) would share its origin. Pages of other origins may not read
//! responses (CORS), and their writing requests are rejected. Other clients send no `Origin` and are not affected. SECURITY.md
//! explains the risk.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    str::FromStr,
    sync::Arc,
};

use axum::{
    Json,
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header, uri::Authority};
use serde_json::json;
use shared::redact::excerpt;

/// The names under which containers reach a server on their host. `.internal` is reserved, so no page on the Internet has such a
/// name.
const FROM_CONTAINERS: [&str; 2] = ["host.docker.internal", "host.containers.internal"];

/// The CORS headers with which `ingest` permits every page, as the course's API does.
static CORS: [HeaderName; 3] =
    [header::ACCESS_CONTROL_ALLOW_ORIGIN, header::ACCESS_CONTROL_ALLOW_METHODS, header::ACCESS_CONTROL_ALLOW_HEADERS];

/// Keeps other pages from loading a response as a script or an image.
const SAME_ORIGIN: (HeaderName, HeaderValue) =
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin"));

/// The accepted host names and origins. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Guard(Arc<Allowed>);

#[derive(Debug)]
struct Allowed {
    /// The address that the server listens at.
    address: SocketAddr,
    hosts: Vec<Host>,
    origins: Vec<Origin>,
}

/// A host name or address, in lower case and without a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Host(String);

/// The origin of a page, such as `http://localhost:3000`, `null` for a page without one, such as a file, or `*` for every page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin(HeaderValue);

/// The reason a request is rejected.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum Rejection {
    #[error("Bad Request: a request needs exactly one Host header, with the name or address of this server")]
    Host,
    #[error(
        "Misdirected Request: this server does not accept the host {host}: use http://{address}, or start it with --allow-host {host}"
    )]
    ForeignHost { host: String, address: SocketAddr },
    #[error(
        "Forbidden: a page of {origin} may not send records here: start the server with --allow-origin {origin} if it is yours"
    )]
    ForeignOrigin { origin: String },
}

impl Guard {
    /// Accepts requests to the names of a server at `address` and to `hosts`, from its own pages and from those of `origins`.
    pub(crate) fn new(address: SocketAddr, hosts: Vec<Host>, origins: Vec<Origin>) -> Self {
        Self(Arc::new(Allowed { address, hosts, origins }))
    }

    fn check(&self, request: &Request) -> Result<(), Rejection> {
        let host = single_host(request)?;
        // A request to a proxy names the host in its first line, which takes precedence.
        let requested_host = request.uri().authority().or(host.as_ref());
        for authority in requested_host.into_iter().chain(&host) {
            let name = Host::of(authority).ok_or(Rejection::Host)?;
            if !self.0.is_served(&name) {
                return Err(Rejection::ForeignHost { host: excerpt(&name.0), address: self.0.address });
            }
        }
        let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
        match request.headers().get(header::ORIGIN) {
            Some(origin) if !safe && !self.0.is_allowed(origin) && !is_same_origin(origin, requested_host) => {
                Err(Rejection::ForeignOrigin { origin: excerpt(&String::from_utf8_lossy(origin.as_bytes())) })
            }
            _ => Ok(()),
        }
    }

    /// Sets the CORS headers for an allowed origin, and removes them for others.
    fn permit(&self, origin: Option<HeaderValue>, headers: &mut HeaderMap) {
        if self.0.allows_every_origin() {
            return;
        }
        match origin.filter(|origin| self.0.is_allowed(origin)) {
            Some(origin) => {
                headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            }
            None => {
                for name in &CORS {
                    headers.remove(name);
                }
            }
        }
        if !self.0.origins.is_empty() {
            headers.append(header::VARY, header::ORIGIN.into());
        }
        headers.extend([SAME_ORIGIN]);
    }
}

/// Rejects requests to foreign names, and writing requests from foreign pages.
pub(crate) async fn reject_foreign(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let mut response = match guard.check(&request) {
        Ok(()) => next.run(request).await,
        Err(rejection) => {
            tracing::info!(error = %rejection, "refused");
            rejection.into_response()
        }
    };
    guard.permit(origin, response.headers_mut());
    response
}

impl Allowed {
    fn is_served(&self, Host(name): &Host) -> bool {
        let own = match name.parse::<IpAddr>().map(|ip| ip.to_canonical()) {
            // A server that listens on all addresses accepts each of them. An address, unlike a name, cannot be rebound.
            Ok(ip) => ip.is_loopback() || ip == self.address.ip() || self.address.ip().is_unspecified(),
            Err(_) => name == "localhost" || name.ends_with(".localhost") || FROM_CONTAINERS.contains(&name.as_str()),
        };
        own || self.hosts.iter().any(|host| host.0 == *name)
    }

    fn is_allowed(&self, origin: &HeaderValue) -> bool {
        self.allows_every_origin() || self.origins.iter().any(|allowed| allowed.0 == origin)
    }

    fn allows_every_origin(&self) -> bool {
        self.origins.iter().any(|origin| origin.0 == "*")
    }
}

/// Returns the only Host header. HTTP/1.0 may have none.
fn single_host(request: &Request) -> Result<Option<Authority>, Rejection> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => Authority::try_from(host.as_bytes()).map(Some).map_err(|_| Rejection::Host),
        (None, None) if request.version() < Version::HTTP_11 => Ok(None),
        _ => Err(Rejection::Host),
    }
}

/// Returns whether `origin` names the host that the request is sent to.
fn is_same_origin(origin: &HeaderValue, requested_host: Option<&Authority>) -> bool {
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    origin.zip(requested_host).is_some_and(|((_, origin), host)| host.as_str().eq_ignore_ascii_case(origin))
}

impl Host {
    /// Returns `None` unless the authority is a name or an address, perhaps with a port.
    fn of(authority: &Authority) -> Option<Self> {
        let host = authority.host();
        let name = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        let name = name.strip_suffix('.').unwrap_or(name);
        let is_label = |label: &str| {
            !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        let is_name = name.split('.').all(is_label) || name.parse::<Ipv6Addr>().is_ok();
        let has_port = authority.as_str().len() > host.len();
        let is_plain = is_name && !authority.as_str().contains('@') && (authority.port_u16().is_some() || !has_port);
        is_plain.then(|| Self(name.to_ascii_lowercase()))
    }
}

impl FromStr for Host {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // An IPv6 address needs brackets only where a port may follow.
        let ip = text.parse::<IpAddr>().ok().map(|ip| Self(ip.to_string()));
        let name = || text.parse().ok().filter(|name: &Authority| name.port().is_none()).as_ref().and_then(Self::of);
        ip.or_else(name).ok_or("expected a name such as my-laptop.lan or an address, without a port or a wildcard")
    }
}

impl FromStr for Origin {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
        let is_origin = host.is_some_and(|host| host.parse::<Authority>().is_ok_and(|host| Host::of(&host).is_some()));
        let origin = HeaderValue::from_str(&text.to_ascii_lowercase())
            .ok()
            .filter(|_| is_origin || matches!(text, "null" | "*"));
        origin.map(Self).ok_or("expected an origin such as http://localhost:3000 without a path, null, or *")
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        let status = match self {
            Self::Host => StatusCode::BAD_REQUEST,
            Self::ForeignHost { .. } => StatusCode::MISDIRECTED_REQUEST,
            Self::ForeignOrigin { .. } => StatusCode::FORBIDDEN,
        };
        (status, Json(json!({ "error_code": status.as_u16(), "message": self.to_string() }))).into_response()
    }
}

#[cfg(test)]
mod tests;
