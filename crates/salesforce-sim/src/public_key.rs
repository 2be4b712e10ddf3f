//! Which RSA key is in an uploaded certificate or public key?

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer};

const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;
const EXPLICIT_VERSION: u8 = 0xa0;

/// Salesforce takes certificates of at most 4 KB. docs/salesforce.md#jwt-certificate
const LARGEST_CERTIFICATE: usize = 4096;

/// The PKCS#1 public key (as `ring` wants it) of a PEM certificate or public key.
pub(crate) fn rsa_public_key(pem: &str) -> Option<Vec<u8>> {
    if pem.len() > LARGEST_CERTIFICATE {
        return None;
    }
    if let Ok(certificate) = CertificateDer::from_pem_slice(pem.as_bytes()) {
        return key_of_info(info_of_certificate(&certificate)?).map(<[u8]>::to_vec);
    }
    let info = SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes()).ok()?;
    key_of_info(&info).map(<[u8]>::to_vec)
}

/// `SubjectPublicKeyInfo` is the sixth field of `TBSCertificate` after the optional version:
/// serial, signature algorithm, issuer, validity, subject, then it (RFC 5280, section 4.1).
fn info_of_certificate(certificate: &[u8]) -> Option<&[u8]> {
    let (outer, _) = element(certificate, SEQUENCE)?;
    let (mut fields, _) = element(outer, SEQUENCE)?;
    if fields.first() == Some(&EXPLICIT_VERSION) {
        fields = rest(fields)?;
    }
    for _ in 0..5 {
        fields = rest(fields)?;
    }
    Some(fields)
}

/// The bit string of a `SubjectPublicKeyInfo` holds one byte of padding count and then the key.
fn key_of_info(info: &[u8]) -> Option<&[u8]> {
    let (fields, _) = element(info, SEQUENCE)?;
    let (bits, _) = element(rest(fields)?, BIT_STRING)?;
    bits.get(1..)
}

/// Splits DER into the contents of its first element and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    (der.first() == Some(&tag)).then_some(())?;
    split(der)
}

fn rest(der: &[u8]) -> Option<&[u8]> {
    split(der).map(|(_, rest)| rest)
}

fn split(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let first = usize::from(*der.get(1)?);
    let (length, header) = if first < 0x80 {
        (first, 2)
    } else {
        let octets = first & 0x7f;
        let length = der
            .get(2..2 + octets)?
            .iter()
            .fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
        (length, 2 + octets)
    };
    Some((der.get(header..header + length)?, der.get(header + length..)?))
}
