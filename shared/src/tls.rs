//! TLS by rustls, with an explicit cryptography provider: rskafka brings a second one, and rustls does not choose between
//! them.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{
        CertificateDer,
        pem::{self, PemObject},
    },
};

/// The reason why no certificate can be verified.
#[derive(Debug, thiserror::Error)]
pub enum TlsConfigError {
    /// The file does not exist, or is not PEM.
    #[error("the certificate authorities in {} cannot be read", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The error of the file or its PEM.
        source: pem::Error,
    },
    /// There is no authority to trust.
    #[error("no certificate authorities in {place}")]
    Empty {
        /// The file, or the system's folders.
        place: String,
    },
    /// The cryptography provider supports no version of TLS.
    #[error("the cryptography provider does not support TLS")]
    Provider(#[source] rustls::Error),
}

/// The TLS settings of a client that trusts the authorities in a PEM file, or those of the system.
///
/// # Errors
/// When there are no authorities, or they cannot be read.
pub fn client_config(authorities: Option<&Path>) -> Result<Arc<ClientConfig>, TlsConfigError> {
    let roots = roots(authorities)?;
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(TlsConfigError::Provider)?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

fn roots(authorities: Option<&Path>) -> Result<RootCertStore, TlsConfigError> {
    let certificates: Vec<CertificateDer<'static>> = match authorities {
        None => rustls_native_certs::load_native_certs().certs,
        Some(file) => CertificateDer::pem_file_iter(file)
            .and_then(Iterator::collect)
            .map_err(|source| TlsConfigError::Unreadable { file: file.to_owned(), source })?,
    };
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(certificates);
    if added == 0 {
        let place = authorities.map_or_else(|| "the system's folders".to_owned(), |file| file.display().to_string());
        return Err(TlsConfigError::Empty { place });
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_chain::one_line;

    #[test]
    fn a_missing_file_and_one_without_certificates_have_different_errors() {
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        for (file, message) in [
            ("/no/such.pem", "the certificate authorities in /no/such.pem cannot be read: "),
            (manifest, &format!("no certificate authorities in {manifest}")),
        ] {
            let error = one_line(&client_config(Some(Path::new(file))).unwrap_err());
            assert!(error.starts_with(message) && !error.contains("entity not found"), "{error}");
        }
    }
}
