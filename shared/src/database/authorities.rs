//! The authorities that may have signed a database's certificate.

use std::{fs, io, path::PathBuf, str::FromStr};

use rustls::pki_types::{CertificateDer, pem::PemObject};

/// Amazon's authorities for RDS. Neither Amazon Linux nor the lists of public authorities have them.
const AMAZON_RDS: &str = include_str!("rds-authorities.pem");

/// Authorities besides the public ones, which are always trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrivateAuthorities {
    /// Amazon's authorities for RDS, in every region opened by 2024.
    AmazonRds,
    /// The contents of a PEM file.
    Pem(Vec<u8>),
}

/// The reason why a file of authorities is unusable.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message is its documentation")]
pub enum PrivateAuthoritiesError {
    #[error("{} cannot be read", file.display())]
    Unreadable { file: PathBuf, source: io::Error },
    #[error("{} holds no certificate in PEM", file.display())]
    Empty { file: PathBuf },
}

impl PrivateAuthorities {
    pub(super) fn into_pem(self) -> Vec<u8> {
        match self {
            Self::AmazonRds => AMAZON_RDS.as_bytes().to_vec(),
            Self::Pem(pem) => pem,
        }
    }
}

impl FromStr for PrivateAuthorities {
    type Err = PrivateAuthoritiesError;

    /// Parses `amazon-rds` or the path of a PEM file. The file is read here, so that a wrong path fails at the start and not at
    /// the first connection.
    fn from_str(text: &str) -> Result<Self, PrivateAuthoritiesError> {
        if text == "amazon-rds" {
            return Ok(Self::AmazonRds);
        }
        let file = PathBuf::from(text);
        match fs::read(&file) {
            Err(source) => Err(PrivateAuthoritiesError::Unreadable { file, source }),
            Ok(pem) if certificates(&pem) == 0 => Err(PrivateAuthoritiesError::Empty { file }),
            Ok(pem) => Ok(Self::Pem(pem)),
        }
    }
}

fn certificates(pem: &[u8]) -> usize {
    CertificateDer::pem_slice_iter(pem).flatten().count()
}

#[cfg(test)]
mod tests {
    use rustls::RootCertStore;

    use super::*;
    use crate::error_chain::one_line;

    #[test]
    fn all_of_amazons_authorities_are_usable() {
        let certificates =
            CertificateDer::pem_slice_iter(AMAZON_RDS.as_bytes()).collect::<Result<Vec<_>, _>>().unwrap();
        let mut roots = RootCertStore::empty();
        assert_eq!(roots.add_parsable_certificates(certificates), (81, 0), "27 regions, three kinds of key");
    }

    #[test]
    fn an_error_names_the_unusable_file() {
        let error = one_line(&"/no/such.pem".parse::<PrivateAuthorities>().unwrap_err());
        assert_eq!(error, "/no/such.pem cannot be read: No such file or directory (os error 2)");
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let error = manifest.parse::<PrivateAuthorities>().unwrap_err().to_string();
        assert_eq!(error, format!("{manifest} holds no certificate in PEM"));
    }
}
