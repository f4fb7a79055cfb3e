//! TLS by rustls, with one cryptography provider for the whole process.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject},
};

/// Why authorities cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("no certificate authorities in {place}")]
pub struct AuthoritiesError {
    place: String,
    #[source]
    source: io::Error,
}

/// Chooses the cryptography provider. Each `main` whose program uses rustls calls it first: two are compiled in, since rskafka brings another one, and
/// rustls does not choose between them.
pub fn install_provider() {
    // Only a second call fails, and the first has chosen the same.
    drop(aws_lc_rs::default_provider().install_default());
}

/// A client's side of TLS that trusts the authorities in a PEM file, or those of the system.
///
/// # Errors
/// When there are none.
pub fn client_config(authorities: Option<&Path>) -> Result<Arc<ClientConfig>, AuthoritiesError> {
    let roots = roots(authorities)?;
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder
        .with_safe_default_protocol_versions()
        .map_err(|error| AuthoritiesError { place: "rustls".to_owned(), source: io::Error::other(error) })?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

fn roots(authorities: Option<&Path>) -> Result<RootCertStore, AuthoritiesError> {
    let place = || authorities.map_or_else(|| "the system's folders".to_owned(), |file| file.display().to_string());
    let failed = |source| AuthoritiesError { place: place(), source };
    let certificates: Vec<CertificateDer<'static>> = match authorities {
        None => rustls_native_certs::load_native_certs().certs,
        Some(file) => CertificateDer::pem_file_iter(PathBuf::from(file))
            .and_then(Iterator::collect)
            .map_err(|error| failed(io::Error::other(error)))?,
    };
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(certificates);
    if added == 0 {
        return Err(failed(io::ErrorKind::NotFound.into()));
    }
    Ok(roots)
}
