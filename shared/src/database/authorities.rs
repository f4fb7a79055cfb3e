//! Who may have signed a database's certificate.

use std::{fs, io, path::PathBuf, str::FromStr};

use rustls::pki_types::{CertificateDer, pem::PemObject};

/// Amazon's authorities for RDS, which neither Amazon Linux nor the lists of public authorities hold.
const AMAZON_RDS: &str = include_str!("rds-authorities.pem");

/// Authorities beside the public ones, which are always trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authorities {
    /// Amazon's for RDS, in every region that had opened by 2024.
    AmazonRds,
    /// Those of a PEM file, which was read.
    Pem(Vec<u8>),
}

/// Why authorities cannot be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message is its documentation")]
pub enum AuthoritiesError {
    #[error("{} cannot be read", file.display())]
    Unreadable { file: PathBuf, source: io::Error },
    #[error("{} holds no certificate in PEM", file.display())]
    Empty { file: PathBuf },
}

impl Authorities {
    pub(super) fn into_pem(self) -> Vec<u8> {
        match self {
            Self::AmazonRds => AMAZON_RDS.as_bytes().to_vec(),
            Self::Pem(pem) => pem,
        }
    }
}

impl FromStr for Authorities {
    type Err = AuthoritiesError;

    /// `amazon-rds`, or the path of a PEM file. It is read now: a wrong path is told at the start, not at the first connection.
    fn from_str(text: &str) -> Result<Self, AuthoritiesError> {
        if text == "amazon-rds" {
            return Ok(Self::AmazonRds);
        }
        let file = PathBuf::from(text);
        match fs::read(&file) {
            Err(source) => Err(AuthoritiesError::Unreadable { file, source }),
            Ok(pem) if certificates(&pem) == 0 => Err(AuthoritiesError::Empty { file }),
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
    fn amazons_authorities_can_all_be_used() {
        let certificates =
            CertificateDer::pem_slice_iter(AMAZON_RDS.as_bytes()).collect::<Result<Vec<_>, _>>().unwrap();
        let mut roots = RootCertStore::empty();
        assert_eq!(roots.add_parsable_certificates(certificates), (81, 0), "27 regions, three kinds of key");
    }

    #[test]
    fn a_file_that_is_no_help_is_named() {
        let error = one_line(&"/no/such.pem".parse::<Authorities>().unwrap_err());
        assert_eq!(error, "/no/such.pem cannot be read: No such file or directory (os error 2)");
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let error = manifest.parse::<Authorities>().unwrap_err().to_string();
        assert_eq!(error, format!("{manifest} holds no certificate in PEM"));
    }
}
