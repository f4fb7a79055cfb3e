//! Certificates for the components that use TLS.

use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SanType,
};

use crate::StackError;

/// A certificate authority of our own. Clients trust it by its file. Its key stays in memory.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: PathBuf,
    ca_file: PathBuf,
}

impl Authority {
    /// Creates an authority that writes its files into `folder`.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn new(folder: &Path) -> Result<Self, StackError> {
        let key = KeyPair::generate().map_err(failed)?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "stack, for tests");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let ca_file = write(folder.join("ca.pem"), &params.self_signed(&key).map_err(failed)?.pem())?;
        Ok(Self { issuer: Issuer::new(params, key), folder: folder.to_owned(), ca_file })
    }

    /// The authority's certificate, in PEM.
    #[must_use]
    pub fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// Issues a certificate for a server at `name` and 127.0.0.1. Returns the files of the certificate and its key,
    /// both in PEM, the key in PKCS#8 because Kafka requires it.
    ///
    /// # Errors
    /// When `name` is not a host name, or the folder cannot be written to.
    pub fn issue(&self, name: &str) -> Result<(PathBuf, PathBuf), StackError> {
        let key = KeyPair::generate().map_err(failed)?;
        let mut params = CertificateParams::new([name.to_owned()]).map_err(failed)?;
        params.subject_alt_names.push(SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        params.distinguished_name.push(DnType::CommonName, name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer).map_err(failed)?;
        Ok((
            write(self.folder.join(format!("{name}.pem")), &certificate.pem())?,
            write(self.folder.join(format!("{name}.key.pem")), &key.serialize_pem())?,
        ))
    }
}

fn failed(error: rcgen::Error) -> StackError {
    StackError::io("issuing a certificate")(io::Error::other(error))
}

fn write(file: PathBuf, text: &str) -> Result<PathBuf, StackError> {
    fs::write(&file, text).map_err(StackError::io(format!("writing {}", file.display())))?;
    Ok(file)
}
