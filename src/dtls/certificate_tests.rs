use super::*;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn generate(seed: u64) -> Certificate {
    let mut random = Random::from_number(seed);
    Certificate::generate(&mut random, at(1_700_000_000), Duration::from_secs(60)).unwrap()
}

#[test]
fn a_generated_certificate_is_valid_for_its_time() {
    let c = generate(1);
    assert_eq!(c.key_type(), KeyType::EcdsaP256);
    assert_eq!(c.expires(), at(1_700_000_060));
    assert!(c.is_valid_at(at(1_700_000_000)) && c.is_valid_at(at(1_700_000_060)));
    assert!(!c.is_valid_at(at(1_700_000_061)));
    assert!(c.is_valid_at(at(1_700_000_000 - 86_400)));
    assert!(!c.is_valid_at(at(1_700_000_000 - 86_401)));
    assert_ne!(c.der(), generate(2).der());
}

#[test]
fn survives_the_way_through_pem_in_any_order() {
    let c = generate(1);
    let pem = c.to_pem().unwrap();
    let again = Certificate::from_pem(&pem).unwrap();
    assert_eq!(
        (again.der(), again.fingerprints()),
        (c.der(), c.fingerprints())
    );
    let blocks = pem::parse_many(&pem).unwrap();
    let reversed: String = blocks.iter().rev().map(pem::encode).collect();
    assert_eq!(Certificate::from_pem(&reversed).unwrap().der(), c.der());
}

#[test]
fn says_what_is_wrong_with_a_pem() {
    let (a, b) = (generate(1), generate(2));
    let blocks = pem::parse_many(a.to_pem().unwrap()).unwrap();
    let others = pem::parse_many(b.to_pem().unwrap()).unwrap();
    let error = |blocks: &[&pem::Pem]| {
        let text: String = blocks.iter().map(|b| pem::encode(b)).collect();
        Certificate::from_pem(&text).unwrap_err()
    };
    assert_eq!(error(&[]), CertificateError::NoCertificate);
    assert_eq!(error(&[&blocks[1]]), CertificateError::NoCertificate);
    assert_eq!(error(&[&blocks[0]]), CertificateError::NoPrivateKey);
    assert_eq!(
        error(&[&blocks[0], &others[1]]),
        CertificateError::KeyMismatch
    );
    let junk = |tag: &str| pem::Pem::new(tag, b"junk".to_vec());
    assert_eq!(
        error(&[&junk("CERTIFICATE"), &blocks[1]]),
        CertificateError::Certificate
    );
    assert_eq!(
        error(&[&blocks[0], &junk("PRIVATE KEY")]),
        CertificateError::PrivateKey
    );
    assert_eq!(
        Certificate::from_pem("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----").err(),
        Some(CertificateError::Pem)
    );
}

#[test]
fn reads_an_openssl_key_in_sec1_form() {
    let c = Certificate::from_pem(include_str!("testdata/ec-sec1.pem")).unwrap();
    assert_eq!(c.key_type(), KeyType::EcdsaP256);
    // What is printed is the common form.
    assert!(c.to_pem().unwrap().contains("BEGIN PRIVATE KEY"));
    assert_eq!(
        Certificate::from_pem(&c.to_pem().unwrap()).unwrap().der(),
        c.der()
    );
}

#[test]
fn debug_does_not_show_the_private_key() {
    let c = generate(1);
    let shown = format!("{c:?}");
    assert!(
        shown.contains(&c.fingerprints()[0].value) && shown.len() < 300,
        "{shown}"
    );
}
