//! Opens the page in the user's browser.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::terminal::report;

/// Opens the page that `address` serves, and waits a moment for the program that opens it. A failure is reported on stderr: the
/// pipeline runs without a browser.
pub(crate) fn open(address: SocketAddr) {
    let page = page(address);
    if let Err(error) = open::that_detached(&page) {
        report(format_args!("--open: no browser can be started ({error}): open {page} yourself"));
    }
}

/// Returns the page's URL. Browsers reject an address such as 0.0.0.0, which stands for every one of this machine's.
pub(crate) fn page(address: SocketAddr) -> String {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    format!("http://{}/", SocketAddr::new(ip, address.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_every_address_is_opened_by_loopback() {
        for (address, expected) in [
            ("127.0.0.1:8082", "http://127.0.0.1:8082/"),
            ("192.168.1.2:80", "http://192.168.1.2:80/"),
            ("0.0.0.0:8082", "http://127.0.0.1:8082/"),
            ("[::]:8082", "http://[::1]:8082/"),
        ] {
            assert_eq!(page(address.parse().unwrap()), expected);
        }
    }
}
